/** What most tests of the runtime need: a sandbox with a server, a folder, and lifecycles on them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn, setTimeout as pause } from "node:timers/promises";
import {
  createLifecycle,
  type Lifecycle,
  type LifecycleOptions,
  type StoreAdapter,
  type UserState,
  type UserStatus,
  type WaitOptions,
} from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import {
  createSandbox,
  type Sandbox,
  type SandboxOptions,
  type SandboxServer,
} from "oneup-lifecycle/sandbox";
import { createTestLifecycle, type TestLifecycle, type TestLifecycleOptions } from "oneup-lifecycle/testing";
import { onTestFinished, type TestContext } from "vitest";
import { through } from "./altered.ts";

/** Closes something after the test, newest first. */
export function afterwards(close: () => Promise<void> | void): void {
  onTestFinished(close);
}

/** An empty folder, removed after the test, which says who it is if it runs beside others. */
export function folder(name: string, test?: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), `oneup-${name}-`));
  const remove = (): void => rmSync(path, { recursive: true, force: true });
  if (test === undefined) afterwards(remove);
  else test.onTestFinished(remove);
  return path;
}

/** A sandbox on loopback and a way to open lifecycles against it, all closed after the test. */
export interface Scene {
  readonly sandbox: Sandbox;
  readonly server: SandboxServer;
  /** One memory store for the whole scene, unless another is given. */
  open(options?: Partial<LifecycleOptions>): Promise<Lifecycle>;
}

export async function scene(options: SandboxOptions = {}): Promise<Scene> {
  const sandbox = createSandbox(options);
  const server = await sandbox.listen();
  afterwards(() => server.close());
  const ownStore = memory();
  return {
    sandbox,
    server,
    async open({ store = ownStore, ...more } = {}) {
      const lifecycle = await createLifecycle({
        credentials: sandbox.credentials,
        endpoints: server.endpoints,
        clock: sandbox.clock,
        store: counted(store, sandbox),
        ...more,
      });
      afterwards(() => lifecycle.close());
      return lifecycle;
    },
  };
}

/** The number of requests to stores that have not been answered. */
const unanswered = new WeakMap<Sandbox, number>();

/** The same store, whose requests `hurry()` waits for. */
function counted(adapter: StoreAdapter, sandbox: Sandbox): StoreAdapter {
  const count = async (answer: Promise<unknown>): Promise<unknown> => {
    unanswered.set(sandbox, (unanswered.get(sandbox) ?? 0) + 1);
    try {
      return await answer;
    } finally {
      unanswered.set(sandbox, (unanswered.get(sandbox) ?? 0) - 1);
    }
  };
  return through(adapter, (name, ask) => {
    const answer = ask();
    return name !== "open" && answer instanceof Promise ? count(answer) : answer;
  });
}

/**
 * Makes a call that waits for the user, and leaves it once the user is paused, however long that takes. Resolves with
 * the paused user.
 */
export async function untilPaused(
  lifecycle: Lifecycle,
  id: string,
  call: (wait: WaitOptions) => Promise<unknown>,
): Promise<UserStatus> {
  const caller = new AbortController();
  const waits = call({ waitMs: 86_400_000, signal: caller.signal }).catch(() => {});
  for (;;) {
    const user = await lifecycle.inspect(id).catch(() => null); // not written yet
    if (user !== null && user.pause !== null && user.underWay === null) {
      caller.abort();
      await waits;
      return user;
    }
    await pause(5);
  }
}

/** Onboards a user whose call is answered, and who has to wait then. */
export async function heldBack(lifecycle: Lifecycle, id: string): Promise<void> {
  await untilPaused(lifecycle, id, (wait) => lifecycle.onboard(id, wait));
}

/** A worker that works until the test ends. */
export function working(lifecycle: Lifecycle): Lifecycle {
  const stop = new AbortController();
  const done = lifecycle.work({ signal: stop.signal });
  afterwards(async () => {
    stop.abort();
    await done;
  });
  return lifecycle;
}

/** A test lifecycle with a worker, closed after the test. */
export async function workingWorld(options?: TestLifecycleOptions): Promise<TestLifecycle> {
  const world = await createTestLifecycle(options);
  afterwards(() => world.close());
  working(world.lifecycle);
  return world;
}

/**
 * Lets virtual time run about 500 times faster than real time until the test ends, so that pauses pass. On a busy machine
 * it runs slower: between two steps the store answers what it was asked, and what is under way gets some turns. A call
 * still takes seconds of this time: where the limit is judged, take smaller steps.
 */
export function hurry(sandbox: Sandbox, stepMs = 5_000): void {
  let over = false;
  afterwards(() => void (over = true));
  void (async () => {
    while (!over) {
      await pass(sandbox, stepMs, 10);
      while (!over && (unanswered.get(sandbox) ?? 0) > 0) await pause(1);
    }
  })();
}

/** Lets so much virtual time pass at once, then so much real time and some turns, for what is under way to get on. */
export async function pass({ clock }: Sandbox, virtualMs: number, realMs: number): Promise<void> {
  clock.advance(virtualMs);
  await pause(realMs);
  for (let turn = 0; turn < 20; turn++) await nextTurn();
}

/**
 * How many users came to a token, when no user is in another state; otherwise -1. In hurried time a code can pass before it
 * is exchanged, so some may have got another one.
 */
export function arrivedIn(counts: Readonly<Partial<Record<UserState, number>>>): number {
  const { tokenActive = 0, reauthorized = 0, refreshed = 0, expiring = 0, ...others } = counts;
  return Object.keys(others).length === 0 ? tokenActive + reauthorized + refreshed + expiring : -1;
}

/** The management calls that reached the sandbox for one user, in order. */
export function spentOn({ journal }: Sandbox, appUserId: string): readonly string[] {
  const management = ["createUser", "issueAuthCode", "listUsers", "updateUser"];
  return journal
    .entries()
    .filter((entry) => entry.appUserId === appUserId && management.includes(entry.call))
    .map((entry) => entry.call);
}

/** Another program renames a user at 1upHealth. */
export async function renamedThere(
  { sandbox, server }: Pick<Scene, "sandbox" | "server">,
  oneupUserId: number | null,
  to: string,
): Promise<void> {
  const { clientId: client_id, clientSecret: client_secret } = sandbox.credentials;
  const answer = await fetch(`${server.url}/user-management/v1/user`, {
    method: "PUT",
    headers: { client_id, client_secret },
    body: new URLSearchParams({ oneup_user_id: String(oneupUserId), app_user_id: to }),
  });
  const { success } = (await answer.json()) as { readonly success?: unknown }; // our own sandbox
  if (success !== true) throw new Error(`Cannot rename ${oneupUserId} there: HTTP ${answer.status}`);
}
