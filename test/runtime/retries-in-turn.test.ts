/** A process that was held up for a moment, so that the calls of many users got no answer, although 1upHealth works. */
import { createVirtualClock } from "oneup-lifecycle/sandbox";
import { expect, it } from "vitest";
import { noProbes, type Permit } from "../../src/runtime/gates/permit.ts";
import { RetriesInTurn } from "../../src/runtime/gates/retries-in-turn.ts";

const minute = 60_000;
const permit: Omit<Permit, "about" | "enteredAt"> = {
  number: 1,
  probing: noProbes,
  probeCodeAt: undefined,
  granted: null,
  exchangeSlot: null,
  purgeSlot: null,
  secret: "",
  wasPostponed: false,
  isCleared: false,
  isRetry: true,
  hasTurn: false,
  hasFailed: false,
};

function world() {
  const clock = createVirtualClock({ running: false });
  const turns = new RetriesInTurn(clock, () => -Infinity, {
    by: "management",
    betweenMs: 2 * minute,
    longestBetweenMs: 10 * minute,
    longestMs: 10 * minute,
  });
  const retry = (about: string): Permit => ({ ...permit, about, enteredAt: clock.monotonic() });
  for (let n = 0; n < 8; n++) turns.record({ type: "lost" }, retry(`lost ${n}`));
  const waitMs = (about: string): number => {
    const blocked = turns.enter(retry(about));
    return blocked === null ? 0 : blocked.until - clock.now();
  };
  return { clock, turns, retry, waitMs, users: ["ada", "bob", "cleo", "dora"] };
}

it("lets all go on within seconds once the first attempt is answered", () => {
  const { clock, turns, retry, waitMs, users } = world();
  const [first = 0, ...others] = users.map(waitMs);
  expect(first).toBe(0);
  for (const ms of others) expect(ms).toBeGreaterThanOrEqual(5_000);
  for (const ms of others) expect(ms).toBeLessThanOrEqual(10_000);
  turns.record({ type: "created" }, retry("ada"));
  clock.advance(10_000);
  expect(users.map(waitMs)).toEqual([0, 0, 0, 0]);
});

it("has them take their turns, in order, once the first attempt got no answer either", () => {
  const { clock, turns, retry, waitMs, users } = world();
  const [, ...others] = users;
  users.map(waitMs);
  clock.advance(10_000);
  turns.record({ type: "lost" }, retry("ada"));
  expect(others.map(waitMs)).toEqual([110_000, 230_000, 350_000]);
});
