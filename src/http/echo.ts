/**
 * Checks that an answer is about the requested user. 1upHealth repeats the call's `app_user_id` in its answer. An
 * answer that contains another id must not be used: its code would open another person's data.
 *
 * An id may be written as a JSON number. Beyond 2^53 `JSON.parse()` loses its last digits, so they are taken from the
 * text. A server may have lost them itself: what a double prints may stand for several ids.
 *
 * @module
 */
import { form } from "./call.ts";
import { field, parseJson } from "./json.ts";

/**
 * Whether `echo` is a way in which a server may write `appUserId`. Differences of encoding are accepted: a number for
 * its digits, also where a server has rounded it, another Unicode normalisation, the percent-encoded form in which the id
 * was sent.
 *
 * Differences of case and surrounding spaces are **not** accepted: here "Ada" and "ada" are two users. A server that
 * treated them as one would give the first user the second one's data, and only its answer shows that.
 */
export function isEcho(echo: unknown, appUserId: string): boolean {
  const rounded = roundedIn(echo);
  if (rounded !== undefined) return rounded === appUserId || mayStandFor(rounded, appUserId);
  if (typeof echo === "number") return String(echo) === appUserId;
  if (typeof echo !== "string") return false;
  if (isSameId(echo, appUserId)) return true;
  return echo.normalize() === appUserId.normalize() || isEncoded(echo, appUserId);
}

/**
 * Whether `listed`, an id in a list of users, is `appUserId`. A list may contain another user whose id differs only in its
 * Unicode form or encoding, or in the last of many digits, so nothing but the same text is accepted: what follows from a
 * list may erase or rename that user.
 */
export function isSameId(listed: string | undefined, appUserId: string): boolean {
  return listed === appUserId;
}

function isEncoded(echo: string, appUserId: string): boolean {
  if (!/%[0-9a-f]{2}/i.test(echo)) return false;
  const upper = echo.replace(/%[0-9a-f]{2}/gi, (code) => code.toUpperCase());
  const asForm = form({ "": appUserId }).slice(1);
  if (upper === asForm || upper === asForm.replaceAll("+", "%20")) return true;
  return appUserId.isWellFormed() && upper === encodeURIComponent(appUserId);
}

/** The key of an object in place of digits that may have been rounded. */
const mark = "may be rounded";

const longIds = /(?<!\\)("(?:app_user_id|appUserId)"\s*:\s*)([1-9]\d{15,})(?=[\s,}])/g;

/** As {@link parseJson}, but the digits of a long `app_user_id` are kept. */
export function parseWithIds(text: string): unknown {
  if (!/\d{16}/.test(text)) return parseJson(text);
  // A server that has written one number that no double prints has rounded none.
  let isExact = false;
  for (const [, , digits = ""] of text.matchAll(longIds)) isExact ||= !isPrintedByDouble(digits);
  return parseJson(
    text.replace(
      longIds,
      (_, name: string, digits: string) =>
        `${name}${isExact || Number.isSafeInteger(Number(digits)) ? `"${digits}"` : `{"${mark}":"${digits}"}`}`,
    ),
  );
}

/** Some languages print the shortest digits that lead to a double, others all of them. */
function isPrintedByDouble(digits: string): boolean {
  const double = Number(digits);
  return String(double) === digits || (Number.isFinite(double) && String(BigInt(double)) === digits);
}

/** An id as a server wrote it where its last digits may be lost; `undefined`: it is no such id. */
export function roundedIn(id: unknown): string | undefined {
  if (typeof id === "number") return Number.isSafeInteger(id) ? undefined : String(id);
  const digits = field(id, mark);
  return typeof digits === "string" ? digits : undefined;
}

/** Whether `rounded` is what is left of `appUserId`, or of another id, after its last digits were lost. */
export function mayStandFor(rounded: string, appUserId: string): boolean {
  return /^[1-9]\d{15,}$/.test(appUserId) && Number(rounded) === Number(appUserId);
}
