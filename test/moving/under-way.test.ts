/** Calls to 1upHealth that are under way when the store is fenced: their answers reach a process that cannot write them. */
import { moveStore, type Lifecycle } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { createVirtualClock, type Sandbox } from "oneup-lifecycle/sandbox";
import { describe, expect, it, vi } from "vitest";
import { hurry, scene, working } from "../support/scene.ts";

/** What a process asks for, whose call is carried out at once and answered after the move. */
interface UnderWay {
  readonly call: "createUser" | "issueAuthCode" | "exchangeCode" | "refreshToken";
  readonly before?: (lifecycle: Lifecycle, sandbox: Sandbox) => Promise<unknown>;
  readonly ask: (lifecycle: Lifecycle) => Promise<unknown>;
}

const onboards: UnderWay["ask"] = (lifecycle) => lifecycle.onboard("ada");

const underWay: readonly UnderWay[] = [
  { call: "createUser", ask: onboards },
  { call: "exchangeCode", ask: onboards },
  {
    call: "refreshToken",
    async before(lifecycle, { clock }) {
      await lifecycle.onboard("ada");
      clock.advance(3 * 3_600_000);
    },
    ask: (lifecycle) => lifecycle.accessToken("ada"),
  },
];

describe("a call that is under way when the store is fenced", () => {
  it.each(underWay)(
    "is in doubt in the other store, which finds out what became of it: $call",
    async (way) => {
      const clock = createVirtualClock({ running: false });
      const { sandbox, open } = await scene({ clock, waitOn: "clock" });
      const [from, to] = [memory(), memory()];
      const first = await open({ store: from });
      await way.before?.(first, sandbox);
      const answered = sandbox.journal.count(way.call);
      const asked = vi.fn<() => void>();
      sandbox.fail({ call: way.call, delayMs: 2_000, delay: "after" });
      const asks = way.ask(first);
      asks.catch(asked);
      await carriedOut(sandbox, way, answered);
      await moveStore(from, to, { clientId: sandbox.credentials.clientId, clock });
      expect(asked).not.toHaveBeenCalled();
      clock.advance(2_000);
      await expect(asks).rejects.toMatchObject({ code: "STORE_MOVED" });
      await first.close();
      const before = sandbox.journal.spent().management;

      const next = working(await open({ store: to }));
      hurry(sandbox);
      expect(await next.onboard("ada", { waitMs: 3_600_000 })).toMatchObject({ usable: true });
      await next.fhir("ada", "dstu2").create({ resourceType: "Patient" });
      expect(sandbox.journal.createdTwice()).toEqual([]);
      expect(sandbox.users()).toHaveLength(1);
      expect(sandbox.journal.spent().management - before).toBe(1); // for a new code
    },
  );
});

/** Resolves when the sandbox has carried the call out. */
async function carriedOut(sandbox: Sandbox, { call }: UnderWay, answered: number): Promise<void> {
  await vi.waitFor(() => expect(sandbox.journal.count(call)).toBe(answered + 1), {
    timeout: 20_000,
    interval: 5,
  });
}
