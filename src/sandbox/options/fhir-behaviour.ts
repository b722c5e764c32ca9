/** How the FHIR side of the sandbox behaves where 1upHealth is documented in two ways or in none. */

import { oneOf, orInfinity, type Rule, whole } from "./rules.ts";

/** The variants of 1upHealth's FHIR. Part of {@link Behaviour}. */
export interface FhirBehaviour {
  /**
   * Where the links `next` and `prior` of a Bundle lead.
   *
   * - `usual`: to the next page, by an absolute address
   * - `relative`: there, by a path without a host (`/r4/Patient?_after=10`)
   * - `stuck`: `next` of every page is that page
   * - `circle`: `next` of the last page is the first one
   * - `endless`: behind the last page come empty ones, each with a `next` of its own
   * - `portTwice`: `http://host:443:443/…`, an address that no URL may have
   * - `otherBase`: to the same host, under the path `/elsewhere`, where nothing is
   * - `{ origin }`: to another host; give the origin of a server of your own and see what arrives
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
  /** Does the link `self` come before `next` and `prior`, or after them? @default "selfFirst" */
  readonly linkOrder: "selfFirst" | "selfLast";
  /** Does a Bundle that is the only page have a `link`? @default true */
  readonly loneLink: boolean;
  /** Do Bundles say how many resources there are in all? @default true */
  readonly totals: boolean;
  /** What becomes of a search parameter that 1upHealth does not declare for the type. @default "ignore" */
  readonly undeclared: "ignore" | "refuse";
  /** Does the `meta` of a write keep tags, profiles and whatever else the server does not set? @default false */
  readonly keepsMeta: boolean;
  /** Status of a resource that was deleted. @default 404 */
  readonly deleted: 404 | 410;
  /** Must an update of an R4 resource name the version it replaces? @default "optional" */
  readonly ifMatch: "optional" | "required";
  /**
   * Resources that one purge erases in its 30 seconds, before it is cut with a 504; they stay erased. The answer
   * comes at once: `fail({ call: "fhir.purge", delayMs: 30_000, delay: "after" })` makes it take its time.
   *
   * @default Infinity
   */
  readonly purgeBatch: number;
}

/** What holds unless an option says otherwise. */
export const usualFhirBehaviour: FhirBehaviour = {
  nextLink: "usual",
  linkOrder: "selfFirst",
  loneLink: true,
  totals: true,
  undeclared: "ignore",
  keepsMeta: false,
  deleted: 404,
  ifMatch: "optional",
  purgeBatch: Infinity,
};

const nextLinks = ["usual", "relative", "stuck", "circle", "endless", "portTwice", "otherBase"];

/** What is demanded of each. */
export const fhirBehaviourRules: { readonly [Name in keyof FhirBehaviour]: Rule } = {
  nextLink: {
    says: `one of ${nextLinks.join(", ")}, or { origin } with an origin like http://127.0.0.1:4000`,
    holds: (value) => nextLinks.some((one) => one === value) || hasOrigin(value),
  },
  linkOrder: oneOf("selfFirst", "selfLast"),
  loneLink: oneOf(true, false),
  totals: oneOf(true, false),
  undeclared: oneOf("ignore", "refuse"),
  keepsMeta: oneOf(true, false),
  deleted: oneOf(404, 410),
  ifMatch: oneOf("optional", "required"),
  purgeBatch: orInfinity(whole(1)),
};

function hasOrigin(value: unknown): boolean {
  if (typeof value !== "object" || value === null || !("origin" in value)) return false;
  return typeof value.origin === "string" && /^https?:\/\/[^/?#@\s]+$/.test(value.origin);
}
