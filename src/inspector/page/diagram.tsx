/**
 * The machine as a picture: each state where it stands in a user's life, with the number of users in it, or with the
 * path of one user lit. Where the screen is too narrow for it, and for screen readers, the same is a list.
 *
 * @module
 */
import type { JSX } from "preact";
import type { UserState } from "../../index.ts";
import type { Flow } from "../shapes.ts";
import { count, shortAtLeast, stateNames, states, toneOf } from "./words.ts";

/** The centre of each state. */
const places: Readonly<Record<UserState, readonly [x: number, y: number]>> = {
  created: [90, 80],
  codeIssued: [290, 80],
  tokenActive: [505, 80],
  expiring: [505, 190],
  refreshed: [680, 190],
  reauthorized: [680, 80],
  reauthorizing: [290, 190],
  locating: [90, 190],
  renaming: [900, 80],
  renameInDoubt: [900, 190],
  failed: [90, 310],
  identifying: [505, 310],
  offboarding: [680, 310],
  offboarded: [900, 310],
};

const [width, height] = [140, 54];
/** The border around the states with a grant. */
const granted = { x: 417, y: 34, width: 351, height: 216 };

interface Edge {
  readonly from: UserState | "authorized";
  readonly to: UserState | "authorized";
  /** The line, as SVG writes it. */
  readonly line: string;
}

/** The transitions that are drawn; those that are rare, and come from everywhere, are left out. */
const edges: readonly Edge[] = [
  { from: "created", to: "codeIssued", line: "M160 80H218" },
  { from: "created", to: "reauthorizing", line: "M140 107L220 168" },
  { from: "codeIssued", to: "tokenActive", line: "M360 80H433" },
  { from: "codeIssued", to: "reauthorized", line: "M330 53C380 8 590 8 660 51" },
  { from: "codeIssued", to: "reauthorizing", line: "M276 107V161" },
  { from: "reauthorizing", to: "codeIssued", line: "M304 163V109" },
  { from: "tokenActive", to: "expiring", line: "M505 107V161" },
  { from: "reauthorized", to: "expiring", line: "M640 107L562 162" },
  { from: "expiring", to: "refreshed", line: "M575 182H608" },
  { from: "refreshed", to: "expiring", line: "M610 198H577" },
  { from: "expiring", to: "reauthorizing", line: "M435 190H362" },
  { from: "reauthorizing", to: "locating", line: "M220 182H162" },
  { from: "locating", to: "reauthorizing", line: "M160 198H218" },
  { from: "locating", to: "created", line: "M90 163V109" },
  { from: "locating", to: "failed", line: "M90 217V281" },
  { from: "reauthorizing", to: "failed", line: "M245 217L150 281" },
  { from: "authorized", to: "renaming", line: "M768 72H828" },
  { from: "renaming", to: "authorized", line: "M830 88H770" },
  { from: "renaming", to: "renameInDoubt", line: "M900 107V161" },
  { from: "renameInDoubt", to: "authorized", line: "M830 190H770" },
  { from: "authorized", to: "identifying", line: "M505 250V281" },
  { from: "identifying", to: "offboarding", line: "M575 310H608" },
  { from: "offboarding", to: "offboarded", line: "M750 310H828" },
  { from: "authorized", to: "offboarded", line: "M750 250L838 283" },
];

/** Where the number of users that passed an edge stands, so that two edges side by side have theirs apart. */
function labelOf({ line }: Edge): {
  readonly x: number;
  readonly y: number;
  readonly anchor: "start" | "middle" | "end";
} {
  const [x1 = 0, y1 = 0, ...rest] = (line.match(/-?\d+/g) ?? []).map(Number);
  const [a = 0, b = 0, c = 0, d = 0, x2 = 0, y2 = 0] = rest;
  if (line.includes("H"))
    return { x: (x1 + a) / 2, y: rows.includes(y1 - 8) ? y1 + 14 : y1 - 6, anchor: "middle" };
  if (line.includes("V")) {
    const isLeft = columns.includes(x1 + 14);
    return { x: isLeft ? x1 - 6 : x1 + 6, y: (y1 + a) / 2 + 4, anchor: isLeft ? "end" : "start" };
  }
  if (line.includes("C"))
    return { x: (x1 + 3 * a + 3 * c + x2) / 8, y: (y1 + 3 * b + 3 * d + y2) / 8 - 6, anchor: "middle" };
  return { x: (x1 + a) / 2 + 8, y: (y1 + b) / 2 - 4, anchor: "start" };
}

const rows: readonly number[] = [80, 190, 310];
const columns: readonly number[] = Object.values(places).map(([x]) => x);

