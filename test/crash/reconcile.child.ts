/** Reconciles, each life in an account of its own, in a process that is killed when all of them stand at their instants. */
import { createLifecycle, undiciTransport } from "oneup-lifecycle";
import { argument } from "../support/child.ts";
import { die, dyingStore, dyingTransport, Fate, lives, type Instant } from "../support/dying.ts";
import { at, type Place } from "../support/places.ts";

/** What is reconciled, where, and where that ends first. */
export interface Reconciled {
  readonly url: string;
  readonly place: Place;
  readonly instant: Instant | null;
}

/** What a child is told. */
export interface Told {
  readonly credentials: { readonly clientId: string; readonly clientSecret: string };
  readonly times: { readonly timeoutMs: number; readonly graceMs: number; readonly leaseMs: number };
  readonly all: readonly Reconciled[];
}

const { credentials, times, all } = argument<Told>();
let left = all.length;

async function live({ url, place, instant }: Reconciled): Promise<void> {
  const fate = new Fate(instant, () => {
    if (--left === 0) die();
  });
  const { store, encryption } = at(place);
  const lifecycle = await createLifecycle({
    credentials,
    endpoints: { api: url, auth: url },
    store: dyingStore(store),
    transport: dyingTransport(undiciTransport()),
    ...(encryption && { encryption }),
    ...times,
  });
  await lives.run(fate, () => lifecycle.reconcile({ repair: true, pageSize: 2 }));
  console.log(JSON.stringify(fate.counts));
  await lifecycle.close();
}

await Promise.all(all.map(live));
