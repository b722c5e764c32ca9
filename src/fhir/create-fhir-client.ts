/**
 * A FHIR client, typed by version and resource type, for any source of access tokens.
 *
 * @module
 */
import { systemClock, type Clock } from "../clock.ts";
import { defaultTransport } from "../http/default-transport.ts";
import { isObject } from "../http/json.ts";
import { createSender, type Sender } from "../http/send.ts";
import type { Transport } from "../http/transport.ts";
import { asClient, withTokens, type ClientSource, type TokenSource } from "./access.ts";
import { checkChoice, checkSignal, checkVersion, kindOf, wrong } from "./checks.ts";
import type { FhirClient } from "./fhir-client.ts";
import { pageVerbs } from "./page-verbs.ts";
import type { VerbParts } from "./perform.ts";
import { resourceVerbs } from "./resource-verbs.ts";
import type { FhirVersion } from "./versions.ts";

/** Options of {@link createFhirClient}: either `token` or `client` says who calls. */
export interface FhirClientOptions<V extends FhirVersion> {
  readonly version: V;
  /** Calls in the name of a user. */
  readonly token?: TokenSource | undefined;
  /** Calls with the client's id and secret in headers, and the user's number: no token is needed. */
  readonly client?: ClientSource | undefined;
  /**
   * Base without the version; `https://api.1up.health/fhir` is an older alias.
   * @default "https://api.1up.health"
   */
  readonly api?: string | undefined;
  /** Refuse with `NOT_DECLARED` what 1upHealth does not declare, before it is sent. @default false */
  readonly strict?: boolean | undefined;
  /**
   * Remember the digits of numbers that are read, so that an update writes them again: see `parseFhirJson()`. Pages full
   * of such numbers are read faster without.
   * @default true
   */
  readonly lossless?: boolean | undefined;
  /** What carries calls. @default undiciTransport(), or fetchTransport() where undici does not run (Bun) */
  readonly transport?: Transport | undefined;
  /** The longest time of a call, ms. @default 30_000 */
  readonly timeoutMs?: number | undefined;
  /** Decides waits and time-outs. @default systemClock */
  readonly clock?: Clock | undefined;
  /** Ends the waits of all its calls: those that wait out troubles, look for a resource, or wait until it can be read. */
  readonly signal?: AbortSignal | undefined;
  /** Sends in place of `transport` and `timeoutMs`. */
  readonly sender?: Pick<Sender, "send"> | undefined;
}

/** Bytes of an answer that are read at most: a page can carry a hundred documents. */
const longestAnswer = 16 * 1024 * 1024;

const task = "create a FHIR client";

/**
 * A client for one version. A lifecycle gives one with `lifecycle.fhir(id, version)`; this one stands alone.
 *
 * @throws {LifecycleError} `INVALID_RESOURCE` for a version that 1upHealth does not serve; `INVALID_OPTION`
 * @example
 * ```ts
 * import { createFhirClient, fetchTransport } from "oneup-lifecycle";
 * import { createTestLifecycle } from "oneup-lifecycle/testing";
 *
 * const { lifecycle, sandbox } = await createTestLifecycle();
 * await lifecycle.onboard("ada");
 * const fhir = createFhirClient({
 *   version: "r4",
 *   token: { get: () => lifecycle.accessToken("ada") }, // or wherever your tokens come from
 *   transport: fetchTransport(sandbox.fetch),
 * });
 * const { resources } = await fhir.search("Patient");
 * ```
 */
export function createFhirClient<V extends FhirVersion>(options: FhirClientOptions<V>): FhirClient<V> {
  const { version, token, client, api = "https://api.1up.health", clock = systemClock } = options;
  checkVersion(version);
  checkChoice(task, "strict", options.strict, [true, false]);
  checkChoice(task, "lossless", options.lossless, [true, false]);
  checkSignal(task, options.signal);
  if ((token === undefined) === (client === undefined))
    throw wrong(task, "either token or client must be given", token === undefined ? "neither" : "both");
  for (const [name, source] of Object.entries({ token, client }))
    if (source !== undefined && !(isObject(source) && typeof source["get"] === "function"))
      throw wrong(task, `${name} must have a function get()`, kindOf(source));
  if (typeof api !== "string" || !URL.canParse(api)) throw wrong(task, "api must be a URL", kindOf(api));
  const parts: VerbParts = {
    place: { api, version },
    clock,
    ending: options.signal,
    performer: {
      version,
      access: token === undefined ? asClient(given(client)) : withTokens(token),
      sender: options.sender ?? ownSender(options, clock),
      strict: options.strict ?? false,
      lossless: options.lossless ?? true,
    },
  };
  const pages = pageVerbs(parts);
  const resources = resourceVerbs(parts, async (type, params, signal) => {
    return (await pages.search(type, params, { signal })).resources;
  });
  // The readers have checked types and ids of resources; the rest of their shape is the server's word.
  return { ...resources, ...pages } as unknown as FhirClient<V>;
}

/** One of two, and the other was not there. */
function given<T>(value: T | undefined): T {
  if (value === undefined) throw wrong(task, "either token or client must be given", "neither");
  return value;
}

/** Its idle connections keep no process alive, so nobody has to close it. */
function ownSender(
  { transport = defaultTransport(), timeoutMs = 30_000 }: FhirClientOptions<FhirVersion>,
  clock: Clock,
): Pick<Sender, "send"> {
  return createSender({ transport, clock, timeoutMs, maxBytes: longestAnswer });
}
