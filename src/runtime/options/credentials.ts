/**
 * The client's credentials: fixed, or requested again when 1upHealth refuses the current ones.
 *
 * @module
 */
import { inTime, type Clock } from "../../clock.ts";
import { invalidOption, inWords, legible, type LifecycleError } from "../../errors.ts";
import { Secret } from "../../secret.ts";
import { only, wrong } from "../../checks.ts";
import { isPromise } from "../../realms.ts";

/** From the 1upHealth developer console. */
export interface Credentials {
  readonly clientId: string;
  readonly clientSecret: string;
}

/** Checked credentials with the secret wrapped. */
export interface KnownCredentials {
  readonly clientId: string;
  readonly clientSecret: Secret;
}

/** Where credentials come from. */
export interface CredentialSource {
  /** Whether asking again may return other credentials. */
  readonly mayChange: boolean;
  /**
   * @throws {LifecycleError} `INVALID_OPTION`; retryable if the given function rejects, and the message names the kind
   * of its error only
   */
  ask(): Promise<KnownCredentials>;
}

/** Timeout of a credentials function, ms: one that never answers must not block everything else. */
const answerMs = 5_000;

/**
 * Asks the source, with a time limit.
 * @throws {LifecycleError} as {@link CredentialSource.ask}; retryable `INVALID_OPTION` after the time limit
 */
export function askForCredentials(source: CredentialSource, clock: Clock): Promise<KnownCredentials> {
  const late = (): LifecycleError => notGiven(`did not answer within ${answerMs} ms`);
  return inTime(clock, answerMs, () => source.ask(), late);
}

function notGiven(why: string): LifecycleError {
  return invalidOption(`Cannot get credentials: the given function ${why}`, { retryable: true });
}

/** @throws {LifecycleError} `INVALID_OPTION` */
export function credentialSource(
  given: Credentials | (() => Credentials | Promise<Credentials>),
): CredentialSource {
  if (isPromise(given))
    throw wrong("start", "credentials", "an object, or a function that may return a promise of one", given);
  if (typeof given !== "function") {
    const known = check(only("start", "credentials", given, { clientId: true, clientSecret: true }));
    return { mayChange: false, ask: () => Promise.resolve(known) };
  }
  return {
    mayChange: true,
    async ask() {
      let answer: Credentials;
      try {
        answer = await given();
      } catch (error) {
        // No cause: an error of a secret store's client may contain its own token, in a header or a URL.
        throw notGiven(`failed (${inWords(legible(error))})`);
      }
      return check(answer);
    },
  };
}

function check(credentials: Partial<Credentials>): KnownCredentials {
  return {
    clientId: header("credentials.clientId", credentials?.clientId),
    clientSecret: new Secret(header("credentials.clientSecret", credentials?.clientSecret)),
  };
}

function header(name: string, value: unknown): string {
  if (typeof value === "string" && /^[\x21-\x7e]+$/.test(value)) return value;
  // The value itself may be a secret, so the message gives only its kind.
  const kind =
    typeof value !== "string" ? typeof value : value === "" ? "empty" : "text with other characters";
  throw invalidOption(
    `Cannot start: ${name} must be visible ASCII text without spaces, as in the developer console, got ${kind}`,
  );
}
