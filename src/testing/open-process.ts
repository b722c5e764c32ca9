/**
 * Opens the lifecycle of a simulated process on a sandbox in the same process.
 *
 * @module
 */
import type { Some } from "../checks.ts";
import { openParts, type Opened } from "../runtime/open-lifecycle.ts";
import type { LifecycleOptions } from "../runtime/options/lifecycle-options.ts";
import type { Handler } from "../sandbox/handler.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import type { StoreAdapter } from "../store/contract.ts";
import { watchMs } from "./instrumented.ts";
import { sandboxTransport } from "./sandbox-transport.ts";
import type { TestProcess } from "./test-process.ts";

/** Where the process lives. */
export interface ProcessPlace {
  readonly handler: Handler;
  readonly sandbox: Sandbox;
  readonly store: StoreAdapter;
  readonly process: TestProcess;
}

/** @throws {LifecycleError} as `createLifecycle()` */
export function openProcess(
  given: Some<LifecycleOptions> | undefined,
  { handler, sandbox, store, process }: ProcessPlace,
): Promise<Opened> {
  return openParts(
    {
      ...given,
      credentials: given?.credentials ?? (() => sandbox.credentials),
      clock: process.clock,
      transport: sandboxTransport(handler, process),
      store: process.storeOf(store),
    },
    // Work that needs no time continues at once, also where a test has replaced `queueMicrotask`.
    { nextTurn: (task) => void Promise.resolve().then(task), pollMs: watchMs },
  );
}
