/**
 * How fast all users move from one store to another: LMDB, PostgreSQL, Redis, LMDB.
 *
 * @module
 */
import { fill } from "./fill.ts";
import { encryption, inPlace, storeIn, type Place } from "./places.ts";
import { moveStore } from "./product.ts";
import { startProvider } from "./provider.ts";
import type { Measurement } from "./report.ts";
import { credentials, type Effort } from "./settings.ts";

/** The store that is left, and the one that is filled. */
type Leg = readonly [name: string, from: Place, to: Place];

/** Users that move; skipped without Redis or PostgreSQL. */
export function moveAround({ storedUsers }: Effort): Promise<Measurement[]> {
  return inPlace("lmdb", "move", (first) =>
    inPlace("postgres", "move", (second) =>
      inPlace("redis", "move", (third) =>
        inPlace("lmdb", "move", (last) =>
          moved(storedUsers, [
            ["lmdb.postgres", first, second],
            ["postgres.redis", second, third],
            ["redis.lmdb", third, last],
          ]),
        ),
      ),
    ),
  );
}

async function moved(users: number, legs: readonly Leg[]): Promise<Measurement[]> {
  const provider = await startProvider(0);
  const found: Measurement[] = [];
  const digests = new Set<string>();
  try {
    const [[, first]] = legs as [Leg];
    await fill(
      {
        credentials,
        encryption,
        store: storeIn(first),
        endpoints: { api: provider.url, auth: provider.url },
      },
      0,
      users,
    );
    for (const [name, from, to] of legs) {
      const options = { clientId: credentials.clientId, encryption };
      const summary = await moveStore(storeIn(from), storeIn(to), options);
      digests.add(summary.digest);
      if (summary.users !== users) throw new Error(`${summary.users} of ${users} users moved`);
      const perSecond = (users * 1_000) / summary.interruptedMs;
      found.push({ name: `move.users_per_s.${name}`, value: perSecond, unit: "/s", bar: null });
    }
    if (digests.size !== 1) throw new Error("The digests differ");
    return found;
  } finally {
    await provider.close();
  }
}
