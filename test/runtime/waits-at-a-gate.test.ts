/** A user whose rename is in doubt waits at a shut gate: who wants to change it waits, too, and asks the store rarely. */
import type { Lifecycle } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { expect, it } from "vitest";
import { through } from "../support/altered.ts";
import { afterwards, working } from "../support/scene.ts";

type Change = (lifecycle: Lifecycle, options: { readonly waitMs: number }) => Promise<unknown>;

const changes: Readonly<Record<string, Change>> = {
  offboard: (lifecycle, options) => lifecycle.offboard("ada", options),
  rename: (lifecycle, options) => lifecycle.rename("ada", "eve", options),
  forget: (lifecycle, options) => lifecycle.forget("ada", options),
};

it.each(Object.entries(changes))(
  "%s() of a user whose rename is in doubt, at a shut gate",
  async (_, change) => {
    let [commits, most] = [0, Infinity];
    const store = through(memory(), (name, ask) => {
      if (name === "commit" && ++commits > most) throw new Error("The store is asked again and again");
      return ask();
    });
    const { lifecycle, sandbox, clock, close } = await createTestLifecycle({ lifecycle: { store } });
    afterwards(close);
    working(lifecycle);
    await lifecycle.onboard("ada");
    sandbox.fail({ call: "updateUser", drop: "after" });
    await lifecycle.rename("ada", "eve", { waitMs: 0 }).catch(() => {});
    sandbox.fail({ call: "createUser", response: "rateLimited", retryAfterMs: 60_000 });
    await lifecycle.onboard("bob", { waitMs: 0 });
    await clock.advance("15s"); // the call can no longer arrive, and the worker has met the gate
    [commits, most] = [0, 100];
    await expect(change(lifecycle, { waitMs: 20_000 })).rejects.toMatchObject({
      code: "USER_NOT_READY",
    });
    expect(commits).toBeLessThan(30);
  },
);
