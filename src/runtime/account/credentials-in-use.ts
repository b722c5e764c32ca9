/**
 * The credentials that calls carry now, and how others come in their place.
 *
 * @module
 */
import { inTime } from "../clock.ts";
import type { Clock } from "../clock.ts";
import { inWords, LifecycleError } from "../errors.ts";
import type { CredentialSource, KnownCredentials } from "./credentials.ts";
import type { Logger } from "./options.ts";

/** What {@link CredentialsInUse} works with. */
export interface CredentialsParts {
  readonly clock: Clock;
  readonly source: CredentialSource;
  readonly credentials: KnownCredentials;
  /** The name under which a secret's gate is kept: says nothing about the secret. */
  readonly fingerprint: (secret: string) => string;
  readonly logger: Logger;
}

/** A source is asked again after so long at the earliest, ms. */
const pauseMs = 5_000;

/** A function for credentials has so long to answer, ms: one that never does must not stop everything else. */
const answerMs = 5_000;

/** See the module. */
export class CredentialsInUse {
  readonly #parts: CredentialsParts;
  #current: KnownCredentials;
  #key: string;
  #askedAt = Number.NEGATIVE_INFINITY;

  constructor(parts: CredentialsParts) {
    this.#parts = parts;
    this.#current = parts.credentials;
    this.#key = this.keyOf(parts.credentials);
  }

  get current(): KnownCredentials {
    return this.#current;
  }

  /** The name under which the gate of their secret is kept. */
  get key(): string {
    return this.#key;
  }

  keyOf({ clientSecret }: KnownCredentials): string {
    return `secret:${this.#parts.fingerprint(clientSecret.reveal())}`;
  }

  /** Asks the source for others, if it may have some, and was not just asked unless it must be `now`. Never rejects. */
  async renew(now: boolean): Promise<void> {
    const { clock, source, logger } = this.#parts;
    const askedMs = clock.monotonic() - this.#askedAt;
    if (!source.mayChange || (!now && askedMs < pauseMs)) return;
    this.#askedAt = clock.monotonic();
    try {
      const next = await inTime(clock, answerMs, () => source.ask(), silent);
      if (next.clientId !== this.#current.clientId) {
        throw new LifecycleError(
          "INVALID_OPTION",
          "Cannot change credentials: the client id must stay the same, another one is another account",
        );
      }
      this.#current = next;
      this.#key = this.keyOf(next);
    } catch (error) {
      logger.warn(`Cannot renew the credentials: ${inWords(error)}`);
    }
  }
}

function silent(): LifecycleError {
  return new LifecycleError(
    "INVALID_OPTION",
    `Cannot renew the credentials: no answer within ${answerMs} ms`,
  );
}
