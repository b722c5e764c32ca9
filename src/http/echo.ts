/**
 * Checks that an answer is about the requested user. 1upHealth repeats the call's `app_user_id` in its answer. An
 * answer that contains another id must not be used: its code would open another person's data.
 *
 * @module
 */
import { form } from "./call.ts";

/**
 * Whether `echo` is a way in which a server may write `appUserId`. Differences of encoding are accepted: a number for
 * its digits, another Unicode normalisation, the percent-encoded form in which the id was sent.
 *
 * Differences of case and surrounding spaces are **not** accepted: here "Ada" and "ada" are two users. A server that
 * treated them as one would give the first user the second one's data, and only its answer shows that.
 */
export function isEcho(echo: unknown, appUserId: string): boolean {
  if (isSameId(echo, appUserId)) return true;
  if (typeof echo !== "string") return false;
  return echo.normalize() === appUserId.normalize() || isEncoded(echo, appUserId);
}

/**
 * Whether `listed`, an id in a list of users, is `appUserId`. A list may contain another user whose id differs only in its
 * Unicode form or encoding, so nothing but a number for its digits is accepted: what follows from a list may erase or
 * rename that user.
 */
export function isSameId(listed: unknown, appUserId: string): boolean {
  if (typeof listed !== "number") return listed === appUserId;
  if (String(listed) === appUserId) return true;
  // Beyond 2^53 a JSON number has lost its last digits when parsed.
  return !Number.isSafeInteger(listed) && /^[1-9]\d{15,}$/.test(appUserId) && Number(appUserId) === listed;
}

function isEncoded(echo: string, appUserId: string): boolean {
  if (!/%[0-9a-f]{2}/i.test(echo)) return false;
  const upper = echo.replace(/%[0-9a-f]{2}/gi, (code) => code.toUpperCase());
  const asForm = form({ "": appUserId }).slice(1);
  if (upper === asForm || upper === asForm.replaceAll("+", "%20")) return true;
  return appUserId.isWellFormed() && upper === encodeURIComponent(appUserId);
}
