/** Random sequences of a store's verbs: data that fast-check can shrink, and the calls that it stands for. */
import fc from "fast-check";
import {
  lanes,
  type AccountRecord,
  type Batch,
  type Commit,
  type EventOutbox,
  type Json,
  type Limit,
  type Loaded,
  type Move,
  type Slot,
  type SlotRequest,
  type Store,
} from "../../src/store/contract.ts";

/** Ids that records begin under, and all there are: the others come with moves. */
const beginnings: readonly string[] = ["a", "b", "c", "d/e"];
const ids: readonly string[] = [...beginnings, 'f"', "g"];

const id = fc.constantFrom(...beginnings);
const anyId = fc.constantFrom(...ids);
const state = fc.constantFrom("new", "old", "s/1");
const lane = fc.constantFrom(...lanes);
const laneOrNone = fc.constantFrom(null, ...lanes);
const lease = fc.record({
  id: fc.constantFrom("mine", "theirs"),
  owner: fc.constant("test"),
  ms: fc.constantFrom(60, 250, 500.5, 1_500),
});
/** What of a limit changes on the way: its window, how many calls fit, and who may have them. */
const limit: fc.Arbitrary<Limit> = fc
  .tuple(
    fc.constantFrom(
      { name: "short", windowMs: 310 },
      { name: "long", windowMs: 2_048 },
      { name: "long", windowMs: 2_048 },
      { name: "long", windowMs: 700 },
    ),
    fc.record(
      {
        calls: fc.integer({ min: 1, max: 6 }),
        reserved: fc.nat(3),
        least: fc.record({ recovery: fc.nat(3), bulk: fc.nat(3) }),
        paused: fc.subarray(["interactive", "recovery", "bulk"] as const),
      },
      { requiredKeys: ["calls"] },
    ),
  )
  .map(([window, share]) => ({ ...window, ...share }));
const request: fc.Arbitrary<SlotRequest> = fc.record({
  limit,
  holdMs: fc.constantFrom(0, 60, 250.5),
  lane: laneOrNone,
});
/** Which of what was seen before, counted from the last. */
const back = fc.nat(5);

function rarely<T>(what: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: what });
}

/** How far the expected revision is from the current one. */
const off = fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 1, -1);

const key = fc.constantFrom("a", "a1", 'a"', "b\u0000");
const value = fc.constantFrom<Json[]>(1, { value: ',"value":' }, ["/", "\ud800", "é"], null);
const event = fc.record({ key, value });

/** A commit but for what depends on the answers before it. */
const change = fc.record({
  value: fc.constantFrom<Json[]>(1, { value: ',"value":' }, ["/", "\ud800"], null),
  off,
  /** The mode where there is no lease, and where there is one, whose holder then writes; and one that may not fit. */
  free: fc.constantFrom("none", "none", "take"),
  held: fc.constantFrom("end", "end", "take", "keep"),
  mode: rarely(fc.constantFrom("none", "end", "take", "keep")),
  lease,
  state,
  dueInMs: fc.constantFrom(null, 0, 60, 0.25, 250),
  staleInMs: rarely(fc.constantFrom(0, 60, 0.25, 900)),
  lane: laneOrNone,
  take: rarely(request),
  settle: rarely(back),
  giveBack: rarely(back),
  unless: rarely(anyId),
  events: rarely(fc.array(event, { maxLength: 3 })),
});

/** Steps of one verb, and how often they come beside those of others. */
function step<const V extends string, T extends object>(
  weight: number,
  verb: V,
  rest: fc.Arbitrary<T>,
): { readonly weight: number; readonly arbitrary: fc.Arbitrary<{ readonly verb: V } & T> } {
  return { weight, arbitrary: rest.map((more) => ({ verb, ...more })) };
}

const wait = fc.record({ verb: fc.constant("wait"), ms: fc.constantFrom(1, 60, 60, 250, 900) });

/** The server's clock is set. */
const jump = fc.record({
  verb: fc.constant("jump"),
  ms: fc.constantFrom(
    -86_400_000,
    86_400_000,
    86_400_000,
    -90_000,
    1_000,
    -1_000,
    300_000,
    5_000,
    20_000,
    59_000,
  ),
});

