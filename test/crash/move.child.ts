/** Moves users, or calls that off, between many stores, in a process that is killed when all stand at their instants. */
import { abortMove, moveStore, type MoveOptions, type StoreAdapter } from "oneup-lifecycle";
import { argument } from "../support/child.ts";
import { die, dyingStore, Fate, lives, type Instant } from "../support/dying.ts";
import { at, type Place } from "../support/places.ts";

/** From where to where, and where that ends first. */
export interface Move {
  readonly from: Place;
  readonly to: Place;
  readonly instant: Instant | null;
}

/** What a child is told. */
export interface Told {
  readonly clientId: string;
  readonly by: "moving" | "aborting";
  readonly all: readonly Move[];
}

/** Both stores of a move, and its options: each has a key of its own. */
export function sides(
  clientId: string,
  { from, to }: Pick<Move, "from" | "to">,
): readonly [StoreAdapter, StoreAdapter, MoveOptions] {
  const [first, other] = [at(from), at(to)];
  const { encryption } = first;
  const { encryption: newEncryption } = other;
  return [
    first.store,
    other.store,
    { clientId, ...(encryption && { encryption }), ...(newEncryption && { newEncryption }) },
  ];
}

async function run({ clientId, by, all }: Told): Promise<void> {
  let left = all.length;
  await Promise.all(
    all.map(async (move) => {
      const fate = new Fate(move.instant, () => {
        if (--left === 0) die();
      });
      const [from, to, options] = sides(clientId, move);
      const task = by === "moving" ? moveStore : abortMove;
      await lives.run(fate, () => task(dyingStore(from), dyingStore(to), options));
      console.log(JSON.stringify(fate.counts));
    }),
  );
}

const told = argument<Told | null>();
if (told !== null) await run(told);
