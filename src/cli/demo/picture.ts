/**
 * Forty users as forty dots: where each of them stands.
 *
 * @module
 */
import { isPurging } from "../../../machines/index.ts";
import type { PurgingState } from "../../../machines/index.ts";
import type { UserState, UserStatus } from "../../index.ts";
import type { Paint } from "../paint.ts";

/** What a dot can stand for. */
type Standing = Exclude<UserState, PurgingState | "offboarded"> | "notBegun" | "inDoubt";

interface Look {
  readonly dot: string;
  readonly tone: keyof Paint;
  readonly says: string;
}

const looks: Readonly<Record<Standing, Look>> = {
  notBegun: { dot: "·", tone: "quiet", says: "not begun" },
  created: { dot: "○", tone: "busy", says: "created" },
  codeIssued: { dot: "◐", tone: "busy", says: "codeIssued" },
  tokenActive: { dot: "●", tone: "good", says: "tokenActive" },
  reauthorizing: { dot: "◇", tone: "busy", says: "reauthorizing" },
  locating: { dot: "◎", tone: "busy", says: "locating" },
  expiring: { dot: "◒", tone: "busy", says: "expiring" },
  refreshed: { dot: "◉", tone: "good", says: "refreshed" },
  reauthorized: { dot: "◆", tone: "saved", says: "reauthorized" },
  failed: { dot: "✕", tone: "bad", says: "failed" },
  inDoubt: { dot: "?", tone: "bad", says: "call in doubt" },
};

function standing(status: UserStatus | null, inDoubt: (status: UserStatus) => boolean): Standing {
  if (status === null || status.state === "offboarded" || isPurging(status.state)) return "notBegun";
  return inDoubt(status) ? "inDoubt" : status.state;
}

/** States beside the dots, in two columns of four; the third takes the place of the second while anybody is there. */
const legend: readonly (readonly [left: Standing, right: Standing, trouble?: Standing])[] = [
  ["created", "expiring", "inDoubt"],
  ["codeIssued", "refreshed"],
  ["tokenActive", "reauthorizing", "failed"],
  ["notBegun", "reauthorized"],
];

const dotsInRow = 10;

/** Draws the users, the count of each state, and a line below. `inDoubt`: nobody alive is at this user's call. */
export function picture(
  users: readonly (UserStatus | null)[],
  below: string,
  paint: Paint,
  inDoubt: (status: UserStatus) => boolean,
): string[] {
  const standings = users.map((status) => standing(status, inDoubt));
  const count = (one: Standing): number => standings.filter((other) => other === one).length;
  const entry = (one: Standing): string => {
    const { dot, tone, says } = looks[one];
    const text = `${says.padEnd(14)} ${String(count(one)).padStart(3)}`;
    return count(one) === 0 ? paint.quiet(`${dot} ${text}`) : `${paint[tone](dot)} ${text}`;
  };
  const lines = legend.map(([left, right, trouble], row) => {
    const second = trouble !== undefined && count(trouble) > 0 ? trouble : right;
    const dots = standings
      .slice(row * dotsInRow, (row + 1) * dotsInRow)
      .map((one) => paint[looks[one].tone](looks[one].dot))
      .join(" ");
    return `     ${dots}      ${entry(left)}      ${entry(second)}`;
  });
  return ["", ...lines, "", `     ${below}`];
}

const barLength = 30;

/** How much of the hourly limit is spent. */
export function spentBar(spent: number, limit: number, paint: Paint): string {
  const full = spent === 0 ? 0 : Math.max(1, Math.round((Math.min(spent, limit) / limit) * barLength));
  const bar = "━".repeat(full) + paint.quiet("─".repeat(barLength - full));
  return `management calls this hour  ${bar}  ${String(spent).padStart(3)} of ${limit}`;
}
