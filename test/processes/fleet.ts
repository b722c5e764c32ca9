/** Fleets of worker processes on one store, and what is asked about them afterwards. */
import { createLifecycle, type Lifecycle } from "oneup-lifecycle";
import { createSandbox, type Sandbox, type SandboxOptions } from "oneup-lifecycle/sandbox";
import { expect, vi } from "vitest";
import { startChild } from "../support/child.ts";
import { at, type Place } from "../support/places.ts";
import { afterwards } from "../support/scene.ts";
import type { Started } from "../support/started.ts";
import type { Member } from "./fleet.child.ts";

const script = new URL("./fleet.child.ts", import.meta.url);

/** See {@link fleet}. */
export interface Fleet {
  readonly sandbox: Sandbox;
  readonly members: readonly Started[];
  /** A lifecycle on the same store, to look from. */
  look(): Promise<Lifecycle>;
}

/** A process for every place, each with its share of the users. All places lead to the same store. */
export async function fleet(
  places: readonly Place[],
  users: number,
  options: SandboxOptions,
): Promise<Fleet> {
  const { calls = 300, windowMs = 3_600_000 } = options.limit ?? {};
  const limit = { calls, windowMs };
  const sandbox = createSandbox({ ...options, limit });
  const oneup = await sandbox.listen();
  afterwards(() => oneup.close());
  const [first] = places;
  if (first === undefined) throw new Error("a fleet needs a process");
  const ids = Array.from({ length: users }, (_, index) => `user ${index}`);
  const members = places.map((place, member) =>
    startChild(script, {
      place,
      url: oneup.url,
      credentials: sandbox.credentials,
      limit,
      users: ids.filter((_, index) => index % places.length === member),
    } satisfies Member),
  );
  for (const { pid, ended } of members) {
    let over = false;
    void ended.then(() => (over = true));
    afterwards(() => void (over || process.kill(pid, "SIGKILL")));
  }
  await Promise.all(members.map((member) => member.said(/at work/)));
  return {
    sandbox,
    members,
    async look() {
      const lifecycle = await createLifecycle({
        credentials: sandbox.credentials,
        endpoints: oneup.endpoints,
        limits: { management: limit },
        ...at(first),
      });
      afterwards(() => lifecycle.close());
      return lifecycle;
    },
  };
}

/** Resolves once so many users have a token. */
export async function arrived(lifecycle: Lifecycle, least: number, withinMs: number): Promise<void> {
  await vi.waitFor(async () => {
    const { tokenActive = 0, reauthorized = 0 } = await lifecycle.counts();
    expect(tokenActive + reauthorized).toBeGreaterThanOrEqual(least);
  }, withinMs);
}
