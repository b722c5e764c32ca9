/**
 * `fhir()`: a FHIR client for one user, as the user or as the client.
 *
 * @module
 */
import { linkSignals, onAbort } from "../../abort.ts";
import { LifecycleError } from "../../errors.ts";
import type { ClientAccess, ClientSource, TokenSource } from "../../fhir/auth.ts";
import type { AnyResult, BatchOptions } from "../../fhir/batch/batch.ts";
import type { Batch } from "../../fhir/batch/batch-verb.ts";
import { createFhirClient } from "../../fhir/create-fhir-client.ts";
import type { Report } from "../../fhir/execute.ts";
import type { FhirClient } from "../../fhir/fhir-client.ts";
import type { FhirVersion } from "../../fhir/fhir-version.ts";
import type { EnsureOptions, UserFhirClient } from "../../fhir/user-fhir-client.ts";
import type { Answer, Call, SendOptions, Unanswered } from "../../http/call.ts";
import type { JsonObject } from "../../http/json.ts";
import { retryAfterMs } from "../../http/retry-after.ts";
import type { FhirSender, Take } from "../../http/send.ts";
import type { StreamedAnswer } from "../../http/streaming/stream.ts";
import { calling } from "../operations/call-checks.ts";
import { check } from "../../checks.ts";
import { longestThrottlingMs } from "../options/backoff.ts";
import type { KnownCredentials } from "../options/credentials.ts";
import type { Engine } from "../engine/engine.ts";
import type { FhirOptions } from "../options/call-options.ts";
import { callWithinLimits } from "../operations/call-within-limits.ts";
import { confirmNumber } from "../operations/confirm-number.ts";
import { loadUser } from "../engine/load-user.ts";
import { untilGivenUp } from "../engine/deadline.ts";
import { callWork } from "../telemetry/call-work.ts";
import {
  holderOf,
  isAnother,
  type AccessTokens,
  type HeldToken,
  type Holder,
} from "../operations/access-tokens.ts";
import { notUsable } from "../engine/user-errors.ts";
import { hasLeft } from "../user/step.ts";
import { batchWithEnsures } from "./batch-with-ensures.ts";
import { ensure, type EnsureVerbs } from "./ensure.ts";

/** How long a call as the client waits for a slot to confirm the user's number, if that is unconfirmed, ms. */
const confirmWaitMs = 30_000;

/** What a FHIR client for a user needs. */
export interface FhirParts {
  readonly engine: Engine;
  readonly tokens: AccessTokens;
}

/**
 * See `Lifecycle.fhir`.
 *
 * @param holder the person whom the client is for, if that is known
 */
export function fhirOf<V extends FhirVersion>(
  parts: FhirParts,
  id: string,
  version: V,
  given: FhirOptions | undefined,
  holder?: Holder,
): UserFhirClient<V> {
  const { engine } = parts;
  const person = forOnePerson(engine, id, holder);
  const { as = "user", strict, lossless, retries, analytics } = check("call FHIR", given, calling);
  const token = tokensOf(parts, id, person);
  const access = clientFor(engine, id, person);
  const client = (isOver?: () => boolean): FhirClient<V> =>
    createFhirClient({
      ...(as === "user" ? { token } : { client: access }),
      sender: fhirSender(engine, isOver),
      report: reportOf(parts, id),
      api: engine.settings.api,
      clock: engine.clock,
      signal: engine.closing,
      version,
      strict,
      lossless,
      retries,
      analytics,
    });
  // Types and ids of resources are checked; the rest of their shape is trusted to the server.
  const verbs = client as unknown as (isOver?: () => boolean) => EnsureVerbs;
  const ensuring = (resource: object, options: EnsureOptions): Promise<JsonObject> =>
    ensure({ engine, id, version, verbs }, resource, options);
  const single = client();
  const batch = (entries: readonly object[], options?: BatchOptions): Promise<readonly AnyResult[]> =>
    batchWithEnsures({ batch: single.batch as Batch, ensure: ensuring, version }, entries, options);
  return { ...single, ensure: ensuring, batch } as unknown as UserFhirClient<V>;
}

/** Reports the operations on behalf of user `id`; `undefined`: there is no telemetry. */
function reportOf({ engine, tokens }: FhirParts, id: string): Report | undefined {
  const { recorder } = engine;
  if (recorder === null) return undefined;
  const alias = engine.sealer.alias(id);
  return (call, operation) => {
    let status: number | null = null;
    const seen = (answer: Answer | Unanswered): void => {
      status = answer.type === "answer" ? answer.status : null;
    };
    const work = callWork(call, { alias, state: tokens.stateOf(id) }, "fhir");
    return recorder.during(
      work,
      () => operation(seen),
      () => ({ outcome: "done", status }),
    );
  };
}

