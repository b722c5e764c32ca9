/**
 * Creates a FHIR client, typed by version and resource type, for any source of access tokens.
 *
 * @module
 */
import {
  aFunction,
  anything,
  aSignal,
  aSwitch,
  check,
  invalid,
  whole,
  withMethods,
  type Rules,
} from "../checks.ts";
import { systemClock, type Clock } from "../clock.ts";
import { defaultTransport } from "../http/undici-transport.ts";
import {
  createSender,
  leastAnswerBytes,
  mostAnswerBytes,
  type FhirSender,
  usualAnswerBytes,
} from "../http/send.ts";
import type { Transport } from "../http/transport.ts";
import {
  asClient,
  waitsWithin,
  withTokens,
  type Auth,
  type ClientSource,
  type TokenSource,
  type Wait,
} from "./auth.ts";
import { attachmentVerb } from "./attachment/attachment-verb.ts";
import { batchVerb } from "./batch/batch-verb.ts";
import { checkVersion } from "./checks.ts";
import type { FhirClient } from "./fhir-client.ts";
import type { AnyExport, BulkExportOptions } from "./export/bulk-export.ts";
import { createBulkExport } from "./export/create-bulk-export.ts";
import { pageVerbs } from "./pages/page-verbs.ts";
import { refuseUnproven } from "./pages/refuse-unproven.ts";
import type { Report, VerbParts } from "./execute.ts";
import type { Find } from "./recover-create.ts";
import { aBase } from "./export/export-link.ts";
import { aRetryCount } from "./repeat.ts";
import { resourceVerbs } from "./resource-verbs.ts";
import type { FhirVersion } from "./fhir-version.ts";

/** Options of {@link createFhirClient}. Exactly one of `token` and `client` authenticates the calls. */
export interface FhirClientOptions<V extends FhirVersion> {
  readonly version: V;
  /** Authenticates calls as a user. */
  readonly token?: TokenSource | undefined;
  /** Authenticates calls with the client's id and secret and the user's number in headers; no token is needed. */
  readonly client?: ClientSource | undefined;
  /**
   * Base without the version, by https (http on loopback only), without query and credentials;
   * `https://api.1up.health/fhir` is an older alias.
   * @default "https://api.1up.health"
   */
  readonly api?: string | undefined;
  /** Reject calls that 1upHealth does not declare with `NOT_DECLARED`, before they are sent. @default false */
  readonly strict?: boolean | undefined;
  /**
   * Remember the digits of numbers that are read, so that an update writes them back unchanged: see
   * `parseFhirJson()`. `false` makes reading pages full of such numbers faster.
   * @default true
   */
  readonly lossless?: boolean | undefined;
  /**
   * How often a read, a search, or a page of a walk is repeated after a failure that may pass, 0 to 100; a call can
   * ask for another number. Creates, updates and deletes are never repeated.
   * @default 3, and 5 for each page of a walk
   */
  readonly retries?: number | undefined;
  /**
   * The base of the host that exports in bulk, without the version: `https://analytics.1up.health/bulk-data`. The
   * credentials are sent to its origin too, so it has to be named here; without it there is no `bulkExport()`.
   */
  readonly analytics?: string | undefined;
  /**
   * Sends the calls. It stays open, also if a lifecycle that shares it is closed: close it yourself, if that is needed.
   *
   * @default undiciTransport(), or fetchTransport() where undici does not run (Bun)
   */
  readonly transport?: Transport | undefined;
  /** The timeout of a call, ms. @default 30_000 */
  readonly timeoutMs?: number | undefined;
  /**
   * The longest response that is read, in bytes, 1 024 to 268 435 456. A response that is longer, or holds more than
   * one value per 64 bytes of this limit (many small lists and objects take long to build), fails with
   * `ANSWER_TOO_BIG`.
   * @default 16_777_216
   */
  readonly maxAnswerBytes?: number | undefined;
  /** The clock for waits and timeouts. @default systemClock */
  readonly clock?: Clock | undefined;
  /**
   * Aborts the waits of all its calls: for retries, for finding a resource, and for a resource to become readable.
   */
  readonly signal?: AbortSignal | undefined;
  /** Used instead of `transport`, `timeoutMs` and `maxAnswerBytes`. */
  readonly sender?: FhirSender | undefined;
  /** Reports each operation. */
  readonly report?: Report | undefined;
}

const task = "create a FHIR client";
const rules: Rules<FhirClientOptions<FhirVersion>> = {
  version: anything,
  token: withMethods("get"),
  client: withMethods("get"),
  api: aBase,
  strict: aSwitch,
  lossless: aSwitch,
  retries: aRetryCount,
  analytics: aBase,
  transport: withMethods("send"),
  timeoutMs: anything,
  maxAnswerBytes: whole(leastAnswerBytes, mostAnswerBytes),
  clock: withMethods("now", "monotonic", "timer", "random"),
  signal: aSignal,
  sender: withMethods("send"),
  report: aFunction,
};

/**
 * Creates a FHIR client for one version, independent of a lifecycle. `lifecycle.fhir(id, version)` creates one for a
 * user.
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
  check(task, options, rules);
  const { version, api = "https://api.1up.health", clock = systemClock } = options ?? {};
  checkVersion(version);
  const ending = options.signal ?? new AbortController().signal;
  const access = accessOf(options, waitsWithin(clock, ending));
  const { transport, timeoutMs = 30_000, maxAnswerBytes: maxBytes = usualAnswerBytes } = options;
  const parts: VerbParts = {
    place: { api, version },
    performer: {
      version,
      access,
      clock,
      // Idle connections of its own do not keep the process alive, so it need not be closed.
      sender:
        options.sender ??
        createSender({ transport: transport ?? defaultTransport(), clock, timeoutMs, maxBytes }),
      ending,
      retries: options.retries,
      strict: options.strict ?? false,
      lossless: options.lossless ?? true,
      report: options.report,
    },
  };
  const pages = pageVerbs(parts);
  const find: Find = async (type, params, signal) => {
    const page = await pages.search(type, params, { signal, retries: 0 }); // its caller searches again
    if (page.resources.length === 0) refuseUnproven(`find the ${type}`, [page]);
    // If two resources are too big for one page, the first page leads to the second.
    const isCut = page.resources.length === 1 && page.nextCursor !== undefined;
    const next = isCut ? await page.next({ signal }) : null;
    return [...page.resources, ...(next?.resources ?? [])];
  };
  const resources = resourceVerbs(parts, find);
  // Types and ids of resources have been checked; the rest of their shape is trusted to the server.
  const bulkExport = (how?: BulkExportOptions): AnyExport =>
    createBulkExport({ ...parts, analytics: options.analytics, longestLine: maxBytes }, how);
  return {
    ...resources,
    ...pages,
    batch: batchVerb(parts, find, resources),
    attachment: attachmentVerb(parts, maxBytes),
    bulkExport,
  } as unknown as FhirClient<V>;
}

/** @throws {LifecycleError} `INVALID_OPTION` unless one of the two is given */
function accessOf({ token, client }: FhirClientOptions<FhirVersion>, wait: Wait): Auth {
  if (token !== undefined && client === undefined) return withTokens(token, wait);
  if (client !== undefined && token === undefined) return asClient(client, wait);
  throw invalid(task, "either token or client must be given", token === undefined ? "neither" : "both");
}
