/**
 * A small FHIR client: create and read, typed by version and resource type. Source of the facts: 1upHealth user
 * management guide, "Access FHIR Resources".
 *
 * @module
 */
import type { Call } from "../http/call.ts";
import type { Sender } from "../http/send.ts";
import { checkVersion, createResourceCall, readResourceCall, withToken } from "./calls.ts";
import { readOutcome, tokenRefusedTwice, type Task } from "./outcome.ts";
import type { FhirVersion, ResourceOf, ResourceType } from "./versions.ts";

/** Where access tokens come from. */
export interface TokenSource {
  /** A token that should be accepted. */
  get(signal?: AbortSignal): Promise<string>;
  /** This token was answered with a 401: gives another one, or throws. */
  rejected(token: string, signal?: AbortSignal): Promise<string>;
}

export interface FhirClientOptions<V extends FhirVersion> {
  readonly token: TokenSource;
  readonly sender: Pick<Sender, "send">;
  /** Base without the version, e.g. `https://api.1up.health`; `https://api.1up.health/fhir` is an older alias. */
  readonly api: string;
  readonly version: V;
}

export interface FhirCallOptions {
  /** Ends the wait; the call then rejects with the signal's reason, and a create may have been carried out. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Both methods throw {@link LifecycleError}: `INVALID_RESOURCE` before anything is sent; `FHIR_REFUSED` (with
 * `status` and `facts.issues`: the codes and places of the OperationOutcome), `FORBIDDEN`, `RATE_LIMITED` (with
 * `retryAfterMs` if the server said) and `UNAVAILABLE` (retryable). A 401 is answered once with another token.
 */
export interface FhirClient<V extends FhirVersion> {
  /**
   * Creates a resource and gives back the server's, which has another id and `meta` than the one that was sent.
   * It can be read after a short delay (less than a second).
   *
   * @throws {LifecycleError} `IN_DOUBT` if the answer was lost, 5xx or unreadable: the resource may exist
   * (`facts.id`, if the server named it), so look for it before you repeat the call
   */
  create<T extends ResourceType<V>>(
    resource: ResourceOf<V, T> & { readonly resourceType: T },
    options?: FhirCallOptions,
  ): Promise<ResourceOf<V, T>>;
  /**
   * Reads a resource by the id that 1upHealth gave it.
   *
   * @throws {LifecycleError} `FHIR_REFUSED` with `status` 404 if there is none; `BAD_ANSWER` if the answer is no
   * such resource
   */
  read<T extends ResourceType<V>>(
    resourceType: T,
    id: string,
    options?: FhirCallOptions,
  ): Promise<ResourceOf<V, T>>;
}

/** @throws {LifecycleError} `INVALID_RESOURCE` for a version that 1upHealth does not serve */
export function createFhirClient<V extends FhirVersion>(options: FhirClientOptions<V>): FhirClient<V> {
  const { token: tokens, sender } = options;
  checkVersion(options.version);
  return {
    create: async <T extends ResourceType<V>>(
      resource: ResourceOf<V, T>,
      { signal }: FhirCallOptions = {},
    ) => {
      // Described before a token is there, so that what cannot be sent is refused before a token is asked for, and a
      // resource that changes while the token is fetched is sent as it was.
      const call = createResourceCall(options, resource);
      const task: Task = { verb: "create", resourceType: resource.resourceType };
      // The reader has checked the resource type; the rest of the shape is the server's word.
      return (await perform(task, call, signal)) as ResourceOf<V, T>;
    },
    read: async <T extends ResourceType<V>>(
      resourceType: T,
      id: string,
      { signal }: FhirCallOptions = {},
    ) => {
      const call = readResourceCall(options, resourceType, id);
      // As above.
      return (await perform({ verb: "read", resourceType }, call, signal)) as ResourceOf<V, T>;
    },
  };

  async function perform(task: Task, call: Call, signal: AbortSignal | undefined): Promise<object> {
    signal?.throwIfAborted();
    const token = await tokens.get(signal);
    let outcome = readOutcome(task, await sender.send(withToken(call, token), { signal }));
    if (outcome.type === "tokenRefused") {
      const another = await tokens.rejected(token, signal);
      outcome = readOutcome(task, await sender.send(withToken(call, another), { signal }));
    }
    if (outcome.type === "tokenRefused") throw tokenRefusedTwice(task, outcome.status);
    if (outcome.type === "error") throw outcome.error;
    return outcome.resource;
  }
}
