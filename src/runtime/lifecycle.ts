/**
 * The object people hold, in words. `open.ts` opens it, `verbs.ts` is what it does.
 *
 * @module
 */
import type { UserState } from "../../machines/index.ts";
import type { FhirClient } from "../fhir/fhir-client.ts";
import type { FhirVersion } from "../fhir/versions.ts";
import type { Lane } from "../store/contract.ts";
import type { Budget } from "./budget.ts";
import type {
  FhirOptions,
  OffboardOptions,
  OnboardOptions,
  UserFilter,
  RetryOptions,
  WaitOptions,
  WorkOptions,
} from "./call-options.ts";
import type { AdoptedRow } from "./adopt-many.ts";
import type { Grant } from "./adopt.ts";
import type { ReconcileOptions, Reconciliation } from "./differences.ts";
import type { Health } from "./health.ts";
import type { AdoptManyOptions, ImportSummary, OnboardManyOptions, RowSummary } from "./imports.ts";
import type { KeyVerbs } from "./key-verbs.ts";
import type { Remote } from "./remote.ts";
import type { Rows } from "./rows.ts";
import type { UserStatus } from "./status.ts";
import type { ExplainVerbs } from "./explain-verbs.ts";
import type { WatchVerbs } from "./watch-verbs.ts";
import type { WorkSummary } from "./worker.ts";

