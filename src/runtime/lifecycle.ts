/**
 * The object people hold.
 *
 * @module
 */
import { setMaxListeners } from "node:events";
import process from "node:process";
import { setImmediate } from "node:timers";
import { randomBytes } from "node:crypto";
import { randomName } from "../clock.ts";
import { isLifecycleError, LifecycleError } from "../errors.ts";
import { createFhirClient } from "../fhir/client.ts";
import type { FhirClient } from "../fhir/client.ts";
import { checkVersion } from "../fhir/calls.ts";
import type { FhirVersion } from "../fhir/versions.ts";
import { createGuard } from "../guard/guard.ts";
import { createSender } from "../http/send.ts";
import { undiciTransport } from "../http/undici-transport.ts";
import type { UserState } from "../../machines/index.ts";
import type { Lane } from "../store/contract.ts";
import { openStoreKey } from "../store/keys.ts";
import { accountOf } from "../store/account.ts";
import { Sealer } from "../store/seal.ts";
import { arrive, tell, within } from "./arrive.ts";
import type { Patience } from "./arrive.ts";
import { Changes } from "./changes.ts";
import { drive } from "./drive.ts";
import { gathering } from "./engine.ts";
import type { Engine } from "./engine.ts";
import { find, load } from "./load.ts";
import { checkId, checkLane, checkOptions, number } from "./options.ts";
import type { LifecycleOptions, Settings } from "./options.ts";
import { createRemote } from "./remote.ts";
import type { Remote } from "./remote.ts";
import { rename } from "./rename.ts";
import { describeUser } from "./status.ts";
import type { UserStatus } from "./status.ts";
import { createTokens } from "./tokens.ts";
import { newUser, stepped } from "./user.ts";
import type { User } from "./user.ts";
import { refusal } from "./verdict.ts";
import { laneService, work } from "./worker.ts";
import type { WorkSummary } from "./worker.ts";

/** Ends a wait. Work that was begun for a user goes on all the same, here or in another process. */
export interface Cancellable {
  readonly signal?: AbortSignal | undefined;
}

/** Options of calls that wait for a user. */
export interface WaitOptions extends Cancellable {
  /** How long to wait at most, ms. @default 30_000 */
  readonly waitMs?: number | undefined;
}

/** Options of {@link Lifecycle.onboard}. */
export interface OnboardOptions extends WaitOptions {
  /**
   * Is the user known to exist at 1upHealth? `existing` asks for a code at once and saves the call that would find
   * it out; being wrong costs one call, nothing else. @default "new"
   */
  readonly expect?: "new" | "existing" | undefined;
  /** In which lane it waits if no slot is free. @default "interactive" */
  readonly lane?: Lane | undefined;
}

/** Options of {@link Lifecycle.work}. */
export interface WorkOptions extends Cancellable {
  /** How many users to work on at once, 1 to 1024. @default 32 */
  readonly concurrency?: number | undefined;
}

/** Users of one 1upHealth account, each a durable state machine. */
export interface Lifecycle extends AsyncDisposable {
  /**
   * Registers the user, or goes on where it was interrupted, and resolves when it has a working access token, or
   * when `waitMs` is over: then `usable` is false and `pause.until` says what it waits for. A user that is there
   * already costs no call. Call it as often as you like.
   *
   * @param appUserId your own id of the user, 1–512 bytes of UTF-8 without control characters
   * @throws {LifecycleError} `INVALID_ID`; `USER_FAILED`; `CREDENTIALS_REFUSED`, `FORBIDDEN` (the user is kept);
   * `RENAMED`; `STORE_UNAVAILABLE`
   */
  onboard(appUserId: string, options?: OnboardOptions): Promise<UserStatus>;
  /**
   * An access token that works now: from memory, the store, a refresh, or a fresh code. This is the one door
   * through which a secret leaves. Do not keep it; ask again.
   *
   * @throws {LifecycleError} `USER_UNKNOWN`; `USER_NOT_READY` when `waitMs` is over (retryable); as {@link onboard}
   */
  accessToken(appUserId: string, options?: WaitOptions): Promise<string>;
  /** FHIR calls of this user; the token is fetched, renewed and replaced underneath. */
  fhir<V extends FhirVersion>(appUserId: string, version: V): FhirClient<V>;
  /**
   * Where the user stands. Makes no call.
   * @throws {LifecycleError} `USER_UNKNOWN`, `RENAMED`
   */
  inspect(appUserId: string): Promise<UserStatus>;
  /** All users, or those written down in one state, by ascending id within each state. Makes no call. */
  users(filter?: { readonly state?: UserState }): AsyncGenerator<UserStatus, void, undefined>;
  /** How many users are written down in each state. Makes no call. */
  counts(): Promise<Readonly<Partial<Record<UserState, number>>>>;
  /**
   * Works for everybody: interrupted users, due users, waiting lanes. Any number of processes may. Resolves when
   * `signal` aborts or the lifecycle closes, after the users in hand have come to rest.
   */
  work(options?: WorkOptions): Promise<WorkSummary>;
  /** Does everything that can be done now, then resolves: {@link work} without the waiting. */
  resume(options?: WorkOptions): Promise<WorkSummary>;
  /** Throws the grant away and gets a new one with a fresh code: one management call. */
  reauthorize(appUserId: string, options?: WaitOptions): Promise<UserStatus>;
  /** Takes a `failed` user back to where it failed. */
  retry(appUserId: string, options?: WaitOptions): Promise<UserStatus>;
  /**
   * Gives the user another `app_user_id`, at 1upHealth and here; afterwards the old one answers `RENAMED`.
   * @throws {LifecycleError} `USER_CONFLICT`, `USER_NOT_READY`, `UNAVAILABLE`
   */
  rename(appUserId: string, newAppUserId: string, options?: WaitOptions): Promise<UserStatus>;
  /** What 1upHealth itself says about users. */
  readonly remote: Remote;
  /** Calls `listener` after every step that this process has made durable. The returned function ends it. */
  subscribe(listener: (status: UserStatus) => void): () => void;
  /** Slots of the hourly limit in use, and in how many ms `calls` more (1 by default) will have been granted. */
  forecast(calls?: number): Promise<{ readonly used: number; readonly of: number; readonly inMs: number }>;
  /** The name under which this user appears in logs and messages. */
  alias(appUserId: string): string;
  /** Lets the users in hand come to rest, then closes connections and store. */
  close(): Promise<void>;
}

