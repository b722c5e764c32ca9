/**
 * The client's credentials: fixed, or asked for anew when 1upHealth refuses the ones in hand.
 *
 * @module
 */
import { inWords, LifecycleError } from "../errors.ts";
import { Secret } from "../secret.ts";
import { only } from "./checks.ts";

/** From the 1upHealth developer console. */
export interface Credentials {
  readonly clientId: string;
  readonly clientSecret: string;
}

/** Credentials, checked, the secret out of sight. */
export interface KnownCredentials {
  readonly clientId: string;
  readonly clientSecret: Secret;
}

/** Where credentials come from. */
export interface CredentialSource {
  /** Does asking again make sense? */
  readonly mayChange: boolean;
  /** @throws {LifecycleError} `INVALID_OPTION`, also if the function that was given rejects; its error is named, not shown */
  ask(): Promise<KnownCredentials>;
}

/** @throws {LifecycleError} `INVALID_OPTION` */
export function credentialSource(
  given: Credentials | (() => Credentials | Promise<Credentials>),
): CredentialSource {
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
        // No cause: the error of a secret store's client may hold its own token, in a header or a URL.
        throw new LifecycleError(
          "INVALID_OPTION",
          `Cannot ask for credentials: the function given failed (${inWords(error)})`,
        );
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
  // The value itself may be a secret, so only its kind is told.
  const kind =
    typeof value !== "string" ? typeof value : value === "" ? "empty" : "text with other characters";
  throw new LifecycleError(
    "INVALID_OPTION",
    `Cannot start: ${name} must be visible ASCII text without spaces, as in the developer console, and it is ${kind}`,
  );
}
