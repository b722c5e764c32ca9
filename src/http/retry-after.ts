/**
 * Parses how long a server asks the client to wait. Pure: `now` is an argument.
 *
 * @module
 */

/**
 * Reads `Retry-After` (seconds or an HTTP date), otherwise the `RateLimit` fields of the IETF drafts
 * (`RateLimit: "hour";r=0;t=30`, `RateLimit: limit=300, reset=30`, `RateLimit-Reset: 30`, also with `X-`). A date is
 * compared with the answer's own `Date`, so the local clock need not agree with the server's.
 *
 * @param headers with names in lower case
 * @param now milliseconds since 1970
 * @returns milliseconds from `now`, never negative; `undefined` if the server gave no time. There is no upper bound;
 *   the caller must set one
 */
export function retryAfterMs(headers: Readonly<Record<string, string>>, now: number): number | undefined {
  const read = (name: string): string | undefined =>
    Object.hasOwn(headers, name) ? headers[name]?.trim() : undefined;
  const serverNow = httpDate(read("date")) ?? now;

  const after = read("retry-after");
  const date = httpDate(after);
  const first = after?.split(",")[0]?.trim(); // the first of several headers; checked after dates, which contain a comma
  if (date !== undefined) return Math.max(0, date - serverNow);
  return (
    seconds(first) ??
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

/** Seconds from now or, on some servers, since 1970. */
function reset(value: string | undefined, now: number): number | undefined {
  const ms = seconds(value);
  return ms !== undefined && ms >= 1e12 ? Math.max(0, ms - now) : ms;
}

/** The longest wait among the exhausted policies; among all policies if none is marked as exhausted. */
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

/** Seconds until a policy resets. */
const resets = /;\s*t=(\d{1,12})(?!\d)/;

/** The three date formats of RFC 9110, section 5.6.7; only the last one has no time zone. */
function httpDate(value: string | undefined): number | undefined {
  if (value === undefined || !/^[A-Z][a-z]{2,8},? .*\d\d:\d\d:\d\d/.test(value)) return undefined;
  const ms = Date.parse(value.endsWith("GMT") ? value : `${value} GMT`);
  return Number.isNaN(ms) ? undefined : ms;
}