/** What changes records or looks at them. */
const ofRecords = fc.oneof(
  step(8, "commit", fc.record({ id, change })),
  // `carried`: the move goes by the name of the write that the old record carries, so it must not be carried out
  step(3, "move", fc.record({ id, to: anyId, change, carried: fc.constantFrom(false, false, false, true) })),
  step(1, "erase", fc.record({ ask: fc.record({ ids: fc.array(anyId, { maxLength: 3 }), to: anyId }) })),
  step(1, "again", fc.record({ back })),
  step(2, "claim", fc.record({ ask: fc.record({ limit: fc.nat(4), lease }) })),
  step(
    1,
    "page",
    fc.record({
      ask: fc.record({ state: fc.option(state, { nil: undefined }), after: rarely(anyId), limit: fc.nat(3) }),
    }),
  ),
  step(1, "counts", fc.constant({})),
  step(1, "tally", fc.constant({})),
  step(1, "readEvents", fc.record({ ask: fc.record({ after: fc.nat(9), limit: fc.nat(5) }) })),
  step(
    1,
    "trimEvents",
    fc.record({ ask: fc.record({ olderThanMs: fc.constantFrom(0, 60, 900), limit: fc.nat(5) }) }),
  ),
  step(
    1,
    "eventsUnder",
    fc.record({
      ask: fc.record({ key, before: fc.option(fc.nat(9), { nil: undefined }), limit: fc.nat(3) }),
    }),
  ),
  step(
    1,
    "forgetEvents",
    fc.record({
      ask: fc.record({
        key,
        above: fc.option(fc.nat(9), { nil: undefined }),
        events: fc.array(event, { maxLength: 1 }),
      }),
    }),
  ),
  step(
    1,
    "replaceEvent",
    fc.record({
      ask: fc.record({
        number: fc.integer({ min: 1, max: 9 }),
        value,
        expected: fc.option(value, { nil: undefined }),
      }),
    }),
  ),
  step(1, "commitAccount", fc.record({ off, value: fc.nat(9) })),
);

const grant = { limit, max: fc.nat(4), holdMs: fc.constantFrom(0, 60), lease };

/** What takes slots and gives them back, or looks at them. */
const ofSlots = fc.oneof(
  step(3, "grant", fc.record({ ask: fc.record(grant) })),
  step(3, "take", fc.record({ ask: request })),
  step(2, "settle", fc.record({ back })),
  step(1, "giveBack", fc.record({ back })),
  step(1, "forecast", fc.record({ ask: fc.record({ limit, calls: fc.integer({ min: 1, max: 9 }), lane }) })),
);

/** How often steps of each kind come, in proportion. */
export interface Mix {
  readonly records: number;
  readonly slots: number;
}

/** Sequences in which time passes at every third step, and jumps now and then. */
export function sequences({ records, slots }: Mix): fc.Arbitrary<readonly Step[]> {
  const steps = fc.oneof(
    { weight: 2 * records, arbitrary: ofRecords },
    { weight: 2 * slots, arbitrary: ofSlots },
    {
      weight: records + slots,
      arbitrary: fc.oneof({ weight: 9, arbitrary: wait }, { weight: 1, arbitrary: jump }),
    },
  );
  return fc.array(steps, { minLength: 1, maxLength: 100, size: "max" });
}

type Values<A> = A extends fc.Arbitrary<infer T> ? T : never;

type Change = Values<typeof change>;

/** One step. */
export type Step = Values<typeof wait | typeof jump | typeof ofRecords | typeof ofSlots>;

/** A call of a store, with all that it is asked. */
export type Call =
  | { readonly verb: "commit"; readonly ask: Commit }
  | { readonly verb: "move"; readonly ask: Move }
  | { readonly verb: "erase"; readonly ask: Parameters<Store["erase"]>[0] }
  | { readonly verb: "claim"; readonly ask: Parameters<Store["claim"]>[0] }
  | { readonly verb: "grant"; readonly ask: Parameters<Store["grant"]>[0] }
  | { readonly verb: "take"; readonly ask: SlotRequest }
  | { readonly verb: "settle" | "giveBack"; readonly ask: Slot }
  | { readonly verb: "forecast"; readonly ask: Parameters<Store["slots"]["forecast"]>[0] }
  | { readonly verb: "page"; readonly ask: Parameters<Store["page"]>[0] }
  | { readonly verb: "counts" | "tally"; readonly ask?: undefined }
  | { readonly verb: "readEvents"; readonly ask: Parameters<EventOutbox["read"]>[0] }
  | { readonly verb: "eventsUnder"; readonly ask: Parameters<EventOutbox["under"]>[0] }
  | { readonly verb: "trimEvents"; readonly ask: Parameters<EventOutbox["trim"]>[0] }
  | { readonly verb: "forgetEvents"; readonly ask: Parameters<EventOutbox["forget"]>[0] }
  | { readonly verb: "replaceEvent"; readonly ask: Parameters<EventOutbox["replace"]>[0] }
  | { readonly verb: "commitAccount"; readonly ask: Parameters<Store["account"]["commit"]>[0] };