/** Opens a lifecycle. @throws {LifecycleError} `INVALID_OPTION`, `KEY_REFUSED`, `STORE_UNUSABLE` */
export async function openLifecycle(options: LifecycleOptions): Promise<Lifecycle> {
  const settings = checkOptions(options);
  const closing = new AbortController();
  setMaxListeners(0, closing.signal);
  return lifecycleOver(await openEngine(settings, closing.signal), closing);
}

async function openEngine(settings: Settings, closing: AbortSignal): Promise<Engine> {
  const { clock, clientId, timeoutMs, graceMs } = settings;
  const account = accountOf(clientId);
  const store = await settings.store.open({ account, clock });
  try {
    const encryption = settings.encryption;
    const storeKey =
      encryption === undefined
        ? await openStoreKey(store, account, { keys: [memoryKey] }, randomName(clock))
        : await openStoreKey(store, account, encryption, randomName(clock));
    const engine: Engine = {
      settings,
      clock,
      store,
      sealer: new Sealer(storeKey, account),
      guard: createGuard({ slots: store.slots, clock, limit: settings.limit, timeoutMs, graceMs }),
      sender: createSender({
        transport: settings.transport ?? undiciTransport(),
        clock,
        timeoutMs,
        maxBytes: longestAnswer,
      }),
      client: { api: settings.api, auth: settings.auth, clientId, clientSecret: settings.clientSecret },
      owner: `${process.pid}-${randomName(clock)}`,
      changes: new Changes(clock),
      driving: new Map(),
      lanes: laneService(() => engine),
      closing,
      gather: gathering(setImmediate),
    };
    return engine;
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** Bytes of an answer that are read at most: FHIR resources can carry documents. */
const longestAnswer = 16 * 1024 * 1024;

/** Stores that die with the process need no key of yours; this one dies with them. */
const memoryKey = randomBytes(32);

const defaultWaitMs = 30_000;

function lifecycleOver(engine: Engine, closing: AbortController): Lifecycle {
  const { clock, settings, store } = engine;
  const tokens = createTokens(engine);
  const working = new Set<Promise<unknown>>();

  function open(): void {
    if (closing.signal.aborted) throw closed();
  }

  function patience({ waitMs = defaultWaitMs, signal }: WaitOptions = {}): Patience {
    number("waitMs", waitMs, 0, Number.MAX_SAFE_INTEGER);
    return {
      until: clock.monotonic() + waitMs,
      signal: signal === undefined ? closing.signal : AbortSignal.any([signal, closing.signal]),
    };
  }

  function describe(user: User): UserStatus {
    return describeUser(user, settings.windowMs, clock.now());
  }

  /** The user, unless it is gone from here meanwhile, or its record cannot be read: that hides nobody else. */
  async function readable(id: string): Promise<User | null> {
    try {
      return (await find(engine, id))?.user ?? null;
    } catch (error) {
      if (!isLifecycleError(error) || error.retryable) throw error;
      if (error.code !== "RENAMED") settings.logger.warn(`Cannot list a user: ${error.message}`);
      return null;
    }
  }

  /** Waits until the user has arrived, and says so. */
  async function arrived(id: string, wait: Patience, begun = false): Promise<UserStatus> {
    const user = await arrive(engine, id, wait, begun);
    const problem = refusal(engine, user);
    if (problem !== null) throw problem;
    return describe(user);
  }

  /** Takes the first step of a user nobody has heard of, or who was offboarded; says whether there was one to take. */
  async function begin(
    id: string,
    { expect = "new", lane = "interactive" }: OnboardOptions,
  ): Promise<boolean> {
    const now = clock.now();
    const found = await find(engine, id);
    if (found === null) {
      const user = newUser(id, lane, now);
      await drive(engine, expect === "existing" ? stepped(user, { type: "EXPECT_EXISTING", at: now }) : user);
    } else if (found.user.position.state === "offboarded") {
      await drive(engine, stepped({ ...found.user, lane }, { type: "ONBOARD", at: now }));
    } else {
      return false;
    }
    return true;
  }

  function worker(untilIdle: boolean, { signal, concurrency = 32 }: WorkOptions): Promise<WorkSummary> {
    open();
    number("concurrency", concurrency, 1, 1_024, true);
    const stop = signal === undefined ? closing.signal : AbortSignal.any([signal, closing.signal]);
    const done = work(engine, { concurrency, due: true, stop, untilIdle }).finally(() =>
      working.delete(done),
    );
    working.add(done);
    return done;
  }

  const lifecycle: Lifecycle = {
    async onboard(appUserId, options = {}) {
      open();
      const id = checkId(appUserId);
      if (options.lane !== undefined) checkLane(options.lane);
      const wait = patience(options);
      return arrived(id, wait, await within(engine, begin(id, options), wait));
    },

    async accessToken(appUserId, options) {
      open();
      return tokens.get(appUserId, () => patience(options));
    },

    fhir(appUserId, version) {
      open();
      checkVersion(version);
      const id = checkId(appUserId);
      return createFhirClient({
        token: {
          get: (signal) => tokens.get(id, () => patience({ signal })),
          rejected: (token) => tokens.rejected(id, token, () => patience()),
        },
        sender: engine.sender,
        api: settings.api,
        version,
      });
    },

    async inspect(appUserId) {
      open();
      return describe((await load(engine, checkId(appUserId))).user);
    },

    async *users({ state } = {}) {
      open();
      for (const each of state === undefined ? Object.keys(await store.counts()) : [state]) {
        let after: string | undefined;
        for (;;) {
          const page = await store.page({ state: each, after, limit: pageSize });
          for (const id of page) {
            const user = await readable(id);
            if (user !== null) yield describe(user);
          }
          after = page.at(-1);
          if (page.length < pageSize) break;
        }
      }
    },

    async counts() {
      open();
      return store.counts();
    },

    work: (options = {}) => worker(false, options),
    resume: (options = {}) => worker(true, options),

    async reauthorize(appUserId, options) {
      open();
      const id = checkId(appUserId);
      const wait = patience(options);
      tokens.forget(id);
      await tell(engine, id, { type: "REAUTHORIZE", at: clock.now() }, wait);
      return arrived(id, wait);
    },

    async retry(appUserId, options) {
      open();
      const id = checkId(appUserId);
      const wait = patience(options);
      await tell(engine, id, { type: "RETRY", at: clock.now() }, wait);
      return arrived(id, wait);
    },

    async rename(appUserId, newAppUserId, options) {
      open();
      const id = checkId(appUserId);
      const to = checkId(newAppUserId);
      await rename(engine, id, to, patience(options));
      tokens.forget(id);
      return describe((await load(engine, to)).user);
    },

    remote: createRemote(engine),

    subscribe: (listener) => engine.changes.subscribe((user) => listener(describe(user))),

    async forecast(calls = 1) {
      open();
      number("calls", calls, 1, 1e9, true);
      return { ...(await engine.guard.forecast(calls)), of: settings.limit.calls };
    },

    alias: (appUserId) => engine.sealer.alias(appUserId),

    async close() {
      if (closing.signal.aborted) return;
      closing.abort(closed());
      await Promise.allSettled([...working, ...engine.driving.values()]);
      await engine.sender.close();
      await store.close();
    },

    [Symbol.asyncDispose]: () => lifecycle.close(),
  };
  return lifecycle;
}

/** Users that are listed with one question to the store. */
const pageSize = 100;

function closed(): LifecycleError {
  return new LifecycleError(
    "CLOSED",
    "Cannot go on: this lifecycle was closed; what was begun is kept and resumes elsewhere",
  );
}
