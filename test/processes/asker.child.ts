/** Asks for the token of one user whenever the parent says so, and says what it got. */
import { get } from "node:http";
import { text } from "node:stream/consumers";
import { createLifecycle, isLifecycleError, systemClock } from "oneup-lifecycle";
import { argument } from "../support/child.ts";
import { at, type Place } from "../support/places.ts";

/** What the parent says. */
export interface Asker {
  readonly place: Place;
  readonly url: string;
  readonly credentials: { readonly clientId: string; readonly clientSecret: string };
  readonly user: string;
  /** Where the next word is waited for: `GET` with the last answer, until the answer is "end" or the time it is. */
  readonly parent: string;
  readonly times?: { readonly timeoutMs: number; readonly graceMs: number; readonly leaseMs: number };
}

const { place, url, credentials, user, parent, times } = argument<Asker>();
let ahead = 0;
const lifecycle = await createLifecycle({
  credentials,
  endpoints: { api: url, auth: url },
  clock: {
    ...systemClock,
    now: () => systemClock.now() + ahead,
    monotonic: () => systemClock.monotonic() + ahead,
  },
  ...times,
  ...at(place),
});

/** What the parent answers, without `fetch()`, which a process loads for as long as it takes to start. */
function answerTo(said: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(`${parent}?said=${encodeURIComponent(said)}`, (answer) => resolve(text(answer))).on("error", reject);
  });
}

/** The token, or the code of the error. What a busy machine delays beyond a time limit is asked for again. */
async function token(): Promise<string> {
  for (;;) {
    try {
      return await lifecycle.accessToken(user, { waitMs: 20_000 });
    } catch (error) {
      if (!isLifecycleError(error)) return String(error);
      if (!["STORE_UNAVAILABLE", "UNAVAILABLE", "USER_NOT_READY"].includes(error.code)) return error.code;
    }
  }
}

let said = "here";
for (;;) {
  const word = await answerTo(said);
  if (word === "end") break;
  ahead = Number(word) - systemClock.now();
  said = await token();
}
await lifecycle.close();
