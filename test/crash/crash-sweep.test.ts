import { createLifecycle } from "oneup-lifecycle";
import { connectSandboxClock, createSandbox } from "oneup-lifecycle/sandbox";
import { describe, expect, it, vi } from "vitest";
import { each, startChild } from "../support/child.ts";
import type { Instant } from "../support/dying.ts";
import { onDisk } from "../support/on-disk.ts";
import { afterwards, folder } from "../support/scene.ts";
import { costs } from "./journeys.ts";
import type { Journey, JourneyArgument } from "./journeys.ts";

const script = new URL("./journey.child.ts", import.meta.url);
const times = { timeoutMs: 2_000, graceMs: 100, leaseMs: 2_500 };
const journeys = ["onboard", "refresh", "recover", "reauthorize"] as const;

describe("a process that is killed", () => {
  it("before and after every store write and every call leaves nobody lost, stuck or created twice", async () => {
    const path = folder("sweep");
    const sandbox = createSandbox({ limit: { calls: 10_000 } });
    const server = await sandbox.listen();
    afterwards(() => server.close());
    const common = { url: server.url, credentials: sandbox.credentials, path, times };
    const open = async () => {
      const clock = await connectSandboxClock(server.url);
      const lifecycle = await createLifecycle({
        credentials: sandbox.credentials,
        endpoints: server.endpoints,
        clock,
        ...onDisk(path),
        ...times,
      });
      return { lifecycle, close: () => lifecycle.close().then(() => clock.close()) };
    };

    // How many writes and calls does each journey take? One undisturbed run tells.
    const steps = {} as Record<Journey, { write: number; call: number }>; // filled right here
    await prepare(journeys.map((journey) => ({ journey, id: `${journey} undisturbed` })));
    for (const journey of journeys) {
      const argument: JourneyArgument = { ...common, id: `${journey} undisturbed`, journey, instant: null };
      const { out, err } = await startChild(script, argument).ended;
      expect(err).toBe("");
      steps[journey] = JSON.parse(out.slice("done ".length)) as { write: number; call: number }; // our own child
    }
    expect(steps.onboard).toEqual({ write: 3, call: 2 });

    const points = journeys.flatMap((journey) =>
      instants(steps[journey]).map((instant) => ({
        journey,
        instant,
        id: `${journey}: ${instant.when} ${instant.of} ${instant.n} <ada+${journey}@example.org>`,
      })),
    );
    await prepare(points);
    const before = new Map(points.map(({ id }) => [id, spentOn(id)]));
    await each(points, 2, async ({ journey, id, instant }) => {
      const { signal, out, err } = await startChild(script, { ...common, id, journey, instant }).ended;
      expect({ id, signal, out, err }).toEqual({ id, signal: "SIGKILL", out: "", err: "" });
    });

    // A new process. Its worker alone brings everybody on who was under way …
    const { lifecycle, close } = await open();
    const stop = new AbortController();
    const working = lifecycle.work({ signal: stop.signal });
    try {
      await vi.waitFor(
        async () => {
          const { created = 0, codeIssued = 0, expiring = 0, reauthorizing = 0 } = await lifecycle.counts();
          expect({ created, codeIssued, expiring, reauthorizing }).toEqual({
            created: 0,
            codeIssued: 0,
            expiring: 0,
            reauthorizing: 0,
          });
        },
        { timeout: 20_000, interval: 50 },
      );
      // … and whoever died before the first write is found by asking for it.
      for (const { id, journey } of points) {
        if (journey === "onboard") expect(await lifecycle.onboard(id)).toMatchObject({ usable: true });
        await lifecycle.accessToken(id);
        const patient = await lifecycle.fhir(id, "dstu2").create({ resourceType: "Patient" });
        expect(patient.id).toMatch(/^[0-9a-f]+$/);
      }
    } finally {
      stop.abort();
      await working;
      await close();
    }

    expect(sandbox.journal.createdTwice()).toEqual([]);
    const extra = points.map(({ id, journey }) => ({
      id,
      extra: spentOn(id) - (before.get(id) ?? 0) - costs[journey],
    }));
    expect(extra.filter((user) => user.extra > 2)).toEqual([]);
    expect(new Set(sandbox.users().map((user) => user.appUserId)).size).toBe(sandbox.users().length);

    /** Users of a journey that begins with a grant: onboarded in peace, then expired, or revoked as well. */
    async function prepare(
      users: readonly { readonly journey: Journey; readonly id: string }[],
    ): Promise<void> {
      const started = users.filter(({ journey }) => journey !== "onboard");
      const { lifecycle, close } = await open();
      await each(started, 8, async ({ id }) => void (await lifecycle.onboard(id)));
      await close();
      sandbox.clock.advance(2 * 3_600_000);
      for (const { journey, id } of started) if (journey === "recover") sandbox.revokeGrant(id);
    }

    function spentOn(id: string): number {
      const management = ["createUser", "issueAuthCode", "listUsers", "updateUser"];
      return sandbox.journal
        .entries()
        .filter((entry) => entry.appUserId === id && management.includes(entry.call)).length;
    }
  }, 120_000);
});

function instants(steps: { readonly write: number; readonly call: number }): readonly Instant[] {
  return (["write", "call"] as const).flatMap((of) =>
    Array.from({ length: steps[of] }, (_, index) => index + 1).flatMap((n) =>
      (["before", "after"] as const).map((when) => ({ of, n, when })),
    ),
  );
}