/**
 * Sends FHIR calls within the account's limits, none once `isOver()`: after a 429 for one call, all processes hold back
 * the others, also those whose answers are read piece by piece. A file at another host is none: it has no credentials, and
 * that host's limits are its own.
 *
 * @throws {LifecycleError} `RATE_LIMITED` while the endpoint is throttled; `CLOSED` once the lifecycle is closed
 */
function fhirSender(engine: Engine, isOver: (() => boolean) | undefined): FhirSender {
  const { sender } = engine;
  const stream = sender.stream?.bind(sender);

  function withinLimits<T, Begun extends StreamedAnswer>(
    call: Call,
    { signal, onText }: SendOptions,
    take: (answered: Answer | Begun | Unanswered) => T | Promise<T>,
    send?: (call: Call, options: SendOptions) => Promise<Answer | Begun | Unanswered>,
  ): Promise<T> {
    return callWithinLimits(
      engine,
      {
        gated: "fhir",
        lane: null,
        signal,
        onText,
        // seam: a-create-leaves-within-its-lease
        isOver,
        describe: () => call,
        send,
        read(answer: Answer | Begun) {
          if (answer.type !== "answer" || answer.status !== 429) return answer;
          const namedMs = retryAfterMs(answer.headers, answer.receivedAt);
          return { type: "throttled" as const, retryAfterMs: namedMs, answer };
        },
      },
      (outcome) => {
        if (outcome.type === "shut") throw shutOut(outcome.until - engine.clock.now());
        return take(
          outcome.type === "throttled"
            ? withWaitInForce(engine, outcome.answer, outcome.retryAfterMs)
            : outcome,
        );
      },
    );
  }

  function sendAndTake<T>(call: Call, options: SendOptions, take: Take<T>): Promise<T> {
    if (options.publicOnly === true) return sender.sendAndTake(call, options, take);
    const { signal, withinMs } = options;
    if (withinMs === undefined) return withinLimits<T, never>(call, options, take);
    return closingInTime(engine, signal, (signal) =>
      withinLimits<T, never>(call, { ...options, signal }, take, (call, how) =>
        sender.send(call, { ...how, withinMs }),
      ),
    );
  }

  return {
    send: (call, options = {}) => sendAndTake(call, options, (answered) => answered),
    sendAndTake,
    doubtConnections: () => sender.doubtConnections(),
    ...(stream !== undefined && {
      stream: (call, options) =>
        options.publicOnly === true
          ? stream(call, options)
          : withinLimits<Answer | StreamedAnswer | Unanswered, StreamedAnswer>(
              call,
              { signal: options.signal },
              (answered) => answered,
              (call, how) => stream(call, { ...options, ...how }),
            ),
    }),
  };
}

/** Runs a call that may take longer than others. Once the lifecycle closes, it has no longer than they: `close()` waits for it. */
async function closingInTime<T>(
  { clock, closing, settings }: Engine,
  signal: AbortSignal | undefined,
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const linked = linkSignals(signal);
  let cancel = (): void => {};
  const unhear = onAbort(closing, () => {
    cancel = clock.timer(settings.timeoutMs, () => linked.abort(closing.reason));
  });
  try {
    return await task(linked.signal);
  } finally {
    unhear();
    cancel();
    linked.release();
  }
}

/** A 429 with the wait in force: calls before its end are not let through. */
function withWaitInForce({ account, clock }: Engine, answer: Answer, namedMs: number | undefined): Answer {
  const gate = account.gates().fhir;
  const heldMs = gate.state === "open" ? namedMs : Math.max(1, gate.until - clock.now());
  return heldMs === undefined ? answer : { ...answer, heldMs: Math.min(heldMs, longestThrottlingMs) };
}

function shutOut(waitMs: number): LifecycleError {
  return new LifecycleError(
    "RATE_LIMITED",
    "Cannot call FHIR now: 1upHealth answered 429 to this account, and nothing is sent until that time is over",
    { retryable: true, retryAfterMs: Math.max(1, waitMs) },
  );
}

/** The one person whom a client is for. */
type OnePerson = ReturnType<typeof forOnePerson>;

