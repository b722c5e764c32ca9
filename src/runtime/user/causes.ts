/**
 * Why the calls of a user brought nothing: recorded with the step that followed, described with its time and attempt.
 *
 * @module
 */
import { masked, type Cause } from "../../errors.ts";
import type { PrintedCause } from "../../http/cause.ts";
import { Secret } from "../../secret.ts";
import { spellingsOf } from "./spellings-of.ts";
import type { User } from "./user.ts";

/**
 * The user after a call whose step was its last: with the cause, if the call brought nothing, and with the text of the
 * response in place of an earlier one.
 */
export function withCause(user: User, cause: PrintedCause | null, text: Secret | null): User {
  if (cause === null && text === null && user.secrets.causeText === undefined) return user;
  const { causeText, ...others } = user.secrets;
  const secrets = text === null ? others : { ...others, causeText: text };
  const isSame = text === null && causeText === undefined;
  const retryAt = user.pause?.until ?? null;
  return {
    ...user,
    ...(cause !== null && { causes: [...user.causes.slice(0, -1), { ...cause, retryAt }] }),
    ...(!isSame && { secrets }),
  };
}

/** The cause of the step at `index` of the history; `null`: its call brought something, or it had none. */
export function causeAt({ causes, history, meters }: User, index: number): Cause | null {
  const stored = causes[index - (history.length - causes.length)] ?? null;
  const step = history[index];
  if (stored === null || step === undefined) return null;
  const { retryAt, ...cause } = stored;
  const attempt = Math.max(1, meters[index - (history.length - meters.length)]?.[0] ?? 1);
  return { ...cause, attempt, at: new Date(step[0]), retryAt: retryAt === null ? null : new Date(retryAt) };
}

/** The latest cause that is recorded. */
export function lastCause(user: User): Cause | null {
  const index = user.causes.findLastIndex((cause) => cause !== null);
  return index === -1 ? null : causeAt(user, index + user.history.length - user.causes.length);
}

/** The cause of its last step alone. */
export function causeOfLastStep(user: User): Cause | null {
  return causeAt(user, user.history.length - 1);
}

/**
 * The cause of its last step. A code that is refused when it is presented again was spent the first time: then the
 * cause is why that brought nothing.
 */
export function rootCause(user: User): Cause | null {
  const [now, before] = [causeOfLastStep(user), causeAt(user, user.history.length - 2)];
  const isAgain = before?.call === "exchangeCode" && user.history.at(-2)?.[2] === "IN_DOUBT";
  return now?.call === "exchangeCode" && user.history.at(-1)?.[2] === "CODE_REFUSED" && isAgain
    ? before
    : now;
}

/** Characters of a text that are kept. */
const longestText = 120;

/** A secret behind its name: `Authorization: Bearer …`, `api_key=…`, `password …`. */
const named =
  /((?:\b|_)(?:authorization|(?:client_)?secret|api[_-]?key)["']?\s*[:=]\s*["']?(?:(?:bearer|basic)\s+)?|\b(?:bearer|basic|passw(?:or)?d|pwd|client_secret|api[_-]?key)["']?[\s:=]+["']?)[^\s"'<>,;]+/gi;

/**
 * What may be kept of a text: without the words in `secrets`, as they are or escaped, in capitals or not, and without
 * whatever looks like a password, a token, an address or a number. It can still hold a name.
 */
export function keptText(text: Secret, secrets: readonly string[]): Secret {
  let words = text.reveal();
  for (const secret of secrets) if (secret !== "") words = words.replaceAll(anySpellingOf(secret), "***");
  const shown = masked(words)
    .replaceAll(named, "$1***")
    .replaceAll(/[^\s"'<>@]{1,100}@[^\s"'<>@]{1,100}/g, "***")
    .replaceAll(/[\w+/=.%\\-]{20,}/g, "***")
    .replaceAll(/\d(?:[\d ./:-]*\d){3,}/g, "***")
    .replaceAll(/[\p{Cc}\p{Cf}]+/gu, " ");
  return new Secret(shown.length > longestText ? `${shown.slice(0, longestText - 1)}…` : shown);
}

/** Matches a text as a response may quote it: the longest spelling first, which may begin with a shorter one. */
function anySpellingOf(text: string): RegExp {
  const longestFirst = spellingsOf(text).toSorted((one, other) => other.length - one.length);
  const literals = longestFirst.map((spelling) => spelling.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  return new RegExp(literals.join("|"), "gi");
}
