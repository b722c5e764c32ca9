/**
 * `accessToken()`: from memory, and from the store.
 *
 * @module
 */
import type { Lifecycle } from "oneup-lifecycle";
import { startProvider } from "./provider.ts";
import type { Measurement } from "./report.ts";
import { inLoops, median } from "./rounds.ts";
import { loops, type Effort } from "./settings.ts";
import { durableSide } from "./sides.ts";

/** From memory, sequentially. */
export async function tokenFromMemory(effort: Effort): Promise<Measurement[]> {
  const value = await tokensPerSecond(
    { users: 1_000, cachedTokens: 1_000, asks: 1_000_000, loops: 1 },
    effort,
  );
  return [{ name: "token.warm", value, unit: "tokens/s", bar: 5_000_000 }];
}

/** From the store, concurrently: each record is read and its secrets are decrypted. */
export async function tokenFromStore(effort: Effort): Promise<Measurement[]> {
  const users = effort.storedUsers;
  const value = await tokensPerSecond({ users, cachedTokens: 0, asks: 3 * users, loops: 64 }, effort);
  return [{ name: "token.store", value, unit: "tokens/s", bar: 60_000 }];
}

interface Scene {
  readonly users: number;
  readonly cachedTokens: number;
  /** Tokens requested per round, of all users in turn. */
  readonly asks: number;
  /** Concurrent requests. */
  readonly loops: number;
}

/** The median of the rounds, after a warm-up round. */
async function tokensPerSecond(scene: Scene, effort: Effort): Promise<number> {
  const provider = await startProvider(0);
  const { lifecycle, onboard, close } = await durableSide(provider.url, { cachedTokens: scene.cachedTokens });
  try {
    const ids = Array.from({ length: scene.users }, (_, index) => `user-${index}@example.org`);
    await inLoops(ids, loops, onboard);
    const rates: number[] = [];
    for (let index = 0; index <= effort.pairs; index++) rates.push(await round(lifecycle, ids, scene));
    return median(rates.slice(1));
  } finally {
    await close();
    await provider.close();
  }
}

async function round(lifecycle: Lifecycle, ids: readonly string[], scene: Scene): Promise<number> {
  const begun = performance.now();
  for (let asked = 0; asked < scene.asks; asked += ids.length) {
    await inLoops(ids, scene.loops, (id) => lifecycle.accessToken(id));
  }
  return scene.asks / ((performance.now() - begun) / 1_000);
}
