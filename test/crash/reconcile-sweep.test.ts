import { createLifecycle, type Lifecycle } from "oneup-lifecycle";
import { createSandbox, type Sandbox, type SandboxServer } from "oneup-lifecycle/sandbox";
import { describe, expect, it, type TestContext } from "vitest";
import { each, startChild } from "../support/child.ts";
import { oneIn } from "../support/effort.ts";
import type { Instant } from "../support/dying.ts";
import { at, type Place } from "../support/places.ts";
import { folder } from "../support/scene.ts";
import type { Reconciled, Told } from "./reconcile.child.ts";

const script = new URL("./reconcile.child.ts", import.meta.url);
const times = { timeoutMs: 8_000, graceMs: 200, leaseMs: 8_500 };

/** An account with a user that was renamed there, one that is there only, and one with no difference. */
interface Account extends Reconciled {
  readonly sandbox: Sandbox;
  readonly server: SandboxServer;
}

function opened({ sandbox, server, place }: Omit<Account, "instant">): Promise<Lifecycle> {
  const { credentials } = sandbox;
  return createLifecycle({ credentials, endpoints: server.endpoints, ...at(place), ...times });
}

async function account(instant: Instant | null, test: TestContext): Promise<Account> {
  const sandbox = createSandbox();
  const server = await sandbox.listen();
  test.onTestFinished(() => server.close());
  const place: Place = { type: "lmdb", path: folder("reconcile", test) };
  const all = { sandbox, server, place, url: server.url };
  const lifecycle = await opened(all);
  const { oneupUserId } = await lifecycle.onboard("ada");
  await lifecycle.onboard("bob");
  await lifecycle.close();
  sandbox.createUser("eve");
  const { clientId: client_id, clientSecret: client_secret } = sandbox.credentials;
  const body = new URLSearchParams({ oneup_user_id: String(oneupUserId), app_user_id: "countess" });
  const headers = { client_id, client_secret };
  await fetch(`${server.url}/user-management/v1/user`, { method: "PUT", headers, body });
  return { ...all, instant };
}

function told(all: readonly Account[]): Told {
  const { credentials } = createSandbox();
  return { credentials, times, all: all.map(({ url, place, instant }) => ({ url, place, instant })) };
}

describe("a process that is killed while it reconciles", () => {
  it("before and after every write and call, leaves no user lost, doubled or half moved; the next one ends it", async (test) => {
    const undisturbed = await startChild(script, told([await account(null, test)])).ended;
    const counts = JSON.parse(undisturbed.out) as Record<Instant["of"], number>; // our own child
    expect(counts).toMatchObject({ call: 3 }); // two pages, and once more about the user that it moves
    expect(counts.write).toBeGreaterThanOrEqual(4);
    const instants = (["write", "call"] as const).flatMap((of) =>
      Array.from({ length: counts[of] }, (_, index) => index + 1).flatMap((n) =>
        (["before", "after"] as const).map((when) => ({ of, n, when })),
      ),
    );
    // Everyday some of them, which the run draws.
    const accounts = await Promise.all(oneIn(2, instants).map((instant) => account(instant, test)));
    const { signal, out, err } = await startChild(script, told(accounts)).ended;
    expect({ signal, out, err }).toEqual({ signal: "SIGKILL", out: "", err: "" });

    await each(accounts, 4, async ({ instant, ...there }) => {
      const lifecycle = await opened(there);
      const { complete, counts: found } = await lifecycle.reconcile({ repair: true });
      expect({ instant, complete, ...found }).toMatchObject({ instant, complete: true, hereOnly: 0 });
      await lifecycle.resume();
      for (const id of ["countess", "bob", "eve"])
        expect(await lifecycle.onboard(id)).toMatchObject({ usable: true });
      await expect(lifecycle.inspect("ada")).rejects.toMatchObject({ code: "RENAMED" });
      expect(Object.values(await lifecycle.counts()).reduce((sum, one) => sum + one, 0)).toBe(3);
      await lifecycle.close();
      const { journal } = there.sandbox;
      expect([journal.count("createUser"), journal.count("issueAuthCode")]).toEqual([2, 1]);
      expect(there.sandbox.users()).toHaveLength(3);
    });
  });
});
