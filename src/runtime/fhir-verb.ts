/**
 * `fhir()`: a FHIR client for one user, in its own name or in the client's.
 *
 * @module
 */
import { LifecycleError } from "../errors.ts";
import type { ClientAccess, ClientSource, TokenSource } from "../fhir/access.ts";
import { createFhirClient } from "../fhir/client.ts";
import type { FhirClient } from "../fhir/fhir-client.ts";
import type { FhirVersion } from "../fhir/versions.ts";
import type { Patience } from "./arrive.ts";
import { checkFhir } from "./call-checks.ts";
import type { KnownCredentials } from "./credentials.ts";
import type { Engine } from "./engine.ts";
import { fhirSender } from "./fhir-sender.ts";
import type { FhirOptions, WaitOptions } from "./call-options.ts";
import { load } from "./load.ts";
import type { Tokens } from "./tokens.ts";
import { notUsable } from "./verdict.ts";

/** What a client for a user is made of. */
export interface FhirParts {
  readonly engine: Engine;
  readonly tokens: Tokens;
  readonly patience: (options?: WaitOptions) => Patience;
}

/** See `Lifecycle.fhir`. */
export function fhirOf<V extends FhirVersion>(
  parts: FhirParts,
  id: string,
  version: V,
  given: FhirOptions | undefined,
): FhirClient<V> {
  const { engine } = parts;
  const { as = "user", strict, lossless } = checkFhir(given);
  return createFhirClient({
    ...(as === "user" ? { token: tokensOf(parts, id) } : { client: clientFor(engine, id) }),
    sender: fhirSender(engine),
    api: engine.settings.api,
    clock: engine.clock,
    signal: engine.closing,
    version,
    strict,
    lossless,
  });
}

function tokensOf({ tokens, patience }: FhirParts, id: string): TokenSource {
  return {
    get: (signal) => tokens.get(id, () => patience({ signal })),
    rejected: (token, signal) => tokens.rejected(id, token, patience({ signal })),
  };
}

function clientFor(engine: Engine, id: string): ClientSource {
  const { account } = engine;

  async function access(credentials: KnownCredentials): Promise<ClientAccess> {
    const { user } = await load(engine, id);
    const { oneupUserId } = user.position.context;
    if (oneupUserId === null || user.position.state === "offboarded") throw notUsable(engine, user);
    return { ...credentials, oneupUserId };
  }

  return {
    async get() {
      const barrier = await account.stands("any");
      if (barrier !== null) throw refused(barrier.reason);
      return access(account.credentials);
    },
    async rejected({ clientId, clientSecret }) {
      // It was given by get(), which passes on what the account has: a Secret.
      const other = await account.other({ clientId, clientSecret } as KnownCredentials);
      if (other === null) throw refused("credentials");
      return access(other);
    },
  };
}

function refused(reason: string): LifecycleError {
  if (reason === "forbidden")
    return new LifecycleError(
      "FORBIDDEN",
      "Cannot call FHIR as the client: 1upHealth answered 403, often because of where the call comes from",
    );
  return new LifecycleError(
    "CREDENTIALS_REFUSED",
    "Cannot call FHIR as the client: 1upHealth does not accept the client id and secret for this user",
  );
}
