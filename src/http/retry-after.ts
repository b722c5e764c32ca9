/**
 * How long a server asks us to wait. Pure: `now` is an argument.
 *
 * @module
 */

/**
 * Reads `Retry-After` (seconds or an HTTP date), else the `RateLimit` fields of the IETF drafts
 * (`RateLimit: "hour";r=0;t=30`, `RateLimit: limit=300, reset=30`, `RateLimit-Reset: 30`, also with `X-`).
 * A date is measured against the answer's own `Date`, so that our clock does not have to agree with the server's.
 *
 * @param headers with names in lower case
 * @param now milliseconds since 1970
 * @returns milliseconds from `now`, never negative; `undefined` if the server did not say. There is no upper bound:
 * whoever waits sets one
 */
export function retryAfterMs(headers: Readonly<Record<string, string>>, now: number): number | undefined {
  const read = (name: string): string | undefined =>
    Object.hasOwn(headers, name) ? headers[name]?.trim() : undefined;
  const serverNow = httpDate(read("date")) ?? now;

  const after = read("retry-after");
  const date = httpDate(after);
  if (date !== undefined) return Math.max(0, date - serverNow);
  return (
    seconds(after) ??
    combined(read("ratelimit")) ??
    reset(read("ratelimit-reset"), serverNow) ??
    reset(read("x-ratelimit-reset"), serverNow)
  );
}

/** Seconds as milliseconds. */
function seconds(value: string | undefined): number | undefined {
  return value !== undefined && /^\d{1,12}(\.\d{1,6})?$/.test(value)
    ? Math.ceil(Number(value) * 1000)
    : undefined;
}

/** Seconds from now or, in the wild, since 1970. */
function reset(value: string | undefined, now: number): number | undefined {
  const ms = seconds(value);
  return ms !== undefined && ms >= 1e12 ? Math.max(0, ms - now) : ms;
}

/** The longest wait among the policies that have nothing left; among all if none says so. */
function combined(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const draft7 = /\breset=(\d{1,12})/.exec(value);
  if (draft7 !== null) return seconds(draft7[1]);
  const policies = value.split(",").filter((policy) => resets.test(policy));
  const spent = policies.filter((policy) => /;\s*r=0\b/.test(policy));
  const waits = (spent.length > 0 ? spent : policies).map(
    (policy) => Number(resets.exec(policy)?.[1]) * 1000,
  );
  return waits.length > 0 ? Math.max(...waits) : undefined;
}

/** Seconds until a policy starts afresh. */
const resets = /;\s*t=(\d{1,12})(?!\d)/;

/** The three forms of RFC 9110, section 5.6.7; only the last has no zone of its own. */
function httpDate(value: string | undefined): number | undefined {
  if (value === undefined || !/^[A-Z][a-z]{2,8},? .*\d\d:\d\d:\d\d/.test(value)) return undefined;
  const ms = Date.parse(value.endsWith("GMT") ? value : `${value} GMT`);
  return Number.isNaN(ms) ? undefined : ms;
}