/**
 * A client is for one person, the one that has the id at its first call: a walk must not go on with another person's
 * pages, nor a resource be created for another person, because the id was given away meanwhile.
 */
function forOnePerson(engine: Engine, id: string, known: Holder | undefined) {
  let holder = known;
  return {
    /** Whether the id has passed to another one. */
    isAnother: (now: Holder): boolean => holder !== undefined && holder !== now && isAnother(holder, now),
    /** @throws {LifecycleError} `USER_CONFLICT` if it has */
    check(now: Holder): void {
      holder ??= now;
      // seam: a-client-is-for-one-person
      if (holder === now || !isAnother(holder, now)) return;
      throw new LifecycleError(
        "USER_CONFLICT",
        `Cannot call FHIR for user ${engine.sealer.alias(id)}: since this client was made, its id has passed to another user of 1upHealth, or its oneup_user_id was corrected; fhir() makes a client for the user that has the id now`,
      );
    },
  };
}

function tokensOf({ engine, tokens }: FhirParts, id: string, person: OnePerson): TokenSource {
  let doubted: string | undefined;
  const checked = ({ token, holder, isDoubted }: HeldToken): string => {
    person.check(holder);
    if (isDoubted) doubted = token;
    return token;
  };
  return {
    get(signal, waitMs) {
      const hit = tokens.inMemory(id);
      if (hit !== undefined && !person.isAnother(hit.holder)) return checked(hit);
      const skipsMemory = hit !== undefined; // of the one who had the id before, perhaps
      return tokens.get(id, { signal, waitMs }, skipsMemory).then(checked);
    },
    rejected: async (token, signal, waitMs) => checked(await tokens.rejected(id, token, { signal, waitMs })),
    accepted(token) {
      engine.endpoints.tokenAccepted();
      if (token !== doubted) return;
      doubted = undefined;
      tokens.accepted(id, token);
    },
    refusedAgain() {
      const { endpoints } = engine;
      endpoints.freshTokenRefused(id);
      return endpoints.refusesTokens
        ? "it refuses fresh tokens of other users too, so look at health()"
        : "if it accepts those of other users, reauthorize() gets this one a fresh grant";
    },
  };
}

function clientFor(engine: Engine, id: string, person: OnePerson): ClientSource {
  const { account } = engine;

  async function access(credentials: KnownCredentials, signal?: AbortSignal): Promise<ClientAccess> {
    // No token ends here, so a process of a store that was left would go on for ever.
    if (!engine.keys.isFresh) await engine.keys.renew();
    await engine.refuseMoved();
    const { user } = await loadUser(engine, id);
    const { oneupUserId } = user.position.context;
    // What is created while a purge runs may land in a version that is already erased.
    if (oneupUserId === null || hasLeft(user.position.state)) throw notUsable(engine, user);
    person.check(holderOf(user));
    const until = engine.clock.monotonic() + confirmWaitMs;
    await confirmNumber(engine, user, "call FHIR as the client for", {
      until,
      signal: signal ?? engine.closing,
    });
    return { ...credentials, oneupUserId };
  }

  async function current(signal?: AbortSignal): Promise<ClientAccess> {
    const blocked = await account.recheck("any");
    if (blocked !== null) throw refused(blocked.reason, blocked.until - engine.clock.now());
    return access(account.credentials, signal);
  }

  async function replacement(
    { clientId, clientSecret }: ClientAccess,
    signal?: AbortSignal,
  ): Promise<ClientAccess> {
    // The client got it from get(), which passes on the account's credentials, so it is a Secret.
    const other = await account.otherCredentials({ clientId, clientSecret } as KnownCredentials);
    if (other === null) throw refused("credentials");
    return access(other, signal);
  }

  return {
    get: (signal) => untilGivenUp(engine.clock, signal, current(signal)),
    rejected: (refusedOne, signal) => untilGivenUp(engine.clock, signal, replacement(refusedOne, signal)),
  };
}

function refused(reason: string, retryAfterMs?: number): LifecycleError {
  if (reason === "forbidden")
    return new LifecycleError(
      "FORBIDDEN",
      "Cannot call FHIR as the client: calls of this process are blocked before they reach 1upHealth, often because of its location",
      { retryable: true, retryAfterMs: retryAfterMs === undefined ? undefined : Math.max(0, retryAfterMs) },
    );
  return new LifecycleError(
    "CREDENTIALS_REFUSED",
    "Cannot call FHIR as the client: 1upHealth does not accept the client id and secret for this user",
  );
}
