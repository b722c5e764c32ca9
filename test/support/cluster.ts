/** Clusters of Redis servers for tests: each node is a process of its own, on free ports of loopback. */
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe } from "vitest";
import { freePort } from "./programs.ts";
import { needing } from "./needs.ts";
import { ask, startServer, type Program, type Server, type Settings } from "./servers.ts";

/** A running cluster. */
export interface Cluster {
  /** Masters first, then their replicas in the same order, as they began. */
  readonly nodes: readonly Server[];
  /** The node that serves a key now, as `seenBy` knows. */
  masterOf(key: string, seenBy?: Server): Promise<Server>;
  /** A replica of a node that listens to it. */
  replicaOf(master: Server): Promise<Server>;
  /** Resolves once the replica has got all that its master has. */
  inStep(master: Server, replica: Server): Promise<void>;
  /** Puts a replica in its master's place, in good order. Under load Redis may give up, and is told again. */
  failOver(replica: Server): Promise<void>;
  /** Begins to move the slot of a key to another master, as an operator's tools do: key by key, while it is used. */
  beginMove(key: string, from: Server, to: Server): Promise<SlotMove>;
  /** Resolves once every node that answers finds the cluster in order. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

/** A slot on the way. */
export interface SlotMove {
  /** Some keys that have not left yet. */
  left(count: number): Promise<readonly string[]>;
  carry(keys: readonly string[]): Promise<void>;
  end(): Promise<void>;
}

/** How long a node may be silent before the others elect another, in milliseconds. */
const nodeTimeoutMs = 700;

const slots = 16_384;

/** Starts `masters` nodes that share the slots evenly, and as many replicas if they are wanted. */
export async function startCluster(
  program: Program,
  { masters = 3, replicas = false, settings = {} }: ClusterOptions = {},
): Promise<Cluster> {
  const size = replicas ? 2 * masters : masters;
  // By default 10,000 above the other port, which may be above 65,535.
  const buses = await Promise.all(Array.from({ length: size }, async () => String(await freePort())));
  const started = await Promise.allSettled(
    buses.map((bus) =>
      startServer(program, {
        "cluster-enabled": "yes",
        "cluster-announce-ip": "127.0.0.1",
        "cluster-port": bus,
        "cluster-node-timeout": String(nodeTimeoutMs),
        "cluster-replica-validity-factor": "0",
        "repl-diskless-sync-delay": "0",
        ...settings,
      }),
    ),
  );
  const nodes = started.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
  const cluster = clusterOf(nodes);
  const failed = started.find((each) => each.status === "rejected");
  try {
    if (failed !== undefined) throw failed.reason;
    await unite(nodes, buses, masters);
    await cluster.settled();
    for (const master of replicas ? nodes.slice(0, masters) : []) await cluster.replicaOf(master);
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

/**
 * Registers tests that share a cluster of three masters, each with a replica, where every write is on disk before it is
 * acknowledged. Where the program is missing, they are skipped.
 */
export function withCluster(title: string, tests: (cluster: () => Cluster) => void): void {
  // oxlint-disable-next-line vitest/valid-title -- the test file says it
  describe(title, needing(["redis-server"]), () => {
    let cluster: Cluster | undefined;
    beforeAll(async () => {
      cluster = await startCluster("redis-server", { replicas: true });
    });
    afterAll(() => cluster?.stop());
    tests(() => {
      if (cluster === undefined) throw new Error("the cluster is not there yet");
      return cluster;
    });
  });
}

/** What a cluster is started with. */
export interface ClusterOptions {
  /** @default 3 */
  readonly masters?: number;
  /** One for each master. @default false */
  readonly replicas?: boolean;
  readonly settings?: Settings;
}

/** Resolves once it is so. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 25_000;
  while (!(await isSo())) {
    if (performance.now() > end)
      throw new Error(`Cannot go on: it must be so within 25 s that ${String(isSo)}`);
    await pause(150); // each look is a new connection to each node
  }
}

async function unite(nodes: readonly Server[], buses: readonly string[], masters: number): Promise<void> {
  const first = nodes[0]?.url ?? "";
  for (const [n, { url, port }] of nodes.entries()) {
    await ask(url, "CLUSTER", "SET-CONFIG-EPOCH", String(n + 1));
    if (n < masters) {
      const bounds = [n, n + 1].map((edge) => Math.floor((slots * edge) / masters));
      await ask(url, "CLUSTER", "ADDSLOTSRANGE", String(bounds[0]), String((bounds[1] ?? 0) - 1));
    }
    if (n > 0) await ask(first, "CLUSTER", "MEET", "127.0.0.1", String(port), buses[n] ?? "");
  }
  const isKnown = async ({ url }: Server): Promise<boolean> =>
    String(await ask(url, "CLUSTER", "INFO")).includes(`cluster_known_nodes:${nodes.length}\r`);
  for (const node of nodes) await until(() => isKnown(node));
  for (const [n, { url }] of nodes.slice(masters).entries()) {
    const master = nodes[n];
    if (master === undefined) continue;
    const id = String(await ask(master.url, "CLUSTER", "MYID"));
    await until(async () => (await ask(url, "CLUSTER", "REPLICATE", id).catch(() => "")) === "OK");
  }
}

function clusterOf(nodes: readonly Server[]): Cluster {
  const portOf = async (key: string, { url }: Server): Promise<number> => {
    const slot = await ask(url, "CLUSTER", "KEYSLOT", key);
    const shards = (await ask(url, "CLUSTER", "SLOTS")) as [number, number, [string, number]][]; // Redis answers so
    return shards.find(([from, to]) => from <= Number(slot) && Number(slot) <= to)?.[2][1] ?? 0;
  };
  const offsetOf = async ({ url }: Server): Promise<string> => {
    const told = String(await ask(url, "INFO", "replication"));
    return /^(?:slave_repl_offset|master_repl_offset):(\d+)/m.exec(told)?.[1] ?? "";
  };
  /** Do all nodes that answer take it for a master? */
  const isMaster = async ({ port }: Server): Promise<boolean> => {
    const told = await Promise.all(
      nodes.map(({ url }) => ask(url, "CLUSTER", "NODES").then(String, () => null)),
    );
    const line = new RegExp(`:${port}@\\S+ (?:myself,)?master `);
    return told.every((lines) => lines === null || line.test(lines));
  };
  const firstWhere = async (is: (node: Server) => Promise<boolean>): Promise<Server> => {
    let found: Server | undefined;
    await until(async () => {
      for (const node of nodes) if (await is(node).catch(() => false)) return (found = node) !== undefined;
      return false;
    });
    return found ?? Promise.reject(new Error("no such node"));
  };
  return {
    nodes,
    inStep: (master, replica) => until(async () => (await offsetOf(master)) === (await offsetOf(replica))),
    async failOver(replica) {
      let toldAt = -Infinity;
      await until(async () => {
        if (performance.now() - toldAt > 5_500) {
          await ask(replica.url, "CLUSTER", "FAILOVER"); // it gives up after 5 s
          toldAt = performance.now();
        }
        return isMaster(replica);
      });
    },
    async masterOf(key, seenBy) {
      const eye = seenBy ?? (await firstWhere(async ({ url }) => (await ask(url, "PING")) === "PONG"));
      const port = await portOf(key, eye);
      return firstWhere(async (node) => node.port === port);
    },
    replicaOf: (master) =>
      firstWhere(async (node) => {
        const told = String(await ask(node.url, "INFO", "replication"));
        return told.includes(`master_port:${master.port}\r`) && told.includes("master_link_status:up");
      }),
    async beginMove(key, from, to) {
      const slot = String(await ask(from.url, "CLUSTER", "KEYSLOT", key));
      const [fromId = "", toId = ""] = await Promise.all(
        [from, to].map(async ({ url }) => String(await ask(url, "CLUSTER", "MYID"))),
      );
      await ask(to.url, "CLUSTER", "SETSLOT", slot, "IMPORTING", fromId);
      await ask(from.url, "CLUSTER", "SETSLOT", slot, "MIGRATING", toId);
      const where = ["127.0.0.1", String(to.port), "", "0", "5000", "KEYS"];
      return {
        left: async (count) =>
          (await ask(from.url, "CLUSTER", "GETKEYSINSLOT", slot, String(count))) as string[], // names
        carry: async (keys) => void (await ask(from.url, "MIGRATE", ...where, ...keys)),
        async end() {
          for (const { url } of [to, from, ...nodes]) {
            await ask(url, "CLUSTER", "SETSLOT", slot, "NODE", toId).catch(() => {}); // a replica hears it from its master
          }
        },
      };
    },
    async settled() {
      for (const { url } of nodes) {
        const inOrder = async (): Promise<boolean> => {
          const told = await ask(url, "CLUSTER", "INFO").catch(() => "cluster_state:ok"); // it is gone
          return String(told).includes("cluster_state:ok");
        };
        await until(inOrder);
      }
    },
    stop: async () => void (await Promise.all(nodes.map((node) => node.stop()))),
  };
}