const inGrant: ReadonlySet<string> = new Set(["tokenActive", "expiring", "refreshed", "reauthorized"]);

/** What to draw. */
export interface Shown {
  /** Users in each state. */
  readonly counts?: Readonly<Partial<Record<UserState, number>>>;
  /** One user: its state, and the states it came through. */
  readonly current?: string;
  readonly path?: readonly { readonly from: string | null; readonly to: string }[];
  /** How often each transition was passed. */
  readonly flow?: Pick<Flow, "arrows" | "isPartial">;
  /** The address of a state's users. */
  readonly href?: (state: UserState) => string;
}

const noFlow: NonNullable<Shown["flow"]> = { arrows: [], isPartial: false };

export function Diagram({ counts, current, path = [], flow = noFlow, href }: Shown): JSX.Element {
  const visited = new Set(path.flatMap(({ from, to }) => [from, to]));
  const isLit = ({ from, to }: Edge): boolean =>
    path.some(
      (step) =>
        step.from !== step.to &&
        (step.from === from || (from === "authorized" && inGrant.has(step.from ?? ""))) &&
        (step.to === to || (to === "authorized" && inGrant.has(step.to))),
    );
  const passed = (edge: Edge): { readonly hour: number; readonly recent: number } => {
    const stands = (end: Edge["from"], state: string): boolean =>
      end === state || (end === "authorized" && inGrant.has(state));
    const along = flow.arrows.filter(({ from, to }) => stands(edge.from, from) && stands(edge.to, to));
    const sum = (of: "hour" | "recent"): number => along.reduce((all, one) => all + one[of], 0);
    return { hour: sum("hour"), recent: sum("recent") };
  };
  const isDim = (state: UserState): boolean =>
    counts === undefined ? !visited.has(state) && current !== state : (counts[state] ?? 0) === 0;
  return (
    <figure class="diagram">
      <svg viewBox="0 0 990 350" aria-hidden="true">
        <defs>
          <marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
            <path d="M0 0L8 4L0 8Z" />
          </marker>
          <marker
            id="tip-lit"
            viewBox="0 0 8 8"
            refX="7"
            refY="4"
            markerWidth="7"
            markerHeight="7"
            orient="auto"
          >
            <path class="lit" d="M0 0L8 4L0 8Z" />
          </marker>
        </defs>
        <rect class="granted" rx="14" {...granted} />
        <text class="note" x={granted.x + 14} y={granted.y + granted.height - 12}>
          has a grant
        </text>
        {edges.map((edge) => {
          const { hour, recent } = passed(edge);
          const isBright = isLit(edge) || recent > 0;
          const { x, y, anchor } = labelOf(edge);
          return (
            <g key={edge.line}>
              <path
                class={isLit(edge) ? "edge lit" : recent > 0 ? "edge flowing" : "edge"}
                d={edge.line}
                marker-end={isBright ? "url(#tip-lit)" : "url(#tip)"}
              />
              {hour > 0 && (
                <text class={recent > 0 ? "passed recent" : "passed"} x={x} y={y} text-anchor={anchor}>
                  {shortAtLeast(hour, flow.isPartial)}
                </text>
              )}
            </g>
          );
        })}
        {stateNames.map((state) => {
          const [x, y] = places[state];
          const users = counts?.[state] ?? 0;
          const box = (
            <g
              class={`node ${toneOf(state)}${isDim(state) ? " dim" : ""}${current === state ? " current" : ""}`}
              transform={`translate(${x - width / 2} ${y - height / 2})`}
            >
              <title>{states[state].about}</title>
              <rect width={width} height={height} rx="10" />
              <text x={width / 2} y={counts === undefined ? 32 : 22} text-anchor="middle">
                {state}
              </text>
              {counts !== undefined && (
                <text class="count" x={width / 2} y={43} text-anchor="middle">
                  {users === 0 ? "–" : count(users)}
                </text>
              )}
            </g>
          );
          return href === undefined ? (
            box
          ) : (
            <a key={state} href={href(state)} tabindex={-1}>
              {box}
            </a>
          );
        })}
      </svg>
      <ul class={counts === undefined ? "states path" : "states"}>
        {stateNames
          .filter((state) => (counts === undefined ? !isDim(state) : true))
          .map((state) => (
            <li key={state} class={`${toneOf(state)}${isDim(state) ? " dim" : ""}`}>
              {href === undefined ? state : <a href={href(state)}>{state}</a>}
              {counts !== undefined && <b>{count(counts[state] ?? 0)}</b>}
              {current === state && <b>now</b>}
            </li>
          ))}
      </ul>
    </figure>
  );
}
