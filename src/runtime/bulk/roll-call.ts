/**
 * Meets every user here, also those who take steps meanwhile.
 *
 * @module
 */
import type { Engine } from "./engine.ts";
import { everyId } from "./listing.ts";
import { shelfOfMarks } from "./marks.ts";
import { numberOf, Numbers } from "./numbers.ts";
import { eachRow, rowsInHand } from "./rows.ts";

/** Ids that are listed with one question to the store. */
const idsAPage = 500;
/** Whoever was not met in so many rounds is not met today. */
const mostRounds = 16;

/** What becomes of the ids. */
export interface RollCall {
  readonly signal: AbortSignal;
  /** Looks at whoever has this id, `again` if it may have been looked at. False: no user has it, or not any more. */
  readonly meet: (id: string, again: boolean) => Promise<boolean>;
  /** Is it worth another round, which lists ids and looks at those that are new? */
  readonly matters: () => boolean;
}

/**
 * Calls everybody. The store lists one shelf after the other, and whoever steps from one that was not listed yet to one
 * that was is passed by; so it is listed again until a round shows nobody new and as many were met as the store counts.
 *
 * @returns whether that came to pass: then nobody is here who was not met
 */
export async function callRoll(
  engine: Pick<Engine, "store">,
  { signal, meet, matters }: RollCall,
): Promise<boolean> {
  let met = new Numbers();
  let again = false;
  let marks = (await headcount(engine)).marks;
  for (let round = 1; round <= mostRounds; round++) {
    const news = new Set<number>();
    await eachRow(everyId(engine, idsAPage), rowsInHand, signal, async (id) => {
      const number = numberOf(id);
      if (round > 1 && (met.has(number) || news.has(number))) return;
      if (!(await meet(id, again))) return;
      if (round > 1) news.add(number);
      else met.add(number);
    });
    if (!matters()) return false;
    for (const number of news) met.add(number);
    const now = await headcount(engine);
    if (now.marks !== marks) {
      met = new Numbers(); // who was forgotten may have been met before, and would stand for somebody who was not
      marks = now.marks;
      again = true;
    } else if (round > 1 && news.size === 0 && met.size() >= now.users) return true;
  }
  return false;
}

async function headcount({ store }: Pick<Engine, "store">): Promise<{
  readonly users: number;
  readonly marks: number;
}> {
  const { [shelfOfMarks]: marks = 0, ...shelves } = await store.counts();
  return { users: Object.values(shelves).reduce((sum, count) => sum + count, 0), marks };
}
