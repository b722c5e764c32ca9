import { createLifecycle } from "oneup-lifecycle";
import { createSandbox } from "oneup-lifecycle/sandbox";
import { describe, expect, it } from "vitest";
import { each, startChild } from "../support/child.ts";
import { oneIn } from "../support/effort.ts";
import { at } from "../support/places.ts";
import { folder } from "../support/scene.ts";
import { membersOf, ownPlace, type Fated, type Life, type ListJourney } from "./journeys.ts";

const script = new URL("./journey.child.ts", import.meta.url);
const times = { timeoutMs: 8_000, graceMs: 200, leaseMs: 8_500 };

describe.concurrent("a process that is killed in the middle of an import", () => {
  for (const journey of ["import", "import of new users"] as const) {
    it(`(${journey}): before and after every write and call, leaves a list that goes on under its name`, async (test) => {
      const place = { type: "lmdb", path: folder("import", test) } as const;
      const sandbox = createSandbox({ limit: { calls: 100_000 } });
      const server = await sandbox.listen();
      test.onTestFinished(() => server.close());
      const { credentials, journal } = sandbox;
      const child = async (
        lives: readonly Life[],
      ): Promise<{ signal: unknown; out: string; err: string }> => {
        const fated: Fated = { url: server.url, credentials, place, times, lives, by: "opening" };
        return startChild(script, fated).ended;
      };
      /** Each list's users are there already, where the application does not know: the one stored first costs two calls. */
      const begin = (life: Life): Life => {
        if (journey === "import") for (const known of membersOf(life)) sandbox.createUser(known);
        return life;
      };

      const undisturbed = begin({ id: `${journey}, undisturbed`, journey, instant: null });
      const first = await child([undisturbed]);
      expect(first.err).toBe("");
      const [steps] = JSON.parse(first.out.slice("done ".length)) as readonly [Steps]; // our own child
      expect(journal.spent().management).toBe(journey === "import" ? 4 : 2);
      expect(steps.call).toBe(journey === "import" ? 6 : 4);

      const lives = oneIn(3, instants(journey, steps)).map(begin); // everyday some, which the run draws
      const spentBefore = journal.count();
      const { signal, out, err } = await child(lives);
      expect({ signal, err }).toEqual({ signal: "SIGKILL", err: "" });
      // The last writes may be one fewer than in the undisturbed run, so the last instants may not come.
      expect(Number(/^stopped (\d+)/.exec(out)?.[1])).toBeGreaterThan(lives.length / 2);

      sandbox.clock.advance(16 * 60_000); // leases are over
      await each(lives, 8, async (life) => {
        const lifecycle = await createLifecycle({
          credentials,
          endpoints: server.endpoints,
          clock: sandbox.clock,
          ...at(ownPlace(place, life)),
          ...times,
        });
        try {
          const members = membersOf(life);
          const done = await lifecycle.onboardMany(members, options(journey));
          expect(done).toMatchObject({ read: members.length, left: 0, failed: 0, rejected: 0 });
          const { tokenActive = 0, reauthorized = 0, ...others } = await lifecycle.counts();
          expect({ arrived: tokenActive + reauthorized, others }).toEqual({
            arrived: members.length,
            others: {},
          });
        } finally {
          await lifecycle.close();
        }
      });
      expect(journal.createdTwice()).toEqual([]);
      const entries = journal.entries().slice(spentBefore);
      for (const id of lives.flatMap(membersOf)) {
        const spent = entries.filter(({ appUserId, call }) => appUserId === id && managing.has(call)).length;
        const due = journey === "import" ? 2 : 1;
        if (spent > due + 2) expect.unreachable(`${id}: ${spent} management calls`);
      }
      const pages = entries.filter(({ call }) => call === "listUsers").length;
      expect(pages).toBeLessThanOrEqual(journey === "import" ? 4 * lives.length : 0);
    });
  }
});

interface Steps {
  readonly write: number;
  readonly call: number;
}

const managing: ReadonlySet<string> = new Set(["createUser", "issueAuthCode"]);

function options(journey: ListJourney): { name: string; expect?: "new" } {
  return { name: "spring", ...(journey === "import of new users" && { expect: "new" }) };
}

function instants(journey: ListJourney, steps: Steps): readonly Life[] {
  return (["write", "call"] as const).flatMap((of) =>
    Array.from({ length: steps[of] }, (_, index) => index + 1).flatMap((n) =>
      (["before", "after"] as const).map((when) => ({
        id: `${journey}, ${when} ${of} ${n}`,
        journey,
        instant: { of, n, when },
      })),
    ),
  );
}
