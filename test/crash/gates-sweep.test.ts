import { createLifecycle } from "oneup-lifecycle";
import { createSandbox, type Fault } from "oneup-lifecycle/sandbox";
import { describe, expect, it, vi } from "vitest";
import { each, startChild } from "../support/child.ts";
import { at } from "../support/places.ts";
import { oneIn } from "../support/effort.ts";
import { folder } from "../support/scene.ts";
import { ownPlace, type Fated, type Life } from "./journeys.ts";

const script = new URL("./journey.child.ts", import.meta.url);
const times = { timeoutMs: 8_000, graceMs: 200, leaseMs: 8_500 };

/** Troubles that shut a gate of the account on the way of one onboarding, and what that costs beyond its one call. */
const troubles: Readonly<
  Record<string, { readonly fault: Fault; readonly extra: number; readonly writes: number }>
> = {
  "a 429": {
    fault: { call: "createUser", status: 429, body: "", headers: { "retry-after": "1" } },
    extra: 1, // the refused call itself
    writes: 5,
  },
  "a token endpoint that is away": {
    fault: { call: "exchangeCode", times: 2, status: 503, body: { error: "server_error" } },
    extra: 1, // the further code
    writes: 5,
  },
  "refused credentials": {
    fault: { call: "createUser", status: 401, body: { message: "Unauthorized" } },
    extra: 1,
    writes: 4, // then its caller is told
  },
};

describe.concurrent("a process that is killed while a gate of the account is shut", () => {
  for (const [trouble, { fault, extra, writes }] of Object.entries(troubles)) {
    it(`by ${trouble}: before and after every write, leaves no user stuck or created twice`, async (test) => {
      const place = { type: "lmdb", path: folder("gates", test) } as const;
      const sandbox = createSandbox({ limit: { calls: 10_000 } });
      const server = await sandbox.listen();
      test.onTestFinished(() => server.close());
      /** The user, in an account's store of its own, so that gates do not meet. */
      const all: readonly Life[] = Array.from({ length: writes }, (_, index) => index + 1).flatMap((n) =>
        (["before", "after"] as const).map((when) => ({
          id: `${trouble} ${when} write ${n}`,
          journey: "onboard" as const,
          instant: { of: "write" as const, n, when },
        })),
      );
      const lives = oneIn(2, all);
      for (const { id } of lives) sandbox.fail({ ...fault, appUserId: id });
      const { credentials } = sandbox;
      const fated: Fated = { url: server.url, credentials, place, times, lives, by: "opening" }; // so that gates do not meet
      const { signal, out, err } = await startChild(script, fated).ended;
      expect({ signal, out, err }).toEqual({ signal: "SIGKILL", out: `stopped ${lives.length}\n`, err: "" });
      await each(lives, lives.length, async (life) => {
        const { id } = life;
        const lifecycle = await createLifecycle({
          credentials: sandbox.credentials,
          endpoints: server.endpoints,
          clock: sandbox.clock,
          ...at(ownPlace(place, life)),
          ...times,
        });
        const stop = new AbortController();
        const working = lifecycle.work({ signal: stop.signal });
        try {
          // A refused secret is tried again after a minute; here a person says that it is in order.
          const usable = async (): Promise<void> => {
            await lifecycle.account.reopen();
            // One who was refused while others came through waits alone; here a person asks for it again.
            await lifecycle.retry(id, { waitMs: 100 }).catch(() => null);
            expect(await lifecycle.onboard(id, { waitMs: 10_000 })).toMatchObject({ usable: true });
          };
          await vi.waitFor(usable, { timeout: 15_000, interval: 100 });
          expect((await lifecycle.budget.refresh()).shut).toEqual([]);
        } finally {
          stop.abort();
          await working;
          await lifecycle.close();
        }
        const management = sandbox.journal
          .entries()
          .filter(({ appUserId, call }) => appUserId === id && !/^(exchange|refresh)/.test(call));
        if (management.length > 1 + extra + 2)
          expect.unreachable(`${id}: ${management.length} management calls`);
      });
      expect(sandbox.journal.createdTwice()).toEqual([]);
    });
  }
});
