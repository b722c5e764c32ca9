/**
 * Run as a process of its own: evaluates the adapter at two addresses, opens one folder with both, and does with them
 * what `task` says. Tells what became of it.
 */
import { EventEmitter } from "node:events";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";
import { setImmediate as turn } from "node:timers/promises";
import { compileFunction, createContext, runInContext } from "node:vm";
import { lookAt } from "../../adapters/lmdb/writer-lock.ts";
import { systemClock } from "../../src/clock.ts";
import { isLifecycleError } from "../../src/errors.ts";
import type { Store } from "../../src/store/contract.ts";
import { argument } from "../support/child.ts";
import { write } from "../support/commits.ts";

const { folder, task, addresses } = argument<{
  readonly folder: string;
  readonly task: string;
  readonly addresses: readonly [string, string];
}>();

type Adapter = typeof import("../../adapters/lmdb.ts");

const load = (address: string): unknown => (address.endsWith(".cjs") ? inContext(address) : import(address));
const [one, other] = (await Promise.all(addresses.map(load))) as [Adapter, Adapter];
if (one.lmdb === other.lmdb) throw new Error("this is one evaluation");

/** Evaluates a module as Jest does: in a context of its own, with a `process` that has no events. */
function inContext(address: string): unknown {
  const context = createContext({});
  const itsOwn = new Set(runInContext("Object.getOwnPropertyNames(globalThis)", context) as string[]);
  for (const name of Object.getOwnPropertyNames(globalThis))
    if (!itsOwn.has(name)) Reflect.set(context, name, Reflect.get(globalThis, name));
  const real = createRequire(address);
  const silent = Object.assign(Object.create(process) as object, EventEmitter.prototype);
  const require = (name: string): unknown => (/^(?:node:)?process$/.test(name) ? silent : real(name));
  const module = { exports: {} };
  const parsingContext = context;
  const text = readFileSync(new URL(address), "utf8");
  compileFunction(text, ["require", "module", "exports"], { parsingContext })(
    require,
    module,
    module.exports,
  );
  return module.exports;
}

function open({ lmdb }: Adapter, path = folder): Promise<Store> {
  return lmdb(path).open({ account: "account", clock: systemClock });
}

/** What becomes of a promise. */
async function outcome(promise: Promise<unknown>): Promise<unknown> {
  try {
    return await promise;
  } catch (error) {
    if (!isLifecycleError(error)) throw error;
    const { code, retryable, facts, message } = error;
    return { code, retryable, facts, message };
  }
}

/** Resolves while LMDB's own thread is inside a commit of the store, holds the write lock, and waits for this thread. */
async function within(store: Store, ids: Iterator<string>): Promise<readonly Promise<unknown>[]> {
  const look = lookAt(folder, true, {});
  const commits: Promise<unknown>[] = [];
  for (let round = 0; ; round++) {
    commits.push(store.commit(write(String(ids.next().value))));
    for (let turns = 0; turns <= round % 4; turns++) await turn(); // the thread begins after one of them
    for (const end = performance.now() + 100; performance.now() < end;) {
      if (look !== undefined && look()?.holder !== 0) return commits;
    }
    if (look === undefined) return commits; // not visible here: it has had the time
  }
}

/** Opens it as where the holder of the write lock is not visible: without a look at it. */
async function openBlindly(adapter: Adapter): Promise<Store> {
  const { platform } = process;
  Object.defineProperty(process, "platform", { value: "another" });
  try {
    return await open(adapter);
  } finally {
    Object.defineProperty(process, "platform", { value: platform });
  }
}

function* numbered(): Generator<string, never> {
  for (let n = 1; ; n++) yield `user ${n}`;
}

const ids = numbered();
const first = await open(one);
const listeners = process.listenerCount("exit");
switch (task) {
  case "open during a commit": {
    const commits = await within(first, ids);
    const second = await openBlindly(other);
    await second.commit(write("of the second"));
    await Promise.all(commits);
    await first.close();
    tell({ left: commits.length + 1, counts: await second.counts() });
    await second.close();
    break;
  }
  case "close during a commit": {
    const second = await open(other);
    const commits = await within(first, ids);
    await second.close();
    await Promise.all(commits);
    await first.close();
    const third = await open(other);
    tell({ left: commits.length, counts: await third.counts() });
    await third.close();
    break;
  }
  case "exit during a commit": {
    await first.close();
    void (await within(await open(other), ids));
    process.exit(3);
    break;
  }
  case "two copies of lmdb": {
    await first.commit(write("ada"));
    const refused = await outcome(open(other));
    const elsewhere = await open(other, join(folder, "..", "elsewhere"));
    await elsewhere.commit(write("bob"));
    await elsewhere.close();
    await first.commit(write("cleo"));
    const counts = await first.counts();
    await first.close();
    const second = await open(other);
    tell({ refused, counts, after: await second.counts() });
    await second.close();
    break;
  }
  default:
    throw new Error(`no such task: ${task}`);
}

function tell(found: object): void {
  console.log(JSON.stringify({ ...found, listeners: process.listenerCount("exit") - listeners }));
}
