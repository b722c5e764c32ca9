import { readFileSync } from "node:fs";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { memory } from "../../adapters/memory.ts";
import { openGate, stepGate } from "../../machines/index.ts";
import { systemClock } from "../../src/clock.ts";
import { isLifecycleError } from "../../src/errors.ts";
import { readGates, withGate } from "../../src/runtime/gates/gate-record.ts";
import { checkOptions, type LifecycleOptions } from "../../src/runtime/options/lifecycle-options.ts";
import { applyDue, describeUser } from "../../src/runtime/user/user-status.ts";
import { readUser, stepped, writeUser } from "../../src/runtime/user/user.ts";
import type { Json, Store } from "../../src/store/contract.ts";
import { newestFormat } from "../../src/store/envelope.ts";
import { openKeys, type KeyView } from "../../src/store/sealing/key-record.ts";
import { keyRing, type KeyRing } from "../../src/store/sealing/key-ring.ts";
import { decodeHead, decodeRow, encodeRow, storedRecordOf } from "../../src/store/row-rules.ts";
import { Sealer } from "../../src/store/sealing/sealer.ts";
import { eventsAt } from "../machines/events.ts";
import { bounds, garbage, mutated, nasty, patience, torn } from "./mutants.ts";

const now = 1_767_230_000_000;

interface Fixture {
  readonly ringKey: string;
  readonly account: string;
  readonly accountRecord: Json;
  readonly users: Readonly<Record<string, { readonly value: Json }>>;
}

const { ringKey, account, accountRecord, users } = JSON.parse(
  readFileSync(new URL("../store/fixtures/format-1.json", import.meta.url), "utf8"),
) as Fixture; // written by this project

let sealer: Sealer;
beforeAll(async () => {
  sealer = new Sealer(await keyIn(accountRecord), account);
});

/** The store's keys in an account's record. */
function keyIn(value: Json): Promise<KeyView> {
  const record: Store["account"] = { load: async () => ({ value, revision: 1 }), commit: async () => true };
  const ring = (): KeyRing => keyRing({ keys: [ringKey] }, false, systemClock);
  return openKeys({ record, account, ring, newest: newestFormat, writeId: "write" });
}

/** What a store can give back. */
function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json; // JSON.parse gives nothing else
  } catch {
    return undefined;
  }
}

/** `true` if the task gave a value, `false` if it said why not. Whatever else it throws is a finding. */
function gives(task: () => void): boolean {
  try {
    task();
    return true;
  } catch (error) {
    if (!isLifecycleError(error)) throw error;
    if (error.message.length > 400) throw new Error("a long message", { cause: error });
    return false;
  }
}

/** Both must have been met, or the samples say nothing. */
class Tally {
  given = 0;
  refused = 0;
  add(given: boolean): void {
    if (given) this.given++;
    else this.refused++;
  }
  get isTelling(): boolean {
    return this.given > 0 && this.refused > 0;
  }
}

/** Fails for a `Date` that holds none, anywhere in a value. */
function checkDates(value: unknown): void {
  if (value instanceof Date) value.toISOString();
  else if (typeof value === "object" && value !== null) Object.values(value).forEach(checkDates);
}

