/**
 * The interface of a FHIR client in the comparison.
 *
 * @module
 */

/** What a client is told. */
export interface Told {
  /** Address of the provider; R4 is under `/r4`, tokens come from `/oauth2/token`. */
  readonly url: string;
  /** Concurrent connections, where a client can be told. */
  readonly connections: number;
  /** How long its first access token is valid, in seconds. */
  readonly expiresIn: number;
}

/** A resource, as a client returns it. */
export interface Resource {
  readonly resourceType: string;
  readonly id: string;
  readonly valueQuantity?: { readonly value: number };
}

/** An open client, used as its documentation recommends. */
export interface FhirSide {
  read(type: string, id: string): Promise<Resource>;
  create(resource: object): Promise<unknown>;
  update(resource: Resource): Promise<unknown>;
  /** Walks over all pages of a search, and returns the number of resources. */
  walk(type: string): Promise<number>;
  close(): Promise<void>;
}

/** A client's module. */
export interface FhirPeer {
  open(told: Told): Promise<FhirSide>;
}

/** What a client's process is asked to do. */
export type Task =
  | {
      readonly what: "read" | "create" | "walk";
      /** How often, altogether. */
      readonly count: number;
      /** How many at a time. */
      readonly loops: number;
    }
  | { readonly what: "memory" | "walkOnce" | "readOnce" | "rewrite" };

/** What its process answers. */
export interface Outcome {
  /** The message of the error it ended with. */
  readonly error?: string;
  /** Units of work in a second. */
  readonly perSecond: number;
  /** CPU time of the process for one, in µs, all threads. */
  readonly cpuMicros: number;
  /** Memory before the walk, in MB. */
  readonly before: number;
  /** The most that it rose above that, in MB. */
  readonly rise: number;
  /** Resources that a walk found. */
  readonly found: number;
  /** The number that was read. */
  readonly value: number;
}
