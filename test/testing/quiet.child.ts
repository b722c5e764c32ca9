/** A process with a test lifecycle and nothing else: prints what keeps it from ending, sockets and timers. */
import { createTestLifecycle } from "oneup-lifecycle/testing";

/** What the event loop waits for of these kinds. */
function resources(): readonly string[] {
  return process.getActiveResourcesInfo().filter((name) => /Time|TCP|TLS|UDP|HTTP|GetAddrInfo/.test(name));
}

const before = resources();
const { lifecycle, clock } = await createTestLifecycle();
const during = new Set<string>();
const look = (): void => resources().forEach((name) => during.add(name));
const ends = lifecycle.subscribe(look);
void lifecycle.work();
await lifecycle.onboard("ada");
await clock.advance("2h");
await lifecycle.accessToken("ada");
look();
ends();
const { state } = await lifecycle.inspect("ada");
await lifecycle.close();
console.log(JSON.stringify({ before, during: [...during], after: resources(), timers: clock.timers, state }));
