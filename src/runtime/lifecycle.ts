/**
 * The public interface {@link Lifecycle}. `open-lifecycle.ts` opens one; `lifecycle-over.ts` implements it.
 *
 * @module
 */
import type { UserState } from "../../machines/index.ts";
import type { FhirVersion } from "../fhir/fhir-version.ts";
import type { UserFhirClient } from "../fhir/user-fhir-client.ts";
import type { Lane } from "../store/contract.ts";
import type { Budget } from "./operations/budget.ts";
import type {
  ActOptions,
  FhirOptions,
  JoinOptions,
  OffboardOptions,
  OnboardOptions,
  UserFilter,
  RetryOptions,
  TokenOptions,
  WorkOptions,
} from "./options/call-options.ts";
import type { Grant } from "./operations/adopt.ts";
import type { ReconcileOptions, Reconciliation } from "./bulk/reconciliation.ts";
import type { Health } from "./operations/health.ts";
import type {
  AdoptedRow,
  AdoptManyOptions,
  ImportSummary,
  OnboardManyOptions,
  RowSummary,
} from "./bulk/imports.ts";
import type { KeyVerbs } from "./keys/key-verbs.ts";
import type { OperatorVerbs } from "./operations/operator-verbs.ts";
import type { Remote } from "./operations/remote.ts";
import type { UserPage } from "./list-users.ts";
import type { Rows } from "./bulk/for-each-row.ts";
import type { JoinedStatus, UserStatus } from "./user/user-status.ts";
import type { EventVerbs } from "./events/event-verbs.ts";
import type { LeaveVerbs } from "./leaving/leave-verbs.ts";
import type { ExplainVerbs } from "./operations/explain-verbs.ts";
import type { WatchVerbs } from "./watching/watch-verbs.ts";
import type { WorkSummary } from "./engine/work.ts";