/** What a store answers. */
export async function answerOf(store: Store, { verb, ask }: Call): Promise<unknown> {
  switch (verb) {
    case "commit":
      return store.commit(ask);
    case "move":
      return store.move(ask);
    case "erase":
      return store.erase(ask);
    case "claim":
      return store.claim(ask);
    case "grant":
      return store.grant(ask);
    case "take":
      return store.slots.take(ask);
    case "settle":
      return store.slots.settle(ask);
    case "giveBack":
      return store.slots.giveBack(ask);
    case "forecast":
      return store.slots.forecast(ask);
    case "page":
      return store.page(ask);
    case "counts":
      return { ...(await store.counts()) }; // whatever its prototype
    case "tally":
      return { ...(await store.tally()) };
    case "readEvents":
      return store.events?.read(ask);
    case "eventsUnder":
      return store.events?.under(ask);
    case "trimEvents":
      return store.events?.trim(ask);
    case "forgetEvents":
      return store.events?.forget(ask);
    case "replaceEvent":
      return store.events?.replace(ask);
    case "commitAccount":
      return store.account.commit(ask);
    default:
      return verb satisfies never;
  }
}

/** What a store keeps, as far as it can be seen: what stands under each id, the account's record, the events. */
export interface Kept {
  readonly loaded: ReadonlyMap<string, Loaded>;
  readonly account: AccountRecord | null;
  readonly events?: unknown;
}

/** Looks at all of it. */
export async function keptBy(store: Store): Promise<Kept> {
  const loads = ids.map(async (id) => [id, await store.load(id)] as const);
  const reads = store.events?.read({ after: 0, limit: 1_000 });
  const [account, events, ...loaded] = await Promise.all([store.account.load(), reads, ...loads]);
  return { loaded: new Map(loaded), account, events };
}

/** What the answers so far have told. Makes calls of steps. */
export class Past {
  readonly #writes: Call[] = [];
  readonly #slots: Slot[] = [];
  /** The name of the last write under each id. */
  readonly #carried = new Map<string, string>();
  #kept: Kept = { loaded: new Map(), account: null };
  #names = 0;

  /** `undefined` if the step needs a slot or a write of before, and there is none. */
  call(step: Exclude<Step, { readonly verb: "wait" | "jump" }>): Call | undefined {
    switch (step.verb) {
      case "commit": {
        const id = this.#now(step.id);
        return { verb: step.verb, ask: this.#commit(id, id, step.change) };
      }
      case "move": {
        const from = this.#now(step.id);
        const commit = this.#commit(step.to, from, step.change);
        const writeId = (step.carried ? this.#carried.get(from) : undefined) ?? commit.writeId;
        return { verb: step.verb, ask: { from, commit: { ...commit, writeId } } };
      }
      case "again":
        return earlier(this.#writes, step.back);
      case "settle":
      case "giveBack": {
        const ask = earlier(this.#slots, step.back);
        return ask && { verb: step.verb, ask };
      }
      case "commitAccount": {
        const expectedRevision = Math.max(0, (this.#kept.account?.revision ?? 0) + step.off);
        return { verb: step.verb, ask: { value: step.value, expectedRevision, writeId: this.#newName() } };
      }
      default:
        return step;
    }
  }

  /** A commit of what stands under the id `from`. */
  #commit(id: string, from: string, change: Change): Commit {
    const { off, free, held, mode, lease, settle, giveBack, ...rest } = change;
    const old = this.#kept.loaded.get(from);
    const record = old?.type === "record" ? old.record : undefined;
    const holder = record?.lease && record.lease.leftMs > 0 ? record.lease.id : undefined;
    const writeId = this.#newName();
    return {
      ...rest,
      id,
      expectedRevision: Math.max(0, (record?.revision ?? 0) + off),
      firstRevision: off === 0 ? 1_000 * writeId.length + 7 : undefined, // some begin at 1
      writeId,
      mode: mode ?? (holder === undefined ? free : held),
      lease: { ...lease, id: mode === undefined ? (holder ?? lease.id) : lease.id },
      settle: earlier(this.#slots, settle),
      giveBack: earlier(this.#slots, giveBack),
    };
  }

  /** Where the record that began under an id is now. */
  #now(id: string): string {
    const loaded = this.#kept.loaded.get(id);
    return loaded?.type === "renamed" ? this.#now(loaded.to) : id;
  }

  #newName(): string {
    return `write ${this.#names++}`;
  }

  /** Notes what a call was answered and what is kept since. */
  note(call: Call, answer: unknown, kept: Kept): void {
    this.#kept = kept;
    // What some answers have of all this, and others not.
    const told = (answer ?? {}) as { type?: string; slot?: Slot | null; claimed?: Batch["claimed"] };
    const slots = [told.slot, ...(told.claimed ?? []).map(({ slot }) => slot)];
    this.#slots.push(...slots.flatMap((slot) => slot ?? []));
    switch (call.verb) {
      case "commit":
      case "move": {
        const { id, writeId } = call.verb === "move" ? call.ask.commit : call.ask;
        if (told.type === "committed") this.#carried.set(id, writeId);
        this.#writes.push(call);
        break;
      }
      case "commitAccount":
        this.#writes.push(call);
        break;
      default:
    }
  }
}

/** The entry that is so far from the last; the first of all if there are not so many. */
function earlier<T>(all: readonly T[], back: number | undefined): T | undefined {
  return back === undefined ? undefined : all[Math.max(0, all.length - 1 - back)];
}
