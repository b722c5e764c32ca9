/** What the crash sweeps and their children agree on. */
import * as path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { isLifecycleError, type Grant, type Lifecycle } from "oneup-lifecycle";
import type { Patient } from "fhir/r4.js";
import { Client } from "pg";
import type { Instant } from "../support/dying.ts";
import type { Place } from "../support/places.ts";

/** All ways an application can send a user on. */
const journeys = [
  /** a new user */
  "onboard",
  /** a user of which the application knows that 1upHealth has it */
  "onboard existing",
  /** a user that 1upHealth has, which was not known */
  "onboard taken",
  /** the access token expired */
  "refresh",
  /** the access token expired and the refresh token was revoked */
  "recover",
  /** a fresh grant is asked for, with one in hand */
  "reauthorize",
  /** back from `failed` */
  "retry",
  /** another `app_user_id` */
  "rename",
  /** held by an operator and let go, with an access token that expired */
  "hold",
  /** let go, with some data of two FHIR versions, which 1upHealth erases one by one */
  "offboard",
  /** taken over with a refresh token */
  "adopt",
  /** taken over with an access token that works, too */
  "adopt with access",
  /** taken over with a refresh token that was revoked */
  "adopt in vain",
  /** a Patient is ensured, with an access token that expired */
  "ensure",
  /** a new user, written in a transaction of the application, which only PostgreSQL offers */
  "join",
] as const;

export type Journey = (typeof journeys)[number];

/** Those that a store offers. */
export function journeysOn({ type }: Place): readonly Journey[] {
  return journeys.filter((journey) => journey !== "join" || type === "postgres");
}

/** Lists that an application brings in; each life of one has some users. */
export type ListJourney = "import" | "import of new users";

/** Management calls that a journey costs when nothing dies. */
export const costs: Readonly<Record<Journey, number>> = {
  adopt: 0,
  "adopt with access": 0,
  "adopt in vain": 1,
  onboard: 1,
  "onboard existing": 1,
  "onboard taken": 2,
  refresh: 0,
  recover: 1,
  reauthorize: 1,
  retry: 1,
  rename: 1,
  hold: 0,
  ensure: 0,
  join: 1,
  offboard: 2, // before its number is purged, 1upHealth is asked whose it is; and to begin anew
};

/** Writes and calls of each journey when nothing happens. */
export const steps: Readonly<Record<Journey, { readonly write: number; readonly call: number }>> = {
  onboard: { write: 3, call: 2 },
  "onboard existing": { write: 3, call: 2 },
  "onboard taken": { write: 4, call: 3 },
  refresh: { write: 2, call: 1 },
  recover: { write: 4, call: 3 },
  reauthorize: { write: 3, call: 2 },
  retry: { write: 3, call: 2 },
  rename: { write: 2, call: 1 },
  hold: { write: 4, call: 1 },
  adopt: { write: 3, call: 1 },
  "adopt with access": { write: 1, call: 0 },
  "adopt in vain": { write: 5, call: 3 },
  ensure: { write: 4, call: 5 },
  join: { write: 4, call: 2 },
  offboard: { write: 7, call: 4 },
};

/** One user on its journey, and where that ends first. */
export interface Life {
  readonly id: string;
  readonly journey: Journey | ListJourney;
  readonly instant: Instant | null;
  /** What the application has of a user that it has connected before; times as JSON writes them. */
  readonly grant?: Omit<Grant, "expiresAt"> & { readonly expiresAt?: string };
}

/** The users of a list. */
export function membersOf({ id }: Pick<Life, "id">): readonly string[] {
  return [`${id} <ada@example.org>`, `${id} <bob@example.org>`];
}

/** What a child is told. */
export interface Fated {
  readonly url: string;
  readonly credentials: { readonly clientId: string; readonly clientSecret: string };
  readonly place: Place;
  readonly times: { readonly timeoutMs: number; readonly graceMs: number; readonly leaseMs: number };
  readonly limits?: { readonly management: { readonly calls: number; readonly windowMs: number } };
  readonly lives: readonly Life[];
  /**
   * - `asking`: the application asks for each user
   * - `opening`: the same, but each user has an account's store of its own, which is opened first
   * - `working`: a worker claims users that are due
   * - `claim`: a worker that is killed as soon as it has claimed a user
   */
  readonly by: "asking" | "opening" | "working" | "claim";
}

