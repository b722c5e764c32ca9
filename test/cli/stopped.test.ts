/** What commands tell when Ctrl-C ends them halfway. */
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LifecycleError, type StoreAdapter } from "oneup-lifecycle";
import { lmdb } from "oneup-lifecycle/adapters/lmdb";
import { describe, expect, it, vi } from "vitest";
import type { MovableStore } from "../../src/store/movable.ts";
import { operatorStage, type OperatorStage, type Performed } from "./operator.ts";

const global = globalThis as { steered?: StoreAdapter };
/** A module is loaded once. */
let modules = 0;

/** The path of a module whose store calls `before` before each of its verbs of a move. */
function steered(path: string, store: StoreAdapter, before: (verb: string) => void): string {
  global.steered = {
    ...store,
    async open(options) {
      const opened = (await store.open(options)) as MovableStore;
      const { transfer } = opened;
      const verbs = Object.entries(transfer).map(([name, verb]) => {
        const steer = (...given: never[]): unknown => {
          before(name);
          return (verb as (...given: never[]) => unknown)(...given);
        };
        return [name, steer];
      });
      return { ...opened, transfer: Object.fromEntries(verbs) as typeof transfer };
    },
  };
  const module = join(path, `steered-${++modules}.mjs`);
  writeFileSync(module, "export default globalThis.steered;\n");
  return module;
}

describe("cli move, stopped by Ctrl-C", () => {
  /** Stops a move before the verb of a store. */
  async function stoppedBefore(
    { operator, path }: OperatorStage,
    side: "from" | "to",
    verb: string,
    ...more: readonly string[]
  ): Promise<Performed> {
    const stop = new AbortController();
    const folders = { from: join(path, "store"), to: join(path, "other") };
    const module = steered(path, lmdb(folders[side]), (name) => name === verb && stop.abort());
    const words = Object.entries({ ...folders, [side]: module }).flatMap(([name, at]) => [`--${name}`, at]);
    return operator.run(["move", ...words, ...more], {}, stop.signal);
  }

  it("tells that the move has begun, and what goes on with it or calls it off", async () => {
    const stage = await operatorStage();
    const { operator, path } = stage;
    expect(await stoppedBefore(stage, "to", "writeRows")).toEqual({
      code: 130,
      err: "",
      out: "Stopped: the move has begun, and no process can write the first store now. Run the same command again to continue, or with --abort to call the move off.\n",
    });
    expect((await operator.run(["status"])).err).toContain("[STORE_MOVED]");
    const to = join(path, "other");
    const json = await stoppedBefore(stage, "to", "rowsOf", "--json");
    expect({ ...json, out: JSON.parse(json.out) }).toEqual({
      code: 130,
      err: "",
      out: { phase: "stopped", begun: true },
    });
    const still = await stoppedBefore(stage, "to", "seat", "--abort");
    expect(still).toEqual({
      code: 130,
      err: "",
      out: "Stopped: no process can write the first store yet. Run the same command again to finish calling the move off.\n",
    });
    expect(await operator.run(["move", "--to", to, "--abort"])).toMatchObject({ code: 0 });
    expect(await operator.run(["move", "--to", to])).toMatchObject({ code: 0 });
  });

  it("tells that it has not begun, and that all is as before", async () => {
    const stage = await operatorStage();
    const stop = new AbortController();
    stop.abort();
    const to = join(stage.path, "other");
    const before = await stage.operator.run(["move", "--to", to], {}, stop.signal);
    expect(before).toEqual({
      code: 130,
      err: "",
      out: "Stopped: the move has not begun, and every process can use the first store as before.\n",
    });
    expect(await stage.operator.run(["users"])).toMatchObject({ code: 0 });
  });
});

describe("an error in the middle", () => {
  const broken = (): never => {
    throw new LifecycleError("STORE_UNUSABLE", "Cannot use the store: it must work, and it does not");
  };

  it("of a move comes with what is half done", async () => {
    const { operator, path } = await operatorStage();
    const to = steered(path, lmdb(join(path, "other")), (name) => name === "writeRows" && broken());
    const { code, err } = await operator.run(["move", "--to", to]);
    expect(code).toBe(1);
    expect(err).toMatch(
      /^Half done: the move has begun, .*or with --abort to call the move off\.\nCannot use the/,
    );
  });

  it("of a leave comes with what is half done, and at its beginning without", async () => {
    const { operator, path, server } = await operatorStage();
    const store = lmdb(join(path, "store"));
    global.steered = {
      ...store,
      async open(options) {
        const opened = await store.open(options);
        const page: typeof opened.page = (asked) =>
          asked.state?.startsWith("offboarded") === true ? broken() : opened.page(asked);
        return { ...opened, page };
      },
    };
    const module = join(path, `steered-${++modules}.mjs`);
    writeFileSync(module, "export default globalThis.steered;\n");
    const leaving = ["leave", "--receipts", join(path, "r"), "--store", module, "--yes", "--count"];
    const run = (count: string): Promise<Performed> =>
      operator.run([...leaving, count], { ONEUP_API: server.url });
    expect(await run("1")).toMatchObject({ code: 2, err: expect.not.stringContaining("Half done") });
    expect(await run("2")).toMatchObject({
      code: 1,
      err: expect.stringMatching(
        /^Half done: users that were marked .* their receipts\.\nCannot use the store/,
      ),
    });
  });
});

