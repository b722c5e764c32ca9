/** Two processes leave by one name, and one of them stands still at its store: whenever that is, the other one's leave holds. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  isLifecycleError,
  type Clock,
  verifyReceipts,
  type LeaveSummary,
  type Lifecycle,
} from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import type { VirtualClock } from "oneup-lifecycle/sandbox";
import { describe, expect, it } from "vitest";
import { through } from "../support/altered.ts";
import { oneIn } from "../support/effort.ts";
import { folder, hurry, scene, working } from "../support/scene.ts";

const leave = { name: "leave", purge: ["r4"] } as const;
const users = ["ada", "bob"];

function behind(clock: VirtualClock, ms: number): Clock {
  return {
    now: () => clock.now() - ms,
    monotonic: () => clock.monotonic(),
    random: () => clock.random(),
    timer: (waitMs, task) => clock.timer(waitMs, task),
  };
}

/** The rival stands still before its `nth` request to the store, of those after `begin()`. */
async function rivals(nth: number) {
  const { sandbox, open } = await scene();
  const inner = memory();
  let [requests, goOn, reached] = [-1, (): void => {}, (): void => {}];
  const over = new Promise<void>((resolve) => (goOn = resolve));
  const stands = new Promise<void>((resolve) => (reached = resolve));
  const store = through(inner, async (_verb, ask) => {
    if (requests >= 0 && ++requests > nth) {
      reached();
      await over;
    }
    return ask();
  });
  const [first, rival] = [working(await open({ store: inner })), await open({ store })];
  const receipts = join(folder("rivals"), "receipts.ndjson");
  for (const id of users) await first.onboard(id);
  const { count } = await rival.offboardMany("all", leave);
  const all = (process: Lifecycle): Promise<LeaveSummary> =>
    process.offboardMany("all", { ...leave, count, receipts });
  return {
    sandbox,
    /** A process whose clock is a minute behind. */
    open: () => open({ store: inner, clock: behind(sandbox.clock, 60_000) }),
    first,
    all,
    /** The rival begins, and stands still, or is done before; then what it comes to once it goes on. */
    async begin(): Promise<() => Promise<LeaveSummary | string>> {
      requests = 0;
      const outcome = all(rival).catch((error: unknown) => {
        if (!isLifecycleError(error)) throw error;
        return error.code;
      });
      await Promise.race([stands, outcome]);
      return () => {
        goOn();
        return outcome;
      };
    },
    async verify() {
      const lines = readFileSync(receipts, "utf8").trimEnd().split("\n");
      return verifyReceipts(lines, { publicKey: await first.receiptsKey() });
    },
  };
}

const requests = Array.from({ length: 16 }, (_, nth) => nth);
const whole = { count: 2, receipts: 2, closed: true, lost: 0 };

describe("a process that stood still before its request to the store", () => {
  it.each(oneIn(2, requests))("number %i adds no user to a leave that is over", async (nth) => {
    const { sandbox, open, first, all, begin, verify } = await rivals(nth);
    const goOn = await begin();
    const done = await all(first).catch((error: unknown) => error);
    // The rival had ended it, or had begun it last.
    if (isLifecycleError(done)) expect(done.code).toBe("INVALID_OPTION");
    // She seems to have been there before.
    await (await open()).onboard("eve");
    const late = await goOn();
    if (typeof late === "string") expect(["TAKEN_OVER", "INVALID_OPTION"]).toContain(late);
    else expect(late).toMatchObject(whole);
    expect(await all(first)).toMatchObject(whole);
    expect(await verify()).toMatchObject({ ok: true, receipts: 2 });
    expect(await first.inspect("eve")).toMatchObject({ usable: true });
    expect(
      sandbox.journal.entries().filter(({ call, appUserId }) => call === "fhir.purge" && appUserId === "eve"),
    ).toEqual([]);
  });

  it.each(oneIn(2, requests))("number %i leaves it to one of the two while it is under way", async (nth) => {
    const { sandbox, first, all, begin, verify } = await rivals(nth);
    const goOn = await begin();
    sandbox.fail({ call: "fhir.purge", appUserId: "bob", status: 503, times: Infinity });
    let isOver = false;
    const under = all(first).then(
      (summary) => summary,
      (error: unknown) => (isLifecycleError(error) ? error.code : Promise.reject(error)),
    );
    void under.finally(() => (isOver = true));
    const isBegun = async (): Promise<boolean> =>
      isOver || (await verify().catch(() => null))?.receipts === 1;
    await expect.poll(isBegun, { timeout: 10_000 }).toBe(true);
    const late = goOn();
    sandbox.clearFaults();
    hurry(sandbox);
    const ends = await Promise.all([under, late]);
    // One of them has gone on to the end, or it is gone on with.
    if (ends.every((end) => typeof end === "string")) expect(ends).not.toEqual(["TAKEN_OVER", "TAKEN_OVER"]);
    expect(await all(first)).toMatchObject(whole);
    expect(await verify()).toMatchObject({ ok: true, receipts: 2 });
  });
});
