/**
 * Draws forty users as forty dots, one symbol per state.
 *
 * @module
 */
import { isPurging, type PurgingState } from "../../../machines/index.ts";
import type { UserState, UserStatus } from "../../index.ts";
import { bar } from "../format.ts";
import type { Paint } from "../screen.ts";

/** What a dot can show. */
type Standing = Exclude<UserState, PurgingState | "offboarded"> | "notBegun" | "inDoubt";

interface Look {
  readonly dot: string;
  readonly tone: keyof Paint;
  readonly label: string;
}

const looks: Readonly<Record<Standing, Look>> = {
  notBegun: { dot: "·", tone: "quiet", label: "not started" },
  created: { dot: "○", tone: "busy", label: "created" },
  codeIssued: { dot: "◐", tone: "busy", label: "codeIssued" },
  tokenActive: { dot: "●", tone: "good", label: "tokenActive" },
  reauthorizing: { dot: "◇", tone: "busy", label: "reauthorizing" },
  locating: { dot: "◎", tone: "busy", label: "locating" },
  expiring: { dot: "◒", tone: "busy", label: "expiring" },
  refreshed: { dot: "◉", tone: "good", label: "refreshed" },
  reauthorized: { dot: "◆", tone: "saved", label: "reauthorized" },
  renaming: { dot: "◌", tone: "busy", label: "renaming" },
  renameInDoubt: { dot: "◌", tone: "busy", label: "renameInDoubt" },
  failed: { dot: "✕", tone: "bad", label: "failed" },
  inDoubt: { dot: "?", tone: "bad", label: "call in doubt" },
};

function standing(status: UserStatus | null, inDoubt: (status: UserStatus) => boolean): Standing {
  if (status === null || status.state === "offboarded" || isPurging(status.state)) return "notBegun";
  return inDoubt(status) ? "inDoubt" : status.state;
}

/** The legend beside the dots, in two columns of four; the third entry replaces the second while it applies to a user. */
const legend: readonly (readonly [left: Standing, right: Standing, trouble?: Standing])[] = [
  ["created", "expiring", "inDoubt"],
  ["codeIssued", "refreshed"],
  ["tokenActive", "reauthorizing", "failed"],
  ["notBegun", "reauthorized"],
];

const dotsInRow = 10;

/** Draws the users, the count of each state, and a line below. `inDoubt`: the process that made this user's call died. */
export function picture(
  users: readonly (UserStatus | null)[],
  below: string,
  paint: Paint,
  inDoubt: (status: UserStatus) => boolean,
): string[] {
  const standings = users.map((status) => standing(status, inDoubt));
  const count = (one: Standing): number => standings.filter((other) => other === one).length;
  const entry = (one: Standing): string => {
    const { dot, tone, label } = looks[one];
    const text = `${label.padEnd(14)} ${String(count(one)).padStart(3)}`;
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

/** A bar that shows how much of the hourly limit is used. */
export function spentBar(spent: number, limit: number, paint: Paint): string {
  return `management calls this hour  ${bar(spent, limit, barLength, paint)}  ${String(spent).padStart(3)} of ${limit}`;
}
