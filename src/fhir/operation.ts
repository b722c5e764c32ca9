/**
 * What is asked for, as messages name it, and what counts as an answer.
 *
 * @module
 */

/** Interactions by their names in a capability statement; `everything` and `permission` are 1upHealth's own. */
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
  | "everything"
  | "permission";

/** One thing to do. */
export interface Task {
  readonly interaction: Interaction;
  /** In words, after "Cannot": `read the Patient`. */
  readonly words: string;
  /** The answer: a resource of `resourceType`, a page, any resource or none, or nothing but a yes. */
  readonly expects: "resource" | "page" | "anything" | "yes";
  /** Of the resource, or of those on a page. */
  readonly resourceType?: string | undefined;
  /** The id that the answer must have; a create has none. */
  readonly id?: string | undefined;
  /** For what must not simply be repeated when its answer is lost. */
  readonly doubt?: Doubt | undefined;
  /** Names of search parameters. */
  readonly params?: readonly string[] | undefined;
  /** Of an operation, without its `$`. */
  readonly operation?: string | undefined;
}

/** `Cannot tell whether {whether}: the answer was lost; {advice}`. */
export interface Doubt {
  readonly whether: string;
  readonly advice: string;
}

/** To create one. */
export function creating(resourceType: string): Task {
  return {
    interaction: "create",
    words: `create the ${resourceType}`,
    expects: "resource",
    resourceType,
    doubt: {
      whether: `the ${resourceType} was created`,
      advice: "it may exist, so look for it before you create it again",
    },
  };
}

/** To read one, or one of its versions. */
export function reading(resourceType: string, id: string, interaction: "read" | "vread" = "read"): Task {
  const what = interaction === "read" ? "the" : "a version of the";
  return { interaction, words: `read ${what} ${resourceType}`, expects: "resource", resourceType, id };
}

/** To replace one. */
export function updating(resourceType: string, id: string): Task {
  return {
    interaction: "update",
    words: `update the ${resourceType}`,
    expects: "resource",
    resourceType,
    id,
    doubt: {
      whether: `the ${resourceType} was updated`,
      advice: "read it before you update it again",
    },
  };
}

/** To delete one. It may be repeated: in the end it is gone. */
export function deleting(resourceType: string, id: string): Task {
  return { interaction: "delete", words: `delete the ${resourceType}`, expects: "yes", resourceType, id };
}

/** To search for some. */
export function searching(resourceType: string, params: readonly string[]): Task {
  return {
    interaction: "search-type",
    words: `search for ${resourceType} resources`,
    expects: "page",
    resourceType,
    params,
  };
}

/** To read the versions of one, or of all of a type. */
export function lookingBack(resourceType: string, id: string | undefined): Task {
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

/** To read everything about a patient. */
export const readingEverything: Task = {
  interaction: "everything",
  words: "read everything of the Patient",
  expects: "page",
};

/** To let another user read a patient, or no more. It may be repeated. */
export function permitting(share: boolean): Task {
  const words = share ? "share the Patient" : "end the sharing of the Patient";
  return { interaction: "permission", words, expects: "yes", resourceType: "Patient" };
}

/** To carry out an operation; one that is posted may change something. */
export function operating(operation: string, resourceType: string | undefined, posted: boolean): Task {
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
