/**
 * A process among several on the same stores: either it changes the keys of each, and is killed once it stands at its
 * instant in every one or has come through; or it keeps the tokens of all their users fresh until it is told to stop.
 */
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { createLifecycle, undiciTransport, type Lifecycle } from "oneup-lifecycle";
import { connectSandboxClock } from "oneup-lifecycle/sandbox";
import { argument } from "../support/child.ts";
import { die, dyingStore, dyingTransport, Fate, lives } from "../support/dying.ts";
import { at } from "../support/places.ts";
import { changeKeys, type KeyChanges } from "./key-changes.ts";

const { url, credentials, stores, keys, older, by, options } = argument<KeyChanges>();
const clock = await connectSandboxClock(url);
let stopped = 0;
let left = stores.length;
const working: Lifecycle[] = [];
let isOver = false;

function end(): void {
  if (--left > 0) return;
  console.log(`stopped ${stopped}`);
  die();
}

await Promise.all(
  stores.map(async ({ place, instant, busy }) => {
    const fate = new Fate(instant, () => {
      stopped++;
      end();
    });
    const changes = by === "changing";
    await lives.run(fate, async () => {
      const lifecycle = await createLifecycle({
        ...options,
        credentials,
        endpoints: { api: url, auth: url },
        clock,
        store: changes ? dyingStore(at(place).store) : at(place).store,
        transport: dyingTransport(undiciTransport()),
        encryption: { keys },
      });
      if (changes) return changeKeys(lifecycle, older).then(end);
      void lifecycle.work({ pollMs: 500 });
      working.push(lifecycle);
      void asking(lifecycle, busy);
    });
  }),
);
/** Asks for the user's token until the end: a store's own clock, which runs as ever, would renew it much later. */
async function asking(lifecycle: Lifecycle, user: string): Promise<void> {
  for (; !isOver; await setTimeout(50)) await lifecycle.accessToken(user).catch(() => {}); // its keys may be changing
}

process.once("SIGTERM", () => {
  isOver = true;
  void Promise.all(working.map((lifecycle) => lifecycle.close())).then(() => clock.close());
});
console.log("ready");
