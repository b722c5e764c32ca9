/** What the sweep of key changes and its children agree on. */
import type { Lifecycle, LifecycleOptions } from "oneup-lifecycle";
import type { Instant } from "../support/dying.ts";
import type { Place } from "../support/places.ts";

/** What a child is told. */
export interface KeyChanges {
  readonly url: string;
  readonly credentials: { readonly clientId: string; readonly clientSecret: string };
  /** Each with the instant at which a change of its keys ends, and the user whose token is needed all the time. */
  readonly stores: readonly {
    readonly place: Place;
    readonly instant: Instant | null;
    readonly busy: string;
  }[];
  /** Of the ring, newest first. */
  readonly keys: readonly string[];
  /** The id of the key that is to go. */
  readonly older: string;
  /** `changing`: it runs {@link changeKeys}; `refreshing`: it keeps the tokens of the busy users fresh. */
  readonly by: "changing" | "refreshing";
  readonly options: Pick<LifecycleOptions, "refresh">;
}

/** Every change of keys there is, one after the other; what was done already is done again. */
export async function changeKeys(lifecycle: Lifecycle, older: string): Promise<void> {
  await lifecycle.rotateKeys();
  await lifecycle.rotateKeys({ records: true });
  await lifecycle.keys.retire(older);
}
