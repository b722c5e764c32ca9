/** Whatever a writer of the store does with a seal, it opens in its own place or not at all. */
import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nothingKnown } from "../../machines/index.ts";
import { readUser, writeUser, type User } from "../../src/runtime/user/user.ts";
import type { Json } from "../../src/store/contract.ts";
import type { Sealer } from "../../src/store/sealing/sealer.ts";
import { revealed, sealerOf, secrets } from "./sample.ts";

const [k1, k2] = [randomBytes(32), randomBytes(32)];
const accounts = ["account", "another"] as const;

/** Where a seal can stand. */
interface Place {
  readonly account: (typeof accounts)[number];
  readonly user: string;
  readonly oneupUserId: number | null;
  readonly format: number;
  /** The newest store key when it was written. */
  readonly key: 1 | 2;
  readonly fields: readonly string[];
}

const places: fc.Arbitrary<Place> = fc.record({
  account: fc.constantFrom(...accounts),
  user: fc.constantFrom("ada", "eve"),
  oneupUserId: fc.constantFrom(42, 43, null),
  format: fc.constantFrom(1, 2),
  key: fc.constantFrom<(1 | 2)[]>(1, 2),
  fields: fc.constantFrom<string[][]>(["code"], ["accessToken"], ["accessToken", "refreshToken"]),
});

/** One process's sealer that has seen both keys, so that every one of them is at hand. */
const sealers = new Map<string, Sealer>();
function sealerFor({ account, format, key }: Place): Sealer {
  const name = JSON.stringify([account, format, key]);
  const sealer = sealers.get(name) ?? sealerOf(format, key === 1 ? [k1] : [k2, k1], account);
  sealers.set(name, sealer);
  return sealer;
}

function written(place: Place): Record<string, any> {
  const held = Object.fromEntries(Object.entries(secrets).filter(([name]) => place.fields.includes(name)));
  const user: User = {
    id: place.user,
    revision: 1,
    intent: null,
    pause: null,
    hold: null,
    exports: [],
    erased: [],
    leaving: null,
    lane: "bulk",
    begun: null,
    restarted: null,
    history: [],
    meters: [],
    causes: [],
    doers: [],
    calls: { management: 0, token: 0 },
    position: { state: "tokenActive", context: { ...nothingKnown, oneupUserId: place.oneupUserId } },
    origin: null,
    former: [],
    secrets: held,
    asRead: undefined,
    tombstoneRevision: undefined,
    unsaved: undefined,
    leaseMs: undefined,
  };
  return writeUser(user, sealerFor(place)) as Record<string, any>; // what it makes of a user
}

/** Reads a record as a process that knows every key and format would. */
function read({ account, user }: Place, value: unknown): Record<string, string> {
  const reader = sealerFor({ account, user, format: 2, key: 2, oneupUserId: 0, fields: [] });
  const stored = JSON.parse(JSON.stringify(value)) as Json; // as a store gives it back
  const record = {
    id: user,
    value: stored,
    revision: 1,
    state: "created",
    dueInMs: null,
    lane: null,
    lease: null,
  };
  return revealed(readUser(record, reader).secrets);
}

const damaged = expect.objectContaining({ code: "RECORD_DAMAGED", retryable: false });

describe("a seal", () => {
  it("opens in its own place, and in no other, with RECORD_DAMAGED and nothing else", () => {
    let moved = 0;
    fc.assert(
      fc.property(places, places, (from, to) => {
        const [there, here] = [written(from), written(to)];
        const sameUser = from.account === to.account && from.user === to.user;
        const own = sameUser && from.oneupUserId === to.oneupUserId;
        const same = from.key === to.key && from.fields.join() === to.fields.join();
        const { sealed, format } = there;
        // The seal alone, the seal with its format, its text alone: what a user held before opens at that user's.
        for (const [value, opens] of [
          [{ ...here, sealed }, own && from.format === to.format],
          [{ ...here, format, sealed }, own],
          [
            { ...here, sealed: { ...here["sealed"], text: sealed.text } },
            own && same && from.format === to.format,
          ],
        ] as const) {
          if (opens) expect(Object.keys(read(to, value)).sort()).toEqual([...from.fields].sort());
          else {
            moved++;
            expect(() => read(to, value)).toThrow(damaged);
          }
        }
      }),
      { numRuns: 400, interruptAfterTimeLimit: 1_500 },
    );
    expect(moved).toBeGreaterThan(0);
  });

  it("does not open with any changed byte of its text, key or fields, or another id at 1upHealth", () => {
    const damage = fc.tuple(
      places,
      fc.constantFrom("text", "key", "fields", "oneupUserId"),
      fc.nat(),
      fc.integer({ min: 1, max: 127 }),
    );
    fc.assert(
      fc.property(damage, ([place, what, at, by]) => {
        const value = written(place);
        const { sealed } = value;
        expect(Object.keys(read(place, value))).toHaveLength(place.fields.length);
        const changed = (text: string): string => {
          const bytes = Buffer.from(text);
          const index = at % bytes.length;
          bytes.writeUInt8((bytes.readUInt8(index) ^ by) & 127, index);
          return bytes.toString();
        };
        // base64 has several spellings for the same bytes: the bytes are what counts
        const bytes = Buffer.from(sealed.text, "base64");
        bytes.writeUInt8(bytes.readUInt8(at % bytes.length) ^ by, at % bytes.length);
        const after = {
          text: { ...value, sealed: { ...sealed, text: bytes.toString("base64") } },
          key: { ...value, sealed: { ...sealed, key: changed(sealed.key) } },
          fields: { ...value, sealed: { ...sealed, fields: sealed.fields.map(changed) } },
          oneupUserId: { ...value, context: { ...value["context"], oneupUserId: 1_000 + by } },
        }[what];
        expect(() => read(place, after)).toThrow(damaged);
      }),
      { numRuns: 400, interruptAfterTimeLimit: 1_500 },
    );
  });
});
