/** The behaviour of the FHIR API where 1upHealth's documentation is ambiguous or silent. */

import { among, aSwitch, between, isObject, orInfinity, type Rule, whole } from "../../checks.ts";

/** Variants of 1upHealth's FHIR API. Part of {@link Behaviour}. */
export interface FhirBehaviour {
  /**
   * Where the links `next` and `prior` of a Bundle point.
   *
   * - `usual`: to the next page, as an absolute URL
   * - `relative`: to the next page, as a path without a host (`/r4/Patient?_after=10`)
   * - `stuck`: `next` of every page points to that page
   * - `circle`: `next` of the last page points to the first one
   * - `endless`: empty pages follow the last page, each with a `next` of its own
   * - `portTwice`: `http://host:443:443/…`, which is not a valid URL
   * - `otherBase`: to the same host, under the path `/elsewhere`, which does not exist
   * - `{ origin }`: to another host; give the origin of your own server and check what arrives
   *
   * @default "usual"
   */
  readonly nextLink:
    | "usual"
    | "relative"
    | "stuck"
    | "circle"
    | "endless"
    | "portTwice"
    | "otherBase"
    | { readonly origin: string };
  /** Whether the link `self` comes before or after `next` and `prior`. @default "selfFirst" */
  readonly linkOrder: "selfFirst" | "selfLast";
  /** Whether a Bundle that is the only page has a `link`. @default true */
  readonly loneLink: boolean;
  /** Whether Bundles have a `total`. @default true */
  readonly totals: boolean;
  /**
   * What happens to a search parameter that 1upHealth does not declare for the type. A server that ignores a misspelt one
   * returns everything; 1upHealth does not document what it does. @default "refuse"
   */
  readonly undeclared: "ignore" | "refuse";
  /** Whether a write keeps the members of `meta` that the server does not set, such as tags and profiles. @default false */
  readonly keepsMeta: boolean;
  /** Status of a successful create. @default 201 */
  readonly created: 200 | 201;
  /**
   * Body of the 401 for a refused token or refused credentials: none, an OperationOutcome, or `{ error }`.
   * @default "empty"
   */
  readonly refusedToken: "empty" | "outcome" | "error";
  /** Status of a deleted resource. @default 404 */
  readonly deleted: 404 | 410;
  /** Whether an update of an R4 resource must name the version it replaces. @default "optional" */
  readonly ifMatch: "optional" | "required";
  /**
   * How a search answers `_elements` and `_summary`: parts of resources with the tag `SUBSETTED`, or without it, or whole
   * resources.
   * @default "tagged"
   */
  readonly parts: "tagged" | "untagged" | "whole";
  /**
   * What is validated in a resource of R4 that is written: the JSON types of its elements and whether required ones are
   * there, as 1upHealth documents, or some values alone.
   * @default "base"
   */
  readonly validation: "base" | "values";
  /** Status of a validation (`$validate`) that found errors. @default 200 */
  readonly invalidStatus: 200 | 412 | 422;
  /**
   * The answer to a batch.
   *
   * - `usual`: one entry for each that was sent, in their order, with the resources
   * - `bare`: creates and updates are answered with their location, without the resource
   * - `fewer`, `more`: the first entry is missing, or comes twice
   * - `reversed`: in reverse order
   * - `foreign`: all resources have an id of another one
   *
   * @default "usual"
   */
  readonly batchAnswer: "usual" | "bare" | "fewer" | "more" | "reversed" | "foreign";
  /**
   * The answer to a read of a Binary.
   *
   * - `negotiated`: the resource to a call that accepts JSON, otherwise its bytes
   * - `json`, `raw`: always the resource, always its bytes
   * - `changed`, `short`: as `negotiated`, but the first byte is another one, or the last is missing
   * - `timedOut`: 200 with JSON that is no resource, as a gateway sends it whose function has run out of time
   * - `{ redirect }`: a redirect to this address, unless the call has a query
   *
   * @default "negotiated"
   */
  readonly binary:
    | "negotiated"
    | "json"
    | "raw"
    | "changed"
    | "short"
    | "timedOut"
    | { readonly redirect: string };
  /** Whether a Binary has a strong ETag and is sent in parts. 1upHealth documents no ranges. @default false */
  readonly binaryRanges: boolean;
  /**
   * Resources that one purge erases in its 30 seconds, before it is cut with a 504; they stay erased. The response comes
   * at once: `fail({ call: "fhir.purge", delayMs: 30_000, delay: "after" })` delays it.
   *
   * @default Infinity
   */
  readonly purgeBatch: number;
  /** Whether the kick-off of an export lists the files at once, as 1upHealth documents, or begins a job. @default "files" */
  readonly exportKickOff: "files" | "job";
  /** How long a job takes, in milliseconds; `Infinity`: it never ends. @default 0 */
  readonly exportMs: number;
  /** Resources in a file of an export. @default 1000 */
  readonly exportFileSize: number;
  /** Whether the list of files tells the number of resources in each. @default true */
  readonly exportCounts: boolean;
  /** Whether the list names a file of OperationOutcomes. @default false */
  readonly exportOutcomes: boolean;
  /**
   * The list of files.
   *
   * - `usual`: each once
   * - `twice`: each twice
   * - `wrongTypes`: also one whose type and link are no texts
   * - `noList`: a text instead of a list
   * - `huge`: 200,000 files
   *
   * @default "usual"
   */
  readonly exportList: "usual" | "twice" | "wrongTypes" | "noList" | "huge";
  /**
   * Where the links of files lead.
   *
   * - `usual`: to the analytics host, with credentials
   * - `circle`: there, to a redirect to itself
   * - `{ origin }`: to another host, without credentials, under `/signed`
   * - `{ url }`: each to this address, whatever it is
   *
   * @default "usual"
   */
  readonly exportLinks: "usual" | "circle" | { readonly origin: string } | { readonly url: string };
  /** How long a link to another host is valid, in milliseconds. @default Infinity */
  readonly exportLinkMs: number;
  /** Whether files are sent in parts. @default true */
  readonly exportRanges: boolean;
}