describe("records", () => {
  it(
    "readUser() gives a user that can be shown, stepped and written, or a LifecycleError",
    () => {
      const tally = new Tally();
      const samples = Object.entries(users).map(([id, { value }]) => ({ id, value }));
      fc.assert(
        fc.property(mutated(samples), (text) => {
          const sample = parsed(text) as { readonly id?: unknown; readonly value?: Json } | null; // or anything
          if (typeof sample?.id !== "string" || sample.value === undefined) return;
          const { id, value } = sample;
          const record = { id, value, revision: 1, state: "created", dueInMs: null, lane: null, lease: null };
          const read = gives(() => {
            const user = readUser(record, sealer);
            checkDates(describeUser(applyDue(user, 600_000, now), 600_000, now));
            for (const event of eventsAt(now)) {
              const next = stepped(user, event);
              checkDates(describeUser(next, 600_000, now));
              const again = parsed(JSON.stringify(writeUser(next, sealer))) ?? null;
              const reread = readUser({ ...record, value: again }, sealer).position;
              expect(reread.state).toBe(next.position.state);
              expect(reread.context.attempt === next.position.context.attempt).toBe(true); // 0 is -0, too
            }
          });
          tally.add(read);
        }),
        bounds(
          350,
          [...samples, { id: "ada", value: "nonsense" }].map((one) => [JSON.stringify(one)]),
        ),
      );
      expect(tally.isTelling).toBe(true);
    },
    patience,
  );

  it(
    "readGates() gives gates that can be stepped and written, whatever stands there",
    () => {
      let gates = 0;
      const shut = {
        ...openGate,
        state: "throttled",
        reason: "throttled",
        until: now,
        attempt: 2,
        since: now,
      };
      const sample = {
        format: 1,
        gates: {
          management: shut,
          "secret:0123": { ...shut, state: "probing", probe: "one/7", probeCodeAt: now },
        },
      };
      fc.assert(
        fc.property(fc.oneof(mutated([sample]), garbage), (text) => {
          const value = parsed(text);
          if (value === undefined) return;
          for (const [key, gate] of Object.entries(readGates(value))) {
            gates++;
            const { until, since, probeCodeAt } = gate;
            checkDates([until, since, probeCodeAt ?? 0].map((at) => new Date(at)));
            const next = stepGate(gate, { type: "HELD", at: now, reason: "unavailable", until: now + 1 });
            const written = parsed(JSON.stringify(withGate(value, key, next))) ?? null;
            const reread = readGates(written)[key] ?? openGate;
            expect([openGate, parsed(JSON.stringify(next))]).toContainEqual(reread); // an old one is forgotten
          }
        }),
        bounds(400, [[JSON.stringify(sample)]]),
      );
      expect(gates).toBeGreaterThan(0);
    },
    patience,
  );

  it(
    "openKeys() gives keys of 32 bytes or a LifecycleError",
    async () => {
      const tally = new Tally();
      const oddList = { ...Object(accountRecord), retired: [{ toString: 1 }] }; // has no text
      await fc.assert(
        fc.asyncProperty(mutated([accountRecord]), async (text) => {
          const value = parsed(text);
          if (value === undefined || value === null) return;
          try {
            const { storeKeys, names } = await keyIn(value);
            for (const bytes of [names, ...storeKeys.map((key) => key.bytes)]) expect(bytes).toHaveLength(32);
            tally.add(true);
          } catch (error) {
            if (!isLifecycleError(error)) throw error;
            tally.add(false);
          }
        }),
        bounds(300, [[JSON.stringify(accountRecord)], [JSON.stringify(oddList)]]),
      );
      expect(tally.isTelling).toBe(true);
    },
    patience,
  );

  it(
    "decodeRow() and decodeHead() give a row that can be shown, or a LifecycleError",
    () => {
      const tally = new Tally();
      const lease = { id: "lease", owner: "process", until: now };
      const took = { limit: "management", windowMs: 1, lane: "bulk", at: now };
      const head = { revision: 3, writeId: "w", state: "created", dueAt: now, lane: "bulk", waitsSince: now };
      const samples = [{ ...head, lease, took, value: { format: 1 } }, { renamedTo: "zoe" }];
      const texts = mutated(samples);
      fc.assert(
        fc.property(fc.oneof({ arbitrary: texts, weight: 4 }, torn(texts), garbage), (text) => {
          const read = gives(() => {
            const row = decodeRow(text);
            if ("renamedTo" in row) {
              expect(typeof row.renamedTo).toBe("string");
              return;
            }
            expect(["interactive", "recovery", "bulk", null]).toContain(row.lane);
            const { owner = "" } = storedRecordOf("ada", row, now).lease ?? {};
            expect(typeof owner).toBe("string");
            expect(decodeRow(encodeRow(row))).toEqual(JSON.parse(JSON.stringify(row)));
          });
          tally.add(read);
          gives(() => decodeHead(text));
        }),
        bounds(
          400,
          [...samples, "nonsense"].map((one) => [JSON.stringify(one)]),
        ),
      );
      expect(tally.isTelling).toBe(true);
    },
    patience,
  );
});

describe("checkOptions()", () => {
  it(
    "gives settings, or a LifecycleError that names no secret",
    () => {
      const tally = new Tally();
      const sample = {
        credentials: { clientId: "planted-id", clientSecret: "planted-secret" },
        endpoints: { api: "https://planted:planted@api.example/?planted", auth: "https://auth.example/fhir" },
        limits: {
          management: { calls: 3, windowMs: 1_000, lanes: { reserved: 0.1 } },
          token: { calls: 1, windowMs: 1 },
        },
        refresh: { policy: "eager", windowMs: 600_000 },
        encryption: { keys: ["planted-key"] },
        timeoutMs: 1_000,
        cachedTokens: 5,
      };
      const good = { ...sample, endpoints: { auth: "http://127.0.0.1:1" } };
      const more = fc.dictionary(
        fc.constantFrom("logger", "clock", "transport", "graceMs", "leaseMs", "encryption", "limits"),
        fc.oneof(
          nasty,
          fc.constant(Object.create(null)),
          fc.constant(Symbol("s")),
          fc.constant(() => {}),
        ),
        { maxKeys: 1 },
      );
      fc.assert(
        fc.property(mutated([sample, good, good]), more, (text, extra) => {
          const given = parsed(text);
          if (typeof given !== "object" || given === null) return;
          const options = Object.assign({}, given, extra, { store: memory() }) as unknown as LifecycleOptions; // what JavaScript callers pass
          try {
            const { api, auth } = checkOptions(options);
            for (const base of [api, auth]) expect(base).toMatch(/^https?:\/\/[^\s@?#\\]+$/);
            tally.add(true);
          } catch (error) {
            if (!isLifecycleError(error)) throw error;
            expect(error.message).not.toContain("planted");
            tally.add(false);
          }
        }),
        bounds(
          400,
          [sample, good].map((one) => [JSON.stringify(one), {}]),
        ),
      );
      expect(tally.isTelling).toBe(true);
    },
    patience,
  );
});