/** The users of one 1upHealth account. Each user is a durable state machine. */
export interface Lifecycle
  extends ExplainVerbs, WatchVerbs, EventVerbs, KeyVerbs, LeaveVerbs, OperatorVerbs, AsyncDisposable {
  /**
   * Registers a user **in a transaction of the application**, with the store `postgres()`: if it is rolled back there is
   * no user, if it is committed there is exactly one, whatever happens to this process. No call is made before that;
   * workers look for committed users about once a second. The transaction may stay open, and holds up no other user. See
   * the guide to transactions for Drizzle, Knex, Kysely and Prisma.
   *
   * A user that exists is only read. Nothing about the account is an error here, not even a pause: the status tells it.
   *
   * @returns the status that the user will have, and when its first call is expected to leave
   * @throws {LifecycleError} `INVALID_OPTION` for a client in no transaction or a failed one, of another database or server,
   * and with another store; `USER_OFFBOARDED`; `RENAMED`; `INVALID_ID`; `STORE_MOVED`; `STORE_UNAVAILABLE`,
   * `STORE_UNUSABLE`. Roll back after any of them
   * @example
   * ```ts
   * import type { Lifecycle } from "oneup-lifecycle";
   * import type { PoolClient } from "pg";
   *
   * async function signUp(lifecycle: Lifecycle, client: PoolClient, email: string): Promise<Date | null> {
   *   await client.query("BEGIN");
   *   await client.query("INSERT INTO people (email) VALUES ($1)", [email]);
   *   const { forecast } = await lifecycle.onboard(email, { within: client, waitMs: 0 });
   *   await client.query("COMMIT"); // or ROLLBACK, and there is no such user
   *   return forecast; // expected by then, if no user comes before it
   * }
   * ```
   */
  onboard(appUserId: string, options: JoinOptions): Promise<JoinedStatus>;
  /**
   * Registers a user, or resumes an interrupted registration. Resolves once the user has a working access token, or
   * when `waitMs` elapses; `usable` is then false and `pause.until` tells until when it is paused at least. A user that already
   * exists here costs no call. Safe to call any number of times.
   *
   * @param appUserId your own id for the user, 1–512 bytes of UTF-8 without control characters
   * @throws {LifecycleError} `INVALID_ID`; `USER_FAILED`; `CREDENTIALS_REFUSED`, `FORBIDDEN`, `PAUSED` (the user is kept);
   * `USER_OFFBOARDED` (retryable) if `waitMs` elapses while the user's data is still being erased; `RENAMED`;
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
   * Onboards a list: any iterable or async iterable of `app_user_id`s, read once and in constant memory. Every user
   * is stored first and then waits in the store for a slot, in the lane "bulk" unless `lane` names another one,
   * behind people who sign up meanwhile. Resolves when every user of the list is usable or has failed. Until then
   * this process works for all users, as {@link work} does, and so do workers in other processes. At 300 calls an
   * hour, ten thousand users take 37 hours. Aborting `signal`, or a crash, loses nothing: call it again with the same
   * `name` and the same list, or a longer one, to resume. Users that already exist here are left as they are,
   * including those that were offboarded or forgotten, which `departed` counts. Unusable rows are counted, reported and skipped.
   *
   * @throws {LifecycleError} `INVALID_OPTION`; `RECORD_TOO_NEW`, `KEY_REFUSED` of the account. Transient errors are
   * retried. Also throws whatever the iterable throws, and the signal's reason
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
   * Takes over a user that the application has connected before, with its refresh token and without a management
   * call. Resolves with the status once there is a working token, or when `waitMs` elapses; with `waitMs: 0` as soon
   * as the user is stored, and a worker refreshes the token. If 1upHealth refuses the refresh token, the user is
   * authorized again with a fresh code, for one call. A user that already has a grant here, or is about to get one,
   * is left as it is. One that was offboarded or forgotten starts over, unless some of its data is still to be
   * erased.
   * `oneupUserId` counts as unconfirmed until 1upHealth confirms it. A purge, a rename and FHIR calls with
   * `as: "client"` use it only after a look-up has listed it under `appUserId`, or after a code whose response named
   * it has brought a token.
   *
   * @throws {LifecycleError} `INVALID_ID`, `INVALID_OPTION`; `USER_CONFLICT` if the user has another `oneupUserId`
   * here, unless it failed because of that (`anotherUser`); `USER_OFFBOARDED` while its data is being erased;
   * `USER_FAILED` if 1upHealth refused to erase it; `USER_NOT_READY` if `waitMs` elapses while another call for the
   * user is under way or may still arrive; `RENAMED`; as {@link onboard}
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
  adopt(appUserId: string, grant: Grant, options?: ActOptions): Promise<UserStatus>;
  /**
   * Takes over a list of users, each as {@link adopt} does with `waitMs: 0`. Resolves when all rows are stored;
   * workers then refresh those without an access token. The rows are read once and in constant memory. To resume
   * after an interruption, call it again with the same rows. Users that were offboarded or forgotten are left as they
   * are, and `departed` counts them.
   *
   * @throws {LifecycleError} `INVALID_OPTION`; `RECORD_TOO_NEW`, `KEY_REFUSED` of the account. Transient errors are
   * retried. Also throws whatever the iterable throws, and the signal's reason
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle, sandbox } = await createTestLifecycle();
   * const rows = ["ada", "bob"].map((appUserId) => ({
   *   appUserId,
   *   oneupUserId: sandbox.createUser(appUserId),
   *   refreshToken: `the-one-you-have-of-${appUserId}`,
   * }));
   * const { added } = await lifecycle.adoptMany(rows);
   * console.log(added); // 2
   * ```
   */
  adoptMany(rows: Rows<AdoptedRow>, options?: AdoptManyOptions): Promise<RowSummary>;
  /**
   * A working access token: from memory, the store, a refresh or a fresh code. This is the only method that returns a
   * secret. Do not keep the token; call this again when you need it.
   *
   * A refresh that timed out is repeated once the first request can no longer arrive, `graceMs` later. Until then a
   * token that has not expired is returned. With `waitMs: 0` a refresh is begun, and a later call returns its token.
   * Whether 1upHealth still accepts a token shows only when it is used: after a 401, pass it as `rejected`. The client of
   * {@link fhir} does that by itself.
   *
   * @throws {LifecycleError} `USER_UNKNOWN`; `USER_NOT_READY` when `waitMs` elapses (retryable, after `retryAfterMs`
   * if the end of the wait is known); as {@link onboard}
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
  accessToken(appUserId: string, options?: TokenOptions): Promise<string>;
  /**
   * A FHIR client for this user. It fetches, renews and replaces the token by itself. All FHIR calls keep to the
   * account's limit, and stop while 1upHealth throttles it. After a 401 the token is
   * replaced and the call repeated. A token younger than a minute, or than up to eight minutes without a refresh token,
   * is not replaced: the call rejects with `USER_NOT_READY`, and `retryAfterMs` is the rest of that time. A provisional
   * token ({@link UserStatus.provisionalUntil}) is replaced at once.
   *
   * The client is for one person: if the id passes to another user of 1upHealth after its first call, calls and walks
   * reject with `USER_CONFLICT`, and `fhir()` returns a client for the other one.
   *
   * @throws {LifecycleError} `INVALID_ID`; `INVALID_RESOURCE` for a version that 1upHealth does not serve;
   * `INVALID_OPTION`; the calls also as {@link accessToken}, and `USER_CONFLICT`
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
  fhir<V extends FhirVersion>(appUserId: string, version: V, options?: FhirOptions): UserFhirClient<V>;
  /**
   * The user's status. Makes no call.
   *
   * @throws {LifecycleError} `USER_UNKNOWN`, `RENAMED`; `RECORD_DAMAGED`, also if only the secrets cannot be
   * decrypted, because the rest of the record may then have been changed too: use {@link reauthorize}
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
   * All users, or those stored in one state, from any user on. Makes no call. Users come in ascending order of ids (with
   * `hideIds` in an order of its own), read from an index: a few cost a few reads, however many others there are. All
   * users come each once, whatever state they get meanwhile; a user that is renamed meanwhile may be missed or come
   * twice, and with `state` one that leaves that state or enters it. Users whose record cannot be read (`RECORD_DAMAGED`,
   * `RECORD_TOO_NEW`) are left out and logged; `counts()` counts them.
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
   * A page of the same list, e.g. for an admin page: up to `limit` users (100 by default) behind `after`, and the `after`
   * of the next page. The cursor is the `app_user_id` of the last user: treat it as you treat ids.
   *
   * @throws {LifecycleError} `INVALID_OPTION`, `STORE_UNAVAILABLE`
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * for (const id of ["ada", "bob", "cyd"]) await lifecycle.onboard(id);
   * const { users, next } = await lifecycle.userPage({ state: "tokenActive", limit: 2 });
   * console.log(users.length, next); // 2 bob
   * const last = await lifecycle.userPage({ state: "tokenActive", limit: 2, after: next ?? undefined });
   * console.log(last.users.length, last.next); // 1 null
   * ```
   */
  userPage(filter?: UserFilter): Promise<UserPage>;
  /**
   * The number of users in each state at this moment, as {@link users} lists them. A user becomes `expiring` by the clock
   * alone: when, the process that took its last step has written down, by its own refresh window. Makes no call and reads
   * no user.
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
   * Works for all users: interrupted ones, due ones and those waiting in lanes. Any number of processes may do so.
   * Resolves when `signal` aborts or the lifecycle closes, after the users in progress have come to rest: their calls
   * are answered or time out and their codes are exchanged, so that other processes need not wait for a lease to
   * expire. That takes at most `2 · timeoutMs`, even if the store is unavailable. If a process is killed earlier,
   * other processes take over its users when their leases expire (`leaseMs`).
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
   * Does everything that can be done now and then resolves: {@link work} without the waiting.
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
   * Discards the grant and gets a new one with a fresh code, for one management call. Because this needs no stored
   * secret, it also recovers a user whose record is damaged (`RECORD_DAMAGED`). Nothing else in such a record is
   * trusted either; 1upHealth's response identifies the user. Find out first who changed the record. If it cannot be
   * read even without its secrets, any {@link rename} or purge that it recorded is lost.
   * While an operator has stopped that call, or 1upHealth refuses the client or this process, it changes nothing: the
   * user keeps its grant.
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
  reauthorize(appUserId: string, options?: ActOptions): Promise<UserStatus>;
  /**
   * Takes a `failed` user back to the state in which it failed. One that failed with `anotherUser`, or about which a
   * response has just named another user, is looked up by its `app_user_id` and gets the number that 1upHealth lists
   * with it: call this after a person has checked the user.
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
   * Gives the user another `app_user_id`, at 1upHealth and here; afterwards the old one throws `RENAMED`. A rename
   * that has begun is completed even if the process dies: if its response was lost or came from a gateway, 1upHealth is
   * asked for the user, which is in `renameInDoubt` until then. Its access token works meanwhile.
   * A number that only `adopt()` has named is looked up first, once, for one more management call.
   *
   * @throws {LifecycleError} `USER_CONFLICT` if another user has the new id, here or at 1upHealth, or has its number
   * (if another user took the id here while 1upHealth was giving it to this one, `inspect()` shows `conflict` from
   * then on); `USER_NOT_READY` while a call for the user is under way or 1upHealth does not know it, or while the user
   * is being connected, looked up or purged; `UNAVAILABLE` if it was not done, or is in doubt; `RATE_LIMITED`, `CREDENTIALS_REFUSED`,
   * `FORBIDDEN`, also while a shut gate stops it
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
  rename(appUserId: string, newAppUserId: string, options?: ActOptions): Promise<UserStatus>;
  /**
   * Offboards the user. Its secrets are erased at once and in any case, even those that cannot be decrypted; with
   * `purge`, its FHIR data at 1upHealth too. Before a purge 1upHealth is asked for the user, for one management call
   * in the lane "recovery", so that no other user's data is erased. The versions are then purged one after the other.
   * 1upHealth erases for 30 s at a time, so each purge is repeated until 1upHealth reports that it is complete. This
   * needs no token, survives crashes and is continued by workers. Resolves with the status when nothing is left to
   * do, or when `waitMs` elapses: the state is then `identifying` or `offboarding`, and `purge.left` lists what is
   * left. Safe to call any number of times; without `purge` it ends a purge that is under way.
   *
   * The user stays at 1upHealth, which has no call to delete one; `onboard()` starts over with a fresh code. Another
   * process that has the user's token in memory may use it for five seconds more.
   *
   * @throws {LifecycleError} `USER_UNKNOWN`, `RENAMED`; `USER_NOT_READY` if `waitMs` elapses while a call for the
   * user is under way; `USER_FAILED` if 1upHealth refuses to purge: `retry()`; `USER_CONFLICT` if its data is also
   * another user's here, or if 1upHealth has its unconfirmed number under another id. Nothing was purged then. Call
   * `offboard()` without `purge`, or, after a person has checked the user, `retry()`, which looks it up by its id
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
   * Forgets a user that was offboarded: its record is deleted, and `inspect()` throws `USER_UNKNOWN`. For each id
   * that the user has or had, a tombstone without any facts stays under an HMAC of that id. It keeps a process that
   * was suspended meanwhile from writing the user back, and lists and {@link reconcile} from adding it again; an
   * `onboard()` or `adopt()` that was under way rejects with `USER_UNKNOWN`.
   * `onboard()` of any of these ids starts from nothing; until then no other user can be renamed to one of them.
   * Resolves at once for a user that is not known here, and completes a deletion that a crashed process had begun.
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
  forget(appUserId: string, options?: ActOptions): Promise<void>;
  /**
   * Compares the users here with 1upHealth's own list and finds users that are only there, only here, there under
   * another `app_user_id`, or inactive. With `repair` it corrects what can be corrected, without creating a user at
   * 1upHealth, and only if the list was read to its end. It costs one management call per page, and one for each
   * record that it moves, in the lane "recovery", and holds 32 bytes per user. Call it again after an interruption.
   *
   * @throws {LifecycleError} `INVALID_OPTION`; `BAD_ANSWER`. Transient errors are retried, after waits that grow to
   * five minutes if the call was sent. Also throws the signal's reason, and whatever `onProgress` or `onDifference` throws
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
  /** 1upHealth's own list of users. */
  readonly remote: Remote;
  /**
   * Calls `listener` after every step that this process has made durable. Returns a function that unsubscribes. A
   * listener that throws or rejects stops nothing: a warning in the log names the kind of error and its place, but
   * not its message, which may quote a secret.
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
   * The slots of the hourly limit that are in use, the number of users ahead, and in how many ms `calls` more calls
   * (1 by default) in `lane` ("interactive" by default) will have been granted and can leave. This assumes that no
   * other calls are requested and that every closed gate reopens as soon as it may. `inMs` is `Infinity` while an
   * operator has paused the lane without an end.
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
  /** The limit, the lanes, the gates and the users by state, as an observable view. */
  readonly budget: Budget;
  /**
   * Whether this process is ready: the store responds and takes writes, and 1upHealth accepts the credentials. Makes
   * no call and never rejects. Resolves within 500 ms, even if the store does not respond. Writability is tested at
   * most once a second, so many probes cost no more than one.
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
  /**
   * The name of this user in logs and error messages.
   *
   * @throws {LifecycleError} `INVALID_ID`
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * console.log(lifecycle.alias("ada@example.org")); // #08c4aefdbf5d2e7160b9; another one in every store
   * ```
   */
  alias(appUserId: string): string;
  /**
   * Waits until the users in progress have come to rest, then closes connections and the store. The results of calls
   * are saved: a store that refuses the write is retried until `2 · timeoutMs` have passed since `close()`. Anything
   * not saved by then stays in doubt, and the next process resolves it. `close()` takes a few seconds longer than
   * that at most, even if the store does not respond.
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
