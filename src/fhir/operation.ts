/**
 * A FHIR operation: its name in messages, and the expected response.
 *
 * @module
 */

import type { Sendable } from "./checks.ts";
import { identifiersIn, type Identifier } from "./identifiers.ts";

/** Interactions as named in a capability statement; `permission` is 1upHealth's own, and in none, `batch` too. */
export type Interaction =
  | "create"
  | "read"
  | "vread"
  | "update"
  | "delete"
  | "search-type"
  | "history-instance"
  | "history-type"
  | "operation"
  | "batch"
  | "permission";

/** One FHIR operation. */
export interface Operation {
  readonly interaction: Interaction;
  /** In words, after "Cannot": `read the Patient`. */
  readonly words: string;
  /**
   * The expected response: a resource of `resourceType`, a page, any resource or none, or a success without content.
   */
  readonly expects: "resource" | "page" | "anything" | "yes";
  /** The type of the resource, or of those on a page. */
  readonly resourceType?: string | undefined;
  /** The type of the response, of an operation that has one. */
  readonly holds?: string | undefined;
  /** The page holds resources of other types too. */
  readonly isMixed?: boolean | undefined;
  /** The id that the response must have; not known for a create. */
  readonly id?: string | undefined;
  /** The version that the response must have, if it names one. */
  readonly versionId?: string | undefined;
  /** The identifiers that were sent: a response with others in their place is about another resource. */
  readonly identifiers?: readonly Identifier[] | undefined;
  /** For calls that must not be repeated blindly when the response is lost. */
  readonly doubt?: Doubt | undefined;
  /** Names of search parameters. */
  readonly params?: readonly string[] | undefined;
  /** The name of an operation, without its `$`. */
  readonly operation?: string | undefined;
  /** It reads a file that may be in a storage service, which refuses in formats of its own. */
  readonly isStored?: boolean | undefined;
}

/** `Cannot tell whether {whether}: the answer was lost; {advice}`. */
export interface Doubt {
  readonly whether: string;
  readonly advice: string;
}

/** Creates a resource. */
export function creating(resourceType: string, sent: Sendable = {}): Operation {
  return {
    interaction: "create",
    words: `create the ${resourceType}`,
    expects: "resource",
    resourceType,
    identifiers: identifiersIn(sent),
    doubt: {
      whether: `the ${resourceType} was created`,
      advice: "it may exist, so look for it before you create it again",
    },
  };
}

/** Reads a resource, or one of its versions. */
export function reading(resourceType: string, id: string, versionId?: string): Operation {
  const words = `read ${versionId === undefined ? "the" : "a version of the"} ${resourceType}`;
  const interaction = versionId === undefined ? "read" : "vread";
  return { interaction, words, expects: "resource", resourceType, id, versionId };
}

/** Replaces a resource. */
export function updating(resourceType: string, id: string, sent: Sendable = {}): Operation {
  return {
    interaction: "update",
    words: `update the ${resourceType}`,
    expects: "resource",
    resourceType,
    id,
    identifiers: identifiersIn(sent),
    doubt: {
      whether: `the ${resourceType} was updated`,
      advice: "read it before you update it again",
    },
  };
}

/** Deletes a resource. Safe to repeat. */
export function deleting(resourceType: string, id: string): Operation {
  return { interaction: "delete", words: `delete the ${resourceType}`, expects: "yes", resourceType, id };
}

/** Searches for resources. */
export function searching(resourceType: string, params: readonly string[]): Operation {
  return {
    interaction: "search-type",
    words: `search for ${resourceType} resources`,
    expects: "page",
    resourceType,
    params,
  };
}

/** Reads the versions of one resource, or of all of a type. */
export function lookingBack(resourceType: string, id: string | undefined): Operation {
  return {
    interaction: id === undefined ? "history-type" : "history-instance",
    words:
      id === undefined
        ? `read the history of ${resourceType} resources`
        : `read the history of the ${resourceType}`,
    expects: "page",
    resourceType,
  };
}

/** Reads everything about a patient. */
export const readingEverything: Operation = {
  interaction: "operation",
  operation: "everything",
  words: "read everything of the Patient",
  expects: "page",
  resourceType: "Patient",
  isMixed: true,
};

/** Reads everything about all of a type that the credentials may read. */
export function readingEverythingOf(resourceType: string): Operation {
  return { ...readingEverything, words: `read everything of all ${resourceType} resources`, resourceType };
}

/** Sends a batch: what becomes of its entries is found out one by one. */
export function batching(entries: number): Operation {
  return {
    interaction: "batch",
    words: `send the batch of ${entries} ${entries === 1 ? "entry" : "entries"}`,
    expects: "anything",
    holds: "Bundle",
    doubt: {
      whether: "the batch was carried out",
      advice: "find out before you repeat it",
    },
  };
}

/** Lets another user read a patient, or ends that. Safe to repeat. */
export function permitting(share: boolean): Operation {
  const words = share ? "share the Patient" : "end the sharing of the Patient";
  return { interaction: "permission", words, expects: "yes", resourceType: "Patient" };
}

/** Executes an operation; a POST may change something. */
export function operating(operation: string, resourceType: string | undefined, posted: boolean): Operation {
  return {
    interaction: "operation",
    words: `carry out $${operation}`,
    expects: "anything",
    resourceType,
    operation,
    ...(posted && {
      doubt: {
        whether: `$${operation} was carried out`,
        advice: "find out before you repeat it",
      },
    }),
  };
}
