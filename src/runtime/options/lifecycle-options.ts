/**
 * The options of a lifecycle and their validation.
 *
 * @module
 */
import { systemClock, type Clock } from "../../clock.ts";
import { leastAnswerBytes, mostAnswerBytes, usualAnswerBytes } from "../../http/send.ts";
import { isLoopback } from "../../http/safety.ts";
import type { Transport } from "../../http/transport.ts";
import { usualPager, type Pager } from "../../http/user-management.ts";
import type { StoreAdapter } from "../../store/contract.ts";
import type { Telemetry } from "../../telemetry.ts";
import type { Encryption } from "../../store/sealing/keys.ts";
import {
  among,
  anything,
  aSwitch,
  between,
  check,
  checkValue,
  isObject,
  only,
  whole,
  withMethods,
  wrong,
  type Filled,
  type Rules,
  type Some,
} from "../../checks.ts";
import { credentialSource, type Credentials, type CredentialSource } from "./credentials.ts";
import { checkEncryption } from "./check-encryption.ts";
import { checkEvents, type EventsOption } from "./check-events.ts";
import { ceiling } from "./check-new-limits.ts";
import { perLimit, type Ceiling, type ConfiguredLimits, type LaneShares } from "./account-limits.ts";
import { unbreakable } from "./call-listener.ts";
import { levels, type Logger } from "./logger.ts";

/** When an access token is renewed. */
export type RefreshPolicy =
  /** On demand, and at least every 7 days, so that an idle user keeps its refresh token. */
  | "keepAlive"
  /** By the worker, before it expires. */
  | "eager"
  /** On demand only. */
  | "lazy";