type CallName = Parameters<OperatorStage["sandbox"]["journal"]["count"]>[0];

describe("a command, stopped by Ctrl-C", () => {
  const patient = { resourceType: "Patient", id: "one" };

  /** Stops a command while a call of it is under way. */
  async function stoppedAt(
    { operator, sandbox, server }: OperatorStage,
    call: CallName,
    words: readonly string[],
  ): Promise<Performed> {
    const stop = new AbortController();
    const calls = sandbox.journal.count(call);
    sandbox.fail({ response: "rateLimited", call: call, times: 1, retryAfterMs: 3_600_000 });
    const running = operator.run(words, { ONEUP_API: server.url }, stop.signal);
    await vi.waitFor(() => expect(sandbox.journal.count(call)).toBeGreaterThan(calls));
    stop.abort();
    return running;
  }

  it.each<[call: CallName, words: readonly string[], told: string]>([
    [
      "listUsers",
      ["reconcile", "--repair", "all"],
      "what was repaired is kept. Run the same command to compare again and repair the rest.",
    ],
    [
      "issueAuthCode",
      ["reauthorize", "ada", "--yes", "--wait", "1h"],
      "what has begun is kept, and any worker continues it. oneup-lifecycle inspect ID shows how far it is.",
    ],
  ])("that waits for %s tells what is so, and how to go on", async (call, words, told) => {
    const stage = await operatorStage();
    expect(await stoppedAt(stage, call, words)).toMatchObject({ code: 130, out: `Stopped: ${told}\n` });
    const { out, code } = await stage.operator.run(
      [...words, "--json"],
      { ONEUP_API: stage.server.url },
      AbortSignal.abort(),
    );
    expect({ code, out: JSON.parse(out) }).toMatchObject({ code: 130, out: { phase: "stopped" } });
  });

  it.each([
    ["hold", "bob", "--reason", "a complaint"],
    ["offboard", "bob", "--purge", "all", "--yes"],
    ["rename", "bob", "bea"],
    ["retry", "bob"],
  ])("%s that waits for another process's call promises nothing", async (...words) => {
    const { operator, sandbox, server } = await operatorStage();
    const other = await operator.open();
    sandbox.fail({ call: "issueAuthCode", delayMs: 2_500, times: 1 });
    const busy = other.reauthorize("bob").catch(() => {});
    await vi.waitFor(async () => expect((await other.inspect("bob")).underWay).not.toBe(null));
    const env = { ONEUP_API: server.url };
    expect(await operator.run([...words, "--json"], env, AbortSignal.timeout(500))).toMatchObject({
      code: 130,
      out: '{"phase":"stopped","recorded":false}\n',
    });
    expect((await operator.run(words, env, AbortSignal.timeout(100))).out).toBe(
      "Stopped: nothing new was recorded of the user. Run the same command again.\n",
    );
    await busy;
    expect(await other.inspect("bob")).toMatchObject({ usable: true, hold: null });
    await other.close();
  });

  it("leave tells it once it has begun, and nothing before", async () => {
    const stage = await operatorStage();
    const words = ["leave", "--receipts", join(stage.path, "receipts"), "--yes", "--count", "2"];
    const env = { ONEUP_API: stage.server.url };
    const early = await stage.operator.run(words, env, AbortSignal.abort());
    expect(early).toMatchObject({ code: 130, out: "" });
    expect(await stoppedAt(stage, "listUsers", words)).toMatchObject({
      code: 130,
      out: "Stopped: users that were marked to leave go on with any worker. Run the same command to continue, and to get their receipts.\n",
    });
    expect((await stage.inspect("ada")).state).toBe("identifying");
  });

  it("export and keys rotate likewise", async () => {
    const { operator, path, server, sandbox } = await operatorStage();
    sandbox.addResources("ada", "r4", [patient]);
    const env = { ONEUP_API: server.url };
    const told: string[] = [];
    for (const words of [
      ["export", "--to", join(path, "export"), "--types", "Patient"],
      ["keys", "rotate", "--records"],
    ]) {
      const { code, out } = await operator.run(words, env, AbortSignal.abort());
      expect(code).toBe(130);
      told.push(out);
    }
    expect(told).toEqual([
      "Stopped: what was exported is kept. Run the same command to continue.\n",
      "Stopped: the store may still need the old key, so keep it. Run the same command to continue.\n",
    ]);
  });

  it("retry --all and resume tell it below what they did", async () => {
    const { operator, server } = await operatorStage();
    for (const words of [["retry", "--all"], ["resume"]]) {
      const { code, out } = await operator.run(words, { ONEUP_API: server.url }, AbortSignal.abort());
      expect({ code, out }).toEqual({
        code: 130,
        out: expect.stringMatching(/\nStopped: the others .*\. Run the same command to continue\.\n$/),
      });
    }
  });

  it("backup goes on to its end, and tells so", async () => {
    const { operator, path } = await operatorStage();
    const folder = join(path, "copy");
    const { code, out, err } = await operator.run(["backup", folder], {}, AbortSignal.abort());
    expect({ code, out }).toEqual({ code: 0, out: expect.stringContaining(`Copied to ${folder}\n`) });
    expect(err).toContain(
      `The copy goes on to its end; Ctrl-C once more ends it at once, and leaves a folder ${folder}.unfinished-…`,
    );
    expect(readdirSync(path)).toContain("copy");
  });
});
