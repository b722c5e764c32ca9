/** One user's journey in a process that may be told to die. Prints how many writes and calls it took. */
import { createLifecycle, undiciTransport } from "oneup-lifecycle";
import { connectSandboxClock } from "oneup-lifecycle/sandbox";
import { argument } from "../support/child.ts";
import { dyingStore, dyingTransport, Fate } from "../support/dying.ts";
import { onDisk } from "../support/on-disk.ts";
import type { JourneyArgument } from "./journeys.ts";

const { url, credentials, path, id, journey, instant, times } = argument<JourneyArgument>();
const fate = new Fate(instant);
const clock = await connectSandboxClock(url);
const { store, encryption } = onDisk(path);
const lifecycle = await createLifecycle({
  credentials,
  endpoints: { api: url, auth: url },
  clock,
  store: dyingStore(store, fate),
  transport: dyingTransport(undiciTransport(), fate),
  ...(encryption && { encryption }),
  ...times,
});
if (journey === "onboard") await lifecycle.onboard(id);
else if (journey === "reauthorize") await lifecycle.reauthorize(id);
else await lifecycle.accessToken(id);
console.log(`done ${JSON.stringify(fate.counts)}`);
await lifecycle.close();
clock.close();
