/** What tests of events need: a reader, events in short, and a store whose verbs can be replaced. */
import type {
  EventOptions,
  EventOutbox,
  Lifecycle,
  LifecycleEvent,
  Store,
  StoreAdapter,
} from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";

/** The next `count` events. */
export async function take(
  count: number,
  lifecycle: Lifecycle,
  options?: EventOptions,
): Promise<readonly LifecycleEvent[]> {
  const taken: LifecycleEvent[] = [];
  for await (const event of lifecycle.events(options)) if (taken.push(event) === count) break;
  return taken;
}

/** Events in short. */
export function inShort(taken: readonly LifecycleEvent[]): readonly string[] {
  return taken.map(({ appUserId, type, from, to }) => `${appUserId}: ${type} ${from} → ${to}`);
}

/** What an onboarding without incidents leaves. */
export const onboarded = (id: string): readonly string[] => [
  `${id}: ONBOARD null → created`,
  `${id}: USER_CREATED created → codeIssued`,
  `${id}: TOKEN_GRANTED codeIssued → tokenActive`,
];

interface Custom {
  readonly adapter: StoreAdapter;
  /** The same store as if it kept no events. */
  readonly without: StoreAdapter;
  /** What replaces the store's verbs. */
  readonly verbs: { commit?: Store["commit"]; read?: EventOutbox["read"] };
  /** The store itself, once it is open. */
  readonly inner: Store[];
}

/** A memory store whose verbs can be replaced while it is open. */
export function custom(): Custom {
  const verbs: Custom["verbs"] = {};
  const inner: Store[] = [];
  const shared = memory();
  const adapter: StoreAdapter = {
    ...shared,
    name: "custom",
    async open(options) {
      const store = await shared.open(options);
      inner.push(store);
      const { events: outbox } = store;
      if (outbox === undefined) throw new TypeError("a store without an outbox");
      const read: EventOutbox["read"] = (ask) => (verbs.read ?? outbox.read)(ask);
      const commit: Store["commit"] = (ask) => (verbs.commit ?? store.commit)(ask);
      return { ...store, commit, events: { ...outbox, read } };
    },
  };
  const without: StoreAdapter = {
    ...adapter,
    async open(options) {
      const { events: _, ...store } = await shared.open(options);
      return store;
    },
  };
  return { adapter, without, verbs, inner };
}
