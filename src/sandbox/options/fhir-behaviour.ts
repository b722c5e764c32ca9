/** The behaviour of the FHIR API where 1upHealth's documentation is ambiguous or silent. */

import { among, aSwitch, isObject, orInfinity, type Rules, whole } from "../../checks.ts";

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
  /** What happens to a search parameter that 1upHealth does not declare for the type. @default "ignore" */
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
   * Resources that one purge erases in its 30 seconds, before it is cut with a 504; they stay erased. The response comes
   * at once: `fail({ call: "fhir.purge", delayMs: 30_000, delay: "after" })` delays it.
   *
   * @default Infinity
   */
  readonly purgeBatch: number;
}

/** The defaults. */
export const usualFhirBehaviour: FhirBehaviour = {
  nextLink: "usual",
  linkOrder: "selfFirst",
  loneLink: true,
  totals: true,
  undeclared: "ignore",
  keepsMeta: false,
  created: 201,
  refusedToken: "empty",
  deleted: 404,
  ifMatch: "optional",
  batchAnswer: "usual",
  purgeBatch: Infinity,
};

const nextLinks = ["usual", "relative", "stuck", "circle", "endless", "portTwice", "otherBase"];

/** The rule of each option. */
export const fhirBehaviourRules: Rules<FhirBehaviour> = {
  nextLink: {
    must: `one of ${nextLinks.join(", ")}, or { origin } with an origin like http://127.0.0.1:4000`,
    holds: (value) => nextLinks.some((one) => one === value) || hasOrigin(value),
  },
  linkOrder: among("selfFirst", "selfLast"),
  loneLink: aSwitch,
  totals: aSwitch,
  undeclared: among("ignore", "refuse"),
  keepsMeta: aSwitch,
  created: among(200, 201),
  refusedToken: among("empty", "outcome", "error"),
  deleted: among(404, 410),
  ifMatch: among("optional", "required"),
  batchAnswer: among("usual", "bare", "fewer", "more", "reversed", "foreign"),
  purgeBatch: orInfinity(whole(1)),
};

function hasOrigin(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { origin } = value;
  return typeof origin === "string" && /^https?:\/\/[^/?#@\s]+$/.test(origin);
}
