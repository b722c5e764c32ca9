/** Processes whose clock is wrong. */
import { createLifecycle, fetchTransport, type Lifecycle } from "oneup-lifecycle";
import type { TestLifecycle } from "oneup-lifecycle/testing";
import { afterwards } from "./scene.ts";

/** A process on the same store whose clock differs by so much. */
export async function beside({ sandbox, store, clock }: TestLifecycle, aheadMs: number): Promise<Lifecycle> {
  const lifecycle = await createLifecycle({
    credentials: sandbox.credentials,
    store,
    clock: {
      now: () => clock.now() + aheadMs,
      monotonic: () => clock.monotonic(),
      random: () => clock.random(),
      timer: (ms, task) => clock.timer(ms, task),
    },
    transport: fetchTransport((request, options) => sandbox.fetch(new Request(request, options))),
  });
  afterwards(() => lifecycle.close());
  return lifecycle;
}