/** Options of {@link createLifecycle}. */
export interface LifecycleOptions {
  /**
   * From the 1upHealth developer console. A function is called again when 1upHealth refuses the current secret, so
   * rotating the secret needs no restart. The client id must stay the same.
   */
  readonly credentials: Credentials | (() => Credentials | Promise<Credentials>);
  /** Where users are kept, e.g. `lmdb("./data/lifecycle")`. */
  readonly store: StoreAdapter;
  /**
   * The key that encrypts the secrets in the store, e.g. `keyFile("./data/lifecycle.key")`. Required for every store
   * that outlives the process.
   */
  readonly encryption?: Encryption | undefined;
  /**
   * Hides the identity of users from anyone who copies the store: each record is keyed by an HMAC of its `app_user_id`
   * (often an e-mail address), and the id itself is encrypted like a token. Still visible: the number of users, their
   * states and times, the length of an id, and the numbers (`oneup_user_id`) that 1upHealth assigned.
   *
   * Fixed when a store is first opened; opening it with the other setting throws `INVALID_OPTION`. CPU cost: an
   * onboarding 1.15 times as much, a token from the store 1.1 times (a user's first in a process 1.3), `users()` twice.
   * @default false
   */
  readonly hideIds?: boolean | undefined;
  /**
   * Refuses a store that holds nothing of this client id: after the first start only one that was emptied, is not
   * mounted or is mistyped is empty, and a process that a supervisor restarts would begin a new account in it.
   * @default false
   */
  readonly storeMustExist?: boolean | undefined;
  /**
   * Base URLs; `http:` for loopback only. If only `api` is given and is not 1upHealth's, `auth` is the same, so that no
   * secret goes to a host that is not named.
   * @default { api: "https://api.1up.health", auth: "https://auth.1up.health" }
   */
  readonly endpoints?: { readonly api?: string | undefined; readonly auth?: string | undefined } | undefined;
  /**
   * Moves the store to other `endpoints`. A store remembers the base URLs that it was first opened with (all
   * loopback origins count as one, `local`), because the tokens in it work nowhere else: opening it with others throws
   * `INVALID_OPTION`. Set it once, while no other process has the store open, and then remove it.
   * @default false
   */
  readonly changeOrigin?: boolean | undefined;
  /**
   * How many calls each endpoint accepts in any rolling window. `token` and `fhir` have no limit by default; the whole
   * account still honours a 429 from them.
   *
   * Limits belong to the account: the first process that sets them records them in the store. A process that sets none
   * adopts the recorded ones. One that sets others applies the stricter of both (the fewer calls, the longer window),
   * logs a warning and is reported by `health()`; `account.setLimits()` replaces the recorded ones.
   * @default { management: { calls: 300, windowMs: 3_600_000 } }
   */
  readonly limits?:
    | {
        readonly management?:
          | (Ceiling & {
              /** @default { reserved: 0.1, recovery: 0.2, bulk: 0.1 } */
              readonly lanes?: Some<LaneShares> | undefined;
            })
          | undefined;
        /** Refreshes of tokens that still work leave a tenth of the calls, at least one, to codes, which expire. */
        readonly token?: Ceiling | undefined;
        readonly fhir?: Ceiling | undefined;
      }
    | undefined;
  /**
   * The names of 1upHealth's paging parameters for its list of users. Its guide says "paginate" and names none.
   * @default { skip: "skip", limit: "limit" }
   */
  readonly pager?: Some<Pager> | undefined;
  readonly refresh?:
    | {
        /** @default "keepAlive" */
        readonly policy?: RefreshPolicy | undefined;
        /** How long before its expiry a token is refreshed, ms, 2 min to 1 h. @default 600_000 */
        readonly windowMs?: number | undefined;
      }
    | undefined;
  /** Timeout of one HTTP call, ms, 10 to 120 000. @default 30_000 */
  readonly timeoutMs?: number | undefined;
  /**
   * The largest response that is read, in bytes, 1 024 to 268 435 456. A longer one, or one with more than one value
   * per 64 bytes of this limit (lists and objects are slow to build), is `ANSWER_TOO_BIG`; a page of FHIR resources is
   * then requested again with half as many entries. Responses about one user are limited to 262 144 bytes.
   * @default 16_777_216
   */
  readonly maxAnswerBytes?: number | undefined;
  /** How long after its timeout a request may still arrive at 1upHealth, ms. @default 10_000 */
  readonly graceMs?: number | undefined;
  /**
   * How long a process may be unresponsive before others take over its users, ms, at least `timeoutMs + graceMs`.
   * @default timeoutMs + graceMs + 5_000
   */
  readonly leaseMs?: number | undefined;
  /** How many access tokens are kept in memory. @default 10_000 */
  readonly cachedTokens?: number | undefined;
  /** Source of time and randomness. @default systemClock */
  readonly clock?: Clock | undefined;
  /**
   * Sends HTTP requests. Several lifecycles and FHIR clients may share one: `close()` of the last of these lifecycles closes
   * it. FHIR clients of `createFhirClient()` have no `close()`, so one that they use stays open until you close it.
   *
   * @default undiciTransport(), or fetchTransport() where undici does not run (Bun)
   */
  readonly transport?: Transport | undefined;
  /**
   * `text: true` keeps the text of a response that brought nothing, in words that are not known here: the first 120
   * characters, without what looks like a secret, an address or a number, sealed in the user's record until its next
   * call. Only `explain()` and the command show it. It may hold a name: SECURITY.md tells what that costs.
   * @default { text: false }: its length and a fingerprint
   */
  readonly causes?: { readonly text?: boolean | undefined } | undefined;
  /**
   * Writes an event for each step of each user, in the same commit, for `events()`, and keeps it this long: 1 hour to
   * 400 days. Recorded in the store, for all processes: set it once all of them run a release that knows it. Another
   * `keep` replaces the recorded one; `false` turns events off. See docs/events.md.
   * @default as recorded; at first off
   */
  readonly events?: EventsOption | undefined;
  /** Receives log lines: a logger of pino, or `console`, fits. @default nothing is logged */
  readonly logger?: Logger | undefined;
  /**
   * Reports spans and metrics: `openTelemetry()` of `oneup-lifecycle/opentelemetry`. One that your process sets up for
   * other libraries sees this one's requests unless it is given here.
   * @default nothing is reported
   */
  readonly telemetry?: Telemetry | undefined;
}

