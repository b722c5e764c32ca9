/** A story in which the store is emptied: the processes that had it open must do nothing afterwards. */
import type { Handler } from "../../src/sandbox/handler.ts";
import type { Scenario } from "./scenario.ts";
import type { PlainStore } from "./plain-store.ts";
import { beginning, Dice, hour, minute, second, type Time } from "./time.ts";

/** A call that was on its way arrives within this time, ms: these stories have no other fault. */
const underWayMs = second;

/** A FHIR call with a token in memory writes nothing, and notices the loss with the next look at the account, ms. */
const lookMs = 10 * second;

/** Plays the story to its end; returns the broken promises, `null` if one was broken before. */
export async function playEmptying(
  { handler, store, time, scenario }: StageOfEmptying,
  atMs: number,
  broken: () => boolean,
): Promise<readonly string[] | null> {
  await time.run(beginning + atMs, broken);
  // In the middle of a user's work, so that its next write comes before any look at the account.
  const arrived = handler.journal.count();
  await time.run(time.now + 2 * hour, () => broken() || handler.journal.count() > arrived);
  if (broken()) return null;
  store.empty();
  const { seed, releases } = scenario;
  // A process of a new release that starts afterwards would initialise the account again, which is allowed.
  const isBegunAnew = new Dice(seed, "emptied").hits(0.5) || releases.from !== releases.to;
  if (isBegunAnew) await store.account.commit({ value: {}, expectedRevision: 0, writeId: "anew" });
  const emptiedAt = time.now;
  await time.run(emptiedAt + 30 * minute, () => false);
  const blamed: string[] = [];
  for (const { at, call } of handler.journal.entries()) {
    const isFhir = !/User|Code|Token/.test(call);
    if (at > emptiedAt + (isFhir ? lookMs : underWayMs))
      blamed.push(`P4: ${call} was sent after the store was emptied`);
  }
  const counts = Object.keys(await store.counts());
  if (counts.length > 0) blamed.push(`P1: users are written into a store that was emptied: ${counts.join()}`);
  const account = await store.account.load();
  if ((account?.revision ?? 0) !== (isBegunAnew ? 1 : 0))
    blamed.push("P1: the account is written into a store that was emptied");
  return blamed;
}

/** What the story needs. */
interface StageOfEmptying {
  readonly handler: Handler;
  readonly store: PlainStore;
  readonly time: Time;
  readonly scenario: Pick<Scenario, "seed" | "releases">;
}
