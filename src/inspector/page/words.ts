/**
 * States, times and numbers in words.
 *
 * @module
 */
import type { UserState } from "../../index.ts";

/** How a state is coloured: on its way, working, working after a recovery, over, or in need of a person. */
export type Tone = "busy" | "good" | "saved" | "quiet" | "bad";

/** The states in the order of a user's life, with their tone and what is true in them. */
export const states: Readonly<Record<UserState, { readonly tone: Tone; readonly about: string }>> = {
  created: { tone: "busy", about: "recorded here; not yet known to exist at 1upHealth" },
  codeIssued: { tone: "busy", about: "1upHealth has issued a one-time code" },
  tokenActive: { tone: "good", about: "there is an access token" },
  expiring: { tone: "busy", about: "the token expires soon, has expired, or was refused" },
  refreshed: { tone: "good", about: "a token that came from a refresh" },
  reauthorizing: { tone: "busy", about: "the grant is lost; a new code is needed" },
  reauthorized: { tone: "saved", about: "a token that came from a new code" },
  locating: { tone: "busy", about: "1upHealth does not know this id; its list is asked" },
  renaming: { tone: "busy", about: "1upHealth is asked to give it another id" },
  renameInDoubt: { tone: "busy", about: "the rename may have happened" },
  identifying: { tone: "busy", about: "before a purge: 1upHealth is asked whose data these are" },
  offboarding: { tone: "busy", about: "data at 1upHealth are being purged" },
  offboarded: { tone: "quiet", about: "secrets are erased" },
  failed: { tone: "bad", about: "a person must act; the reason is recorded" },
};

/** The names of the states. */
export const stateNames = Object.keys(states) as readonly UserState[]; // it has these keys and no others

/** The tone of a state; of one that a later release knows: on its way. */
export function toneOf(state: string): Tone {
  return states[state as UserState]?.tone ?? "busy"; // a later release may know others
}

/** Why a user waits. */
export const pauseInWords: Readonly<Record<string, string>> = {
  rateLimit: "for a free slot",
  throttled: "1upHealth answered 429",
  unavailable: "1upHealth did not answer",
  credentials: "1upHealth refuses the client id and secret",
  forbidden: "calls are blocked",
  codeRegisters: "for its code to register",
  codesSpent: "several codes led to no token",
  unexplained: "refused without a reason",
  otherUsers: "the answer was about another user",
  missing: "1upHealth does not list it",
  shortTokens: "its tokens live for a very short time",
  purging: "1upHealth erases its data",
  paused: "management calls are paused",
  held: "an operator holds it",
  lease: "another process has it, or died with it",
};

const numbers = new Intl.NumberFormat("en");
/** `1,234`. */
export function count(value: number): string {
  return numbers.format(value);
}

const shortNumbers = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
/** A number of which only a part may have been counted: `≥ 1,234`. */
export function atLeast(value: number, isPartial: boolean): string {
  return `${isPartial ? "≥ " : ""}${count(value)}`;
}

/** The same in at most six characters, for a narrow place: `≥1.2K`. */
export function shortAtLeast(value: number, isPartial: boolean): string {
  const full = `${isPartial ? "≥" : ""}${count(value)}`;
  return full.length <= 5 ? full : `${isPartial ? "≥" : ""}${shortNumbers.format(value)}`;
}

const units = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000],
] as const;

/** A duration in its two largest units: `1 h 58 min`, `12 s`, `0 s`. */
export function duration(ms: number): string {
  const first = units.findIndex(([, size]) => ms >= size);
  if (first === -1) return "0 s";
  const [name, size] = units[first] ?? units[3];
  const whole = Math.floor(ms / size);
  const next = units[first + 1];
  const rest = next === undefined ? 0 : Math.floor((ms - whole * size) / next[1]);
  return next === undefined || rest === 0 ? `${whole} ${name}` : `${whole} ${name} ${rest} ${next[0]}`;
}

/** `12 s ago`, `in 3 min`, `now`. */
export function distance(iso: string, now: number): string {
  const ms = new Date(iso).getTime() - now;
  if (Math.abs(ms) < 1_000) return "now";
  return ms < 0 ? `${duration(-ms)} ago` : `in ${duration(ms)}`;
}

const moments = new Intl.DateTimeFormat("en-CA", {
  dateStyle: "short",
  timeStyle: "medium",
  hourCycle: "h23",
});

/** A moment in the reader's time zone. */
export function moment(iso: string): string {
  return moments.format(new Date(iso)).replace(",", "");
}