/** Options with every default filled in. */
export interface Settings
  extends
    Filled<
      Pick<LifecycleOptions, "store" | "hideIds" | "storeMustExist" | "changeOrigin" | "clock" | "logger">
    >,
    Filled<Pick<LifecycleOptions, "timeoutMs" | "graceMs" | "leaseMs" | "maxAnswerBytes" | "cachedTokens">>,
    Filled<NonNullable<LifecycleOptions["endpoints"]>>,
    Filled<Pick<NonNullable<LifecycleOptions["refresh"]>, "policy">> {
  /** How long before its expiry a token is due for a refresh, ms: `refresh.windowMs`. */
  readonly refreshWindowMs: number;
  readonly credentials: CredentialSource;
  readonly encryption: Encryption | undefined;
  /** `null`: not set. */
  readonly limits: ConfiguredLimits;
  readonly lanes: LaneShares;
  readonly pager: Pager;
  readonly transport: Transport | undefined;
  readonly telemetry: Telemetry | undefined;
  /** How long events are kept, ms; `null`: none are to be written; `undefined`: as recorded. */
  readonly keepEventsMs: number | null | undefined;
  /** Whether texts of responses are kept. */
  readonly keepsTexts: boolean;
}

/** An idle user's token is renewed this often under `keepAlive`, ms. */
export const keepAliveMs: number = 7 * 24 * 3_600_000;

const minute = 60_000;
const nothing = (): void => {};
const silent: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/** How error messages begin: "Cannot start: …". */
const verb = "start";

const rules: Rules<LifecycleOptions> = {
  credentials: anything,
  store: { must: 'an adapter such as lmdb("./data")', holds: withMethods("open").holds },
  encryption: anything,
  hideIds: aSwitch,
  storeMustExist: aSwitch,
  endpoints: anything,
  changeOrigin: aSwitch,
  limits: anything,
  pager: anything,
  refresh: anything,
  timeoutMs: between(10, 2 * minute),
  maxAnswerBytes: whole(leastAnswerBytes, mostAnswerBytes),
  graceMs: between(0, minute),
  leaseMs: anything,
  cachedTokens: whole(0, 1e7),
  clock: withMethods("now", "monotonic", "timer", "random"),
  transport: withMethods("send"),
  logger: withMethods(...levels),
  telemetry: withMethods("attach"),
  causes: anything,
  events: anything,
};
const ofRefresh: Rules<NonNullable<LifecycleOptions["refresh"]>> = {
  policy: among("keepAlive", "eager", "lazy"),
  windowMs: between(2 * minute, 60 * minute),
};
const ofCauses: Rules<NonNullable<LifecycleOptions["causes"]>> = { text: aSwitch };
const aShare = between(0, 1);
const ofLanes: Rules<LaneShares> = { reserved: aShare, recovery: aShare, bulk: aShare };

/** Checks only the option names. @throws {LifecycleError} `INVALID_OPTION` */
export function checkOverrides(options: Some<LifecycleOptions> | undefined): Partial<LifecycleOptions> {
  return only(verb, "options", options, rules);
}

