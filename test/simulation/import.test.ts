import { describe, expect, it } from "vitest";
import { inWords, playImport, scaled } from "./import.ts";

describe("an import", () => {
  it("of 3,000 users uses every slot of every hour, whichever process dies, and no interactive user waits for it", async () => {
    const outcome = await playImport(scaled(3_000));
    const { blamed, figures } = outcome;
    expect({ blamed, said: inWords(outcome) }).toMatchObject({ blamed: [] });
    expect(figures).toMatchObject({ users: 3_000, mostInWindow: 300, behindBulk: 0 });
    expect(figures.deaths).toBeGreaterThan(3);
    expect(figures.guests).toBeGreaterThan(10);
    expect(figures.hour.mean).toBeGreaterThan(0.99 * figures.ceiling);
  });
});