/** Of each option the usual value, and the rule for others. */
export type Options<T> = { readonly [K in keyof T]: readonly [usual: T[K], rule: Rule] };

const nextLinks = ["usual", "relative", "stuck", "circle", "endless", "portTwice", "otherBase"];
const aNextLink: Rule = {
  must: `one of ${nextLinks.join(", ")}, or { origin } with an origin like http://127.0.0.1:4000`,
  holds: (value) => nextLinks.some((one) => one === value) || hasOrigin(value),
};

const binaries = ["negotiated", "json", "raw", "changed", "short", "timedOut"];
const aBinary: Rule = {
  must: `one of ${binaries.join(", ")}, or { redirect } with an address`,
  holds: (value) =>
    binaries.some((one) => one === value) || (isObject(value) && typeof value["redirect"] === "string"),
};

const exportLinks: Rule = {
  must: "usual, circle, { url }, or { origin } with an origin like https://files.example.org",
  holds: (value) =>
    value === "usual" ||
    value === "circle" ||
    hasOrigin(value) ||
    (isObject(value) && typeof value["url"] === "string"),
};

export const fhirOptions: Options<FhirBehaviour> = {
  nextLink: ["usual", aNextLink],
  linkOrder: ["selfFirst", among("selfFirst", "selfLast")],
  loneLink: [true, aSwitch],
  totals: [true, aSwitch],
  undeclared: ["refuse", among("ignore", "refuse")],
  keepsMeta: [false, aSwitch],
  created: [201, among(200, 201)],
  refusedToken: ["empty", among("empty", "outcome", "error")],
  deleted: [404, among(404, 410)],
  ifMatch: ["optional", among("optional", "required")],
  parts: ["tagged", among("tagged", "untagged", "whole")],
  validation: ["base", among("base", "values")],
  invalidStatus: [200, among(200, 412, 422)],
  batchAnswer: ["usual", among("usual", "bare", "fewer", "more", "reversed", "foreign")],
  binary: ["negotiated", aBinary],
  binaryRanges: [false, aSwitch],
  purgeBatch: [Infinity, orInfinity(whole(1))],
  exportKickOff: ["files", among("files", "job")],
  exportMs: [0, orInfinity(between(0))],
  exportFileSize: [1_000, whole(1)],
  exportCounts: [true, aSwitch],
  exportOutcomes: [false, aSwitch],
  exportList: ["usual", among("usual", "twice", "wrongTypes", "noList", "huge")],
  exportLinks: ["usual", exportLinks],
  exportLinkMs: [Infinity, orInfinity(between(0))],
  exportRanges: [true, aSwitch],
};

function hasOrigin(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { origin } = value;
  return typeof origin === "string" && /^https?:\/\/[^/?#@\s]+$/.test(origin);
}