/** @throws {LifecycleError} `INVALID_OPTION`, `KEY_REFUSED` */
export function checkOptions(options: LifecycleOptions): Settings {
  if (!isObject(options)) throw wrong(verb, "options", "an object", options);
  const given = check(verb, options, rules);
  const { timeoutMs = 30_000, graceMs = 10_000 } = given;
  const store = checkValue(verb, "store", given.store as StoreAdapter, rules.store); // it may be missing
  const endpoints = only(verb, "endpoints", given.endpoints, { api: true, auth: true });
  const limits = only(verb, "limits", given.limits, { management: true, token: true, fhir: true });
  const refresh = check(verb, given.refresh, ofRefresh, "refresh");
  const causes = check(verb, given.causes, ofCauses, "causes");
  // No shorter, or a call of a stalled process could arrive after another process has taken over its user.
  const shortestLeaseMs = timeoutMs + graceMs;
  return {
    credentials: credentialSource(given.credentials as LifecycleOptions["credentials"]), // they may be missing
    store,
    encryption: checkEncryption(verb, given.encryption, store),
    hideIds: given.hideIds ?? false,
    storeMustExist: given.storeMustExist ?? false,
    ...basesOf(endpoints),
    changeOrigin: given.changeOrigin ?? false,
    limits: perLimit((name) => {
      const limit = limits[name];
      const known = name === "management" ? { calls: true, windowMs: true, lanes: true } : undefined;
      return limit === undefined ? null : ceiling(verb, `limits.${name}`, limit, known);
    }),
    lanes: laneShares(limits.management?.lanes),
    pager: checkPager(given.pager),
    policy: refresh.policy ?? "keepAlive",
    refreshWindowMs: refresh.windowMs ?? 10 * minute,
    timeoutMs,
    maxAnswerBytes: given.maxAnswerBytes ?? usualAnswerBytes,
    graceMs,
    leaseMs: checkValue(
      verb,
      "leaseMs",
      given.leaseMs ?? shortestLeaseMs + 5_000,
      between(shortestLeaseMs, 60 * minute),
    ),
    cachedTokens: given.cachedTokens ?? 10_000,
    clock: given.clock ?? systemClock,
    transport: given.transport,
    logger: unbreakable(given.logger ?? silent),
    telemetry: given.telemetry,
    keepEventsMs: checkEvents(verb, given.events),
    keepsTexts: causes.text ?? false,
  };
}

function checkPager(given: Some<Pager> | undefined): Pager {
  const pager = { ...usualPager, ...only<Some<Pager>>(verb, "pager", given, { skip: true, limit: true }) };
  for (const name of ["skip", "limit"] as const) {
    const isName = typeof pager[name] === "string" && /^[\x21-\x7e]{1,64}$/.test(pager[name]);
    if (!isName) throw wrong(verb, `pager.${name}`, "the name of a parameter", pager[name]);
  }
  const taken = ["app_user_id", "oneup_user_id", pager.skip];
  if (!taken.includes(pager.limit) && !taken.slice(0, 2).includes(pager.skip)) return pager;
  throw wrong(verb, "pager", "names of two parameters that mean nothing else", pager.limit);
}

type Management = NonNullable<NonNullable<LifecycleOptions["limits"]>["management"]>;

function laneShares(given: Management["lanes"]): LaneShares {
  const {
    reserved = 0.1,
    recovery = 0.2,
    bulk = 0.1,
  } = check(verb, given, ofLanes, "limits.management.lanes");
  if (recovery + bulk <= 1) return { reserved, recovery, bulk };
  const rule = "shares of which recovery and bulk are 1 at most together";
  throw wrong(verb, "limits.management.lanes", rule, recovery + bulk);
}

/**
 * Returns the URL as parsed, not as written, so that no other parser can read it differently. `name`: the setting, for
 * the error. @throws {LifecycleError} `INVALID_OPTION`
 */
export function endpoint(name: string, value: string): string {
  const rule = "an https: URL without query, or http: on loopback";
  // A URL may carry a password or a key, which may be why it does not parse, so it is shown only if it cannot contain
  // one.
  const shown = typeof value === "string" && /[@?#]/.test(value) ? "[redacted]" : value;
  if (typeof value !== "string" || !URL.canParse(value)) throw wrong(verb, name, rule, shown);
  const { protocol, hostname, host, pathname, username, password } = new URL(value);
  if (username !== "" || password !== "") throw wrong(verb, name, "a URL without user and password", shown);
  const safe = protocol === "https:" || (protocol === "http:" && isLoopback(hostname));
  if (!safe || /[?#\\\s]/.test(value)) throw wrong(verb, name, rule, shown);
  return `${protocol}//${host}${pathname}`.replace(/\/+$/, "");
}

/** 1upHealth's own. */
export const ours: Pick<Settings, "api" | "auth"> = {
  api: "https://api.1up.health",
  auth: "https://auth.1up.health",
};

function basesOf({ api, auth }: NonNullable<LifecycleOptions["endpoints"]>): Pick<Settings, "api" | "auth"> {
  const base = endpoint("endpoints.api", api ?? ours.api);
  const usual = base === ours.api ? ours.auth : base;
  return { api: base, auth: auth === undefined ? usual : endpoint("endpoints.auth", auth) };
}
