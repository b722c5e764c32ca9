/** A process that moves a store to another place and tells how far it is, or a worker on a store, which tells how it ended. */
import { createLifecycle, isLifecycleError, moveStore, type LifecycleOptions } from "oneup-lifecycle";
import { argument } from "../support/child.ts";
import { at, type Place } from "../support/places.ts";

/** What the process is told. */
export interface Told {
  readonly credentials: { readonly clientId: string; readonly clientSecret: string };
  readonly url: string;
  readonly from: Place;
  /** Missing: it works. */
  readonly to?: Place;
}

const { credentials, url, from, to } = argument<Told>();
const { store, encryption } = at(from);

if (to === undefined) {
  const endpoints: LifecycleOptions["endpoints"] = { api: url, auth: url };
  const lifecycle = await createLifecycle({
    credentials,
    endpoints,
    store,
    ...(encryption && { encryption }),
  });
  const working = lifecycle.work();
  console.log("ready");
  await working.catch((error: unknown) => console.log(isLifecycleError(error) ? error.code : String(error)));
  console.log(String((await lifecycle.accessToken("user-0")).length > 0));
  await lifecycle.close();
} else {
  const other = at(to);
  const { clientId } = credentials;
  const { users } = await moveStore(store, other.store, {
    clientId,
    ...(encryption && { encryption }),
    ...(other.encryption && { newEncryption: other.encryption }),
    onProgress: ({ phase, users: done }) => console.log(`${phase} ${done}`), // Deno colours numbers
  });
  console.log(`moved ${users}`);
}