/** Users of one 1upHealth account, each a durable state machine. */
export interface Lifecycle extends ExplainVerbs, WatchVerbs, KeyVerbs, AsyncDisposable {
  /**
   * Registers the user, or goes on where it was interrupted, and resolves when it has a working access token, or
   * when `waitMs` is over: then `usable` is false and `pause.until` says what it waits for. A user that is there
   * already costs no call. Call it as often as you like.
   *
   * @param appUserId your own id of the user, 1–512 bytes of UTF-8 without control characters
   * @throws {LifecycleError} `INVALID_ID`; `USER_FAILED`; `CREDENTIALS_REFUSED`, `FORBIDDEN` (the user is kept);
   * `USER_OFFBOARDED` (retryable) if `waitMs` is over while its data are still being erased; `RENAMED`;
   * `STORE_UNAVAILABLE`
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * const { state, usable } = await lifecycle.onboard("ada@example.org");
   * console.log(state, usable); // tokenActive true
   * ```
   */
  onboard(appUserId: string, options?: OnboardOptions): Promise<UserStatus>;
  /**
   * Onboards a whole list: any iterable or async iterable of `app_user_id`s, which is read once and in constant memory.
   * Everybody is written down first and then waits for slots in the store, in the lane "bulk" unless you say otherwise,
   * behind people who sign up meanwhile. Resolves when each of them has arrived or failed; until then it works for
   * everybody, as {@link work} does, and so do workers in other processes. At 300 calls an hour ten thousand users take
   * 37 hours: aborting `signal`, or a crash, leaves everything as it is. Call it again with the same `name` and the same
   * list, or a longer one, to go on. Users who are here already are left as they are, those that were offboarded
   * or forgotten included; rows that cannot be used are counted, reported and passed over.
   *
   * @throws {LifecycleError} `INVALID_OPTION`; `RECORD_TOO_NEW`, `KEY_REFUSED` of the account; what may pass is waited for;
   * what the iterable throws; the signal's reason
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * const { arrived, failed } = await lifecycle.onboardMany(["ada", "bob", "cyd"], {
   *   name: "spring-2026",
   *   onProgress: ({ left, endsAt }) => console.log(left, "left, until", endsAt),
   * });
   * console.log(arrived, failed); // 3 0
   * ```
   */
  onboardMany(ids: Rows<string>, options: OnboardManyOptions): Promise<ImportSummary>;
  /**
   * Takes over a user whom you have connected before, with its refresh token; no management call. Resolves with the
   * status when there is a token that works, or `waitMs` is over; with `waitMs: 0` as soon as the user is written down,
   * and a worker refreshes it. If 1upHealth refuses the refresh token the user is authorized anew, for one call. A user
   * who has a grant here already, or is getting a new one, is left as it is. One that was offboarded, or forgotten,
   * begins anew, unless some of its data are still to be erased.
   *
   * @throws {LifecycleError} `INVALID_ID`, `INVALID_OPTION`; `USER_CONFLICT` if here it has another `oneupUserId`;
   * `USER_OFFBOARDED` while its data are being erased, `USER_FAILED` if 1upHealth refused to;
   * `USER_NOT_READY` if `waitMs` is over while another call for it is under way; `RENAMED`; as {@link onboard}
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle, sandbox } = await createTestLifecycle();
   * const oneupUserId = sandbox.createUser("ada"); // connected before, by other means
   * const user = await lifecycle.adopt("ada", { oneupUserId, refreshToken: "the-one-you-have" });
   * console.log(user.state, user.usable); // reauthorized true: the sandbox has never seen that token
   * ```
   */
  adopt(appUserId: string, grant: Grant, options?: WaitOptions): Promise<UserStatus>;
  /**
   * Takes over a whole list, as {@link adopt} does with `waitMs: 0`: resolves when all rows are written down. Whoever
   * works refreshes those that have no access token. Read once and in constant memory; to go on after an interruption,
   * call it again with the same rows. Users who were let go since, offboarded or forgotten, are left as they are.
   *
   * @throws {LifecycleError} `INVALID_OPTION`; `RECORD_TOO_NEW`, `KEY_REFUSED` of the account; what may pass is waited for;
   * what the iterable throws; the signal's reason
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle, sandbox } = await createTestLifecycle();
   * const rows = ["ada", "bob"].map((appUserId) => ({
   *   appUserId,
   *   oneupUserId: sandbox.createUser(appUserId),
   *   refreshToken: "the-one-you-have",
   * }));
   * const { added } = await lifecycle.adoptMany(rows);
   * console.log(added); // 2
   * ```
   */
  adoptMany(rows: Rows<AdoptedRow>, options?: AdoptManyOptions): Promise<RowSummary>;
  /**
   * An access token that works now: from memory, the store, a refresh, or a fresh code. This is the one door
   * through which a secret leaves. Do not keep it; ask again.
   *
   * @throws {LifecycleError} `USER_UNKNOWN`; `USER_NOT_READY` when `waitMs` is over (retryable); as {@link onboard}
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const token = await lifecycle.accessToken("ada");
   * const headers = { authorization: `Bearer ${token}` };
   * ```
   */
  accessToken(appUserId: string, options?: WaitOptions): Promise<string>;
  /**
   * FHIR calls of this user; the token is fetched, renewed and replaced underneath. All of them keep to the account's
   * limit, and stop while 1upHealth throttles it.
   *
   * @throws {LifecycleError} `INVALID_ID`, `INVALID_RESOURCE` for a version that 1upHealth does not serve, `INVALID_OPTION`;
   * the calls also as {@link accessToken}
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const fhir = lifecycle.fhir("ada", "dstu2");
   * const patient = await fhir.create({ resourceType: "Patient", gender: "female" });
   * ```
   */
  fhir<V extends FhirVersion>(appUserId: string, version: V, options?: FhirOptions): FhirClient<V>;
  /**
   * Where the user stands. Makes no call.
   * @throws {LifecycleError} `USER_UNKNOWN`, `RENAMED`; `RECORD_DAMAGED` also if only the secrets do not open, for then
   * the rest may have been changed, too: {@link reauthorize} is the way out
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const { state, since, usable } = await lifecycle.inspect("ada");
   * console.log(state, since, usable); // tokenActive 2026-01-01T00:00:00.000Z true
   * ```
   */
  inspect(appUserId: string): Promise<UserStatus>;
  /**
   * All users, or those written down in one state, by ascending id within each state. Makes no call.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * for await (const { appUserId, since } of lifecycle.users({ state: "tokenActive" }))
   *   console.log(appUserId, since);
   * ```
   */
  users(filter?: UserFilter): AsyncGenerator<UserStatus, void, undefined>;
  /**
   * How many users are written down in each state. Makes no call.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * console.log(await lifecycle.counts()); // { tokenActive: 1 }
   * ```
   */
  counts(): Promise<Readonly<Partial<Record<UserState, number>>>>;
  /**
   * Works for everybody: interrupted users, due users, waiting lanes. Any number of processes may. Resolves when
   * `signal` aborts or the lifecycle closes, after the users in hand have come to rest.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * const stop = new AbortController(); // in a server: process.once("SIGTERM", () => stop.abort())
   * lifecycle.subscribe(({ usable }) => usable && stop.abort());
   * await lifecycle.onboard("ada", { waitMs: 0 });
   * await lifecycle.work({ signal: stop.signal, concurrency: 8 });
   * ```
   */
  work(options?: WorkOptions): Promise<WorkSummary>;
  /**
   * Does everything that can be done now, then resolves: {@link work} without the waiting.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada", { waitMs: 0 });
   * await lifecycle.resume(); // in a cron job, say
   * console.log((await lifecycle.inspect("ada")).state); // tokenActive
   * ```
   */
  resume(options?: WorkOptions): Promise<WorkSummary>;
  /**
   * Throws the grant away and gets a new one with a fresh code: one management call. It needs no secret, so it is also
   * the way out for a user whose record is damaged (`RECORD_DAMAGED`); then nothing else that the record says is
   * believed either, and 1upHealth tells who the user is. Look first who changed the record. Where it does not read even
   * without its secrets, a {@link rename} or a purge that it spoke of is gone with it.
   *
   * @throws {LifecycleError} as {@link onboard}
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const { state } = await lifecycle.reauthorize("ada");
   * console.log(state); // reauthorized
   * ```
   */
  reauthorize(appUserId: string, options?: WaitOptions): Promise<UserStatus>;
  /**
   * Takes a `failed` user back to where it failed.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle, arrange } = await createTestLifecycle();
   * await arrange("ada", "failed"); // 1upHealth refused it, say
   * const { state } = await lifecycle.retry("ada");
   * console.log(state); // tokenActive
   * ```
   */
  retry(appUserId: string, options?: RetryOptions): Promise<UserStatus>;
  /**
   * Gives the user another `app_user_id`, at 1upHealth and here; afterwards the old one answers `RENAMED`. A rename that
   * was begun is brought to its end, whatever dies: where nobody heard the answer, 1upHealth is asked who the user is.
   *
   * @throws {LifecycleError} `USER_CONFLICT` if another user has the new id, here or there (if somebody took it here in
   * the moment in which 1upHealth gave it to this user, `inspect()` shows `conflict` from then on); `USER_NOT_READY`
   * while a call for the user is under way or 1upHealth does not know it; `UNAVAILABLE` if it was not done
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const user = await lifecycle.rename("ada", "ada@example.org");
   * console.log(user.appUserId); // ada@example.org
   * ```
   */
  rename(appUserId: string, newAppUserId: string, options?: WaitOptions): Promise<UserStatus>;
  /**
   * Lets the user go. Its secrets are erased at once and in any case, also those that do not open any more; with `purge`
   * its FHIR data at 1upHealth as well. First 1upHealth is asked who the user is there, which costs one management call
   * and waits in the lane "recovery": nobody else's data are to go. Then one version after the other is purged, repeated
   * until 1upHealth says that it is done: it erases for 30 s at a time. That needs no token, survives crashes, and workers
   * go on with it. Resolves with the status when nothing is left to do, or `waitMs` is over: then it is `identifying` or
   * `offboarding`, and `purge.left` says what is left. Call it as often as you like; without `purge` it ends one that is
   * under way.
   *
   * The user stays at 1upHealth, which has no call to delete one; `onboard()` starts anew with a fresh code. A process
   * that has the user's token in memory may hand it out until it would be renewed.
   *
   * @throws {LifecycleError} `USER_UNKNOWN`, `RENAMED`; `USER_NOT_READY` if `waitMs` is over while a call for the user is
   * under way; `USER_FAILED` if 1upHealth refuses to purge: `retry()`; `USER_CONFLICT` if its data are those of another
   * user here: nothing was purged, `offboard()` it without
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const { state } = await lifecycle.offboard("ada", { purge: true });
   * console.log(state); // offboarded
   * ```
   */
  offboard(appUserId: string, options?: OffboardOptions): Promise<UserStatus>;
  /**
   * Forgets a user who was let go: its record, with all that was known of it, is gone, and `inspect()` does not know it.
   * Under its id stays a mark without a fact (with `hideIds`, under the HMAC of its id): it keeps a process that stood
   * still meanwhile from writing the user back, and {@link reconcile} from adopting it again. `onboard()` of the id
   * begins from nothing; no other user can be renamed to it until then. Ids that the user had before still say `RENAMED`.
   * Resolves at once for a user whom nobody knows.
   *
   * @throws {LifecycleError} `USER_NOT_READY` unless the user is `offboarded`; `RENAMED`
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * await lifecycle.offboard("ada");
   * await lifecycle.forget("ada");
   * console.log(await lifecycle.counts()); // {}
   * ```
   */
  forget(appUserId: string, options?: WaitOptions): Promise<void>;
  /**
   * Compares the users here with 1upHealth's own list: who is there and not here, here and not there, there under another
   * `app_user_id`, or inactive. With `repair` it sets right what can be, without creating anybody at 1upHealth, and only
   * if the list was seen to its end. It costs a management call a page, and one for each record that moves, in the lane
   * "recovery", and holds 32 bytes a user; interrupted, it is called again.
   *
   * @throws {LifecycleError} `INVALID_OPTION`; `BAD_ANSWER`; what may pass is waited for; the signal's reason; what
   * `onProgress` or `onDifference` throws
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle, sandbox } = await createTestLifecycle();
   * sandbox.createUser("bob"); // at 1upHealth, and not here
   * const { complete, counts } = await lifecycle.reconcile({ repair: ["move"], pageSize: 1_000 });
   * console.log(complete, counts.thereOnly); // true 1
   * ```
   */
  reconcile(options?: ReconcileOptions): Promise<Reconciliation>;
  /** What 1upHealth itself says about users. */
  readonly remote: Remote;
  /**
   * Calls `listener` after every step that this process has made durable. The returned function ends it.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * const end = lifecycle.subscribe(({ appUserId, state }) => console.log(appUserId, state));
   * await lifecycle.onboard("ada"); // ada created, ada codeIssued, ada tokenActive
   * end();
   * ```
   */
  subscribe(listener: (status: UserStatus) => void): () => void;
  /**
   * Slots of the hourly limit in use, users who go first, and in how many ms `calls` more (1 by default) will have been
   * granted in `lane` ("interactive" by default), and can leave, if nobody else asks and what is shut for all opens again
   * as soon as it may.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * const { used, of, inMs } = await lifecycle.forecast(1_000, "bulk");
   * console.log(`${used} of ${of} calls used; 1000 more take ${inMs / 3_600_000} hours`);
   * ```
   */
  forecast(
    calls?: number,
    lane?: Lane,
  ): Promise<{
    readonly used: number;
    readonly of: number;
    readonly ahead: number;
    readonly inMs: number;
  }>;
  /** The limit, the lanes, the gates and users by state, to watch. */
  readonly budget: Budget;
  /**
   * Is this process fit for work? Makes no call and never rejects.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * const { ready } = await lifecycle.health(); // for a readiness probe
   * console.log(ready); // true
   * ```
   */
  health(): Promise<Health>;
  /** The 1upHealth account that all users of this lifecycle share. */
  readonly account: {
    /**
     * Opens what a refusal of 1upHealth had shut, in all processes, and asks for the credentials anew if they are a
     * function: call it when the console says that things are in order again. Otherwise one call tries by itself,
     * every minute at first, in the end every hour.
     */
    reopen(): Promise<void>;
  };
  /**
   * The name under which this user appears in logs and messages.
   *
   * @throws {LifecycleError} `INVALID_ID`
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * console.log(lifecycle.alias("ada@example.org")); // #08c4aefdbf; another one in every store
   * ```
   */
  alias(appUserId: string): string;
  /**
   * Lets the users in hand come to rest, then closes connections and store.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * await lifecycle.close();
   * ```
   */
  close(): Promise<void>;
}
