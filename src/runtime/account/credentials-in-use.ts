/**
 * The credentials that calls use now, and how they are replaced.
 *
 * @module
 */
import { invalidOption, inWords } from "../../errors.ts";
import { askForCredentials, type CredentialSource, type KnownCredentials } from "../options/credentials.ts";
import { errorField } from "../options/logger.ts";
import type { RecordParts } from "./change-account.ts";

/** The dependencies of {@link CredentialsInUse}. */
export interface CredentialsParts extends Pick<RecordParts, "clock" | "logger"> {
  readonly source: CredentialSource;
  readonly credentials: KnownCredentials;
  /** The name under which a secret's gate is kept; it reveals nothing about the secret. */
  readonly fingerprint: (secret: string) => string;
}

const prefix = "secret:";

/** Whether a gate is kept by this name because of a secret. */
export function isOfSecret(key: string): boolean {
  return key.startsWith(prefix);
}

/** The minimum interval between two requests to a source, ms. */
const pauseMs = 5_000;

export class CredentialsInUse {
  readonly #parts: CredentialsParts;
  readonly #secretChanged: () => void;
  #current: KnownCredentials;
  #key: string;
  #askedAt = Number.NEGATIVE_INFINITY;

  /** `secretChanged`: calls use another secret from now on. */
  constructor(parts: CredentialsParts, secretChanged: () => void) {
    this.#parts = parts;
    this.#secretChanged = secretChanged;
    this.#current = parts.credentials;
    this.#key = this.keyOf(parts.credentials);
  }

  get current(): KnownCredentials {
    return this.#current;
  }

  /** The name under which the gate of the current secret is kept. */
  get key(): string {
    return this.#key;
  }

  keyOf({ clientSecret }: KnownCredentials): string {
    // seam: each-secret-has-its-own-gate
    const fingerprint = this.#parts.fingerprint(clientSecret.reveal());
    return `${prefix}${fingerprint}`;
  }

  /**
   * Asks the source for other credentials, if it may have any and was not asked just before; `now` skips that check.
   * Never rejects.
   */
  async renew(now: boolean): Promise<void> {
    const { clock, source, logger } = this.#parts;
    const askedMs = clock.monotonic() - this.#askedAt;
    // seam: a-changed-secret-is-requested
    if (!source.mayChange || (!now && askedMs < pauseMs)) return;
    this.#askedAt = clock.monotonic();
    try {
      const next = await askForCredentials(source, clock);
      if (next.clientId !== this.#current.clientId) {
        throw invalidOption(
          "Cannot change credentials: the client id must stay the same, because another id is another account",
        );
      }
      const before = this.#key;
      this.#current = next;
      this.#key = this.keyOf(next);
      if (this.#key !== before) this.#secretChanged();
    } catch (error) {
      logger.warn({ error: errorField(error) }, `Cannot renew the credentials: ${inWords(error)}`);
    }
  }
}