/** Where a user has a store of its own. */
export function ownPlace(place: Place, { id }: Life): Place {
  if (place.type !== "lmdb") throw new Error("only a folder can hold several stores");
  return { type: "lmdb", path: path.join(place.path, id.replaceAll(/\W/g, "_")) };
}

/** The id of a user who has been renamed. */
export function renamed(id: string): string {
  return `${id} (renamed)`;
}

/** Sends a user on its journey; what was begun by a process that died is not begun anew. */
export async function go(lifecycle: Lifecycle, life: Omit<Life, "instant">, place: Place): Promise<void> {
  const { id, journey, grant } = life;
  switch (journey) {
    case "import":
      return void (await lifecycle.onboardMany(membersOf(life), { name: "spring" }));
    case "import of new users":
      return void (await lifecycle.onboardMany(membersOf(life), { name: "spring", expect: "new" }));
    case "adopt":
    case "adopt with access":
    case "adopt in vain": {
      if (grant === undefined) throw new Error("no user can be taken over without a grant");
      const { expiresAt, ...others } = grant;
      const given = expiresAt === undefined ? others : { ...others, expiresAt: new Date(expiresAt) };
      return void (await lifecycle.adopt(id, given));
    }
    case "onboard":
    case "onboard taken":
      return void (await lifecycle.onboard(id));
    case "onboard existing":
      return void (await lifecycle.onboard(id, { expect: "existing" }));
    case "refresh":
    case "recover":
      return void (await lifecycle.accessToken(id));
    case "reauthorize": {
      const { history } = await lifecycle.inspect(id);
      const begun = history.some(({ event }) => event === "REAUTHORIZE");
      return void (begun ? await lifecycle.accessToken(id) : await lifecycle.reauthorize(id));
    }
    case "retry":
      return void (await lifecycle.retry(id));
    case "rename":
      return rename(lifecycle, id);
    case "hold":
      await lifecycle.hold(id, "a complaint");
      await lifecycle.unhold(id);
      return void (await lifecycle.accessToken(id));
    case "offboard":
      return offboard(lifecycle, id);
    case "ensure":
      return ensure(lifecycle, id);
    case "join":
      await join(lifecycle, id, place);
      return void (await lifecycle.onboard(id));
  }
}

/** By what a user's Patient is ensured. */
export function identifierOf(id: string): string {
  return `https://clinic.example|${id.replaceAll(/\W+/g, "-")}`;
}

async function ensure(lifecycle: Lifecycle, id: string): Promise<void> {
  const identifier = identifierOf(id);
  const [system = "", value = ""] = identifier.split("|");
  const patient: Patient = { resourceType: "Patient", identifier: [{ system, value }] };
  await lifecycle.fhir(id, "r4").ensure(patient, { by: { identifier } });
}

/** Writes the user in a transaction, and commits it. */
async function join(lifecycle: Lifecycle, id: string, place: Place): Promise<void> {
  if (place.type !== "postgres") throw new Error("only PostgreSQL has transactions");
  const client = new Client({ connectionString: place.url });
  await client.connect();
  await client.query("BEGIN");
  await lifecycle.onboard(id, { within: client, waitMs: 0 });
  await client.query("COMMIT");
  await client.end();
}

/** Until nothing is left. */
async function offboard(lifecycle: Lifecycle, id: string): Promise<void> {
  for (;;) {
    const { state } = await lifecycle.offboard(id, { purge: ["stu3", "r4"] });
    if (state === "offboarded") return;
  }
}

/** Tries until no other process has the user, and 1upHealth has answered in time. */
async function rename(lifecycle: Lifecycle, id: string): Promise<void> {
  for (;;) {
    try {
      return void (await lifecycle.rename(id, renamed(id)));
    } catch (error) {
      if (isLifecycleError(error) && error.code === "RENAMED") return;
      if (!isLifecycleError(error) || !error.retryable) throw error;
      await pause(100);
    }
  }
}
