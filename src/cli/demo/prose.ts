/**
 * Formats the demo's text. Creates the Patient of 1upHealth's guide that it tells of, and reads it back once it is visible.
 *
 * @module
 */
import type { UserStatus, Lifecycle } from "../../index.ts";
import { type Paint, width } from "../screen.ts";
import { systemClock } from "../../clock.ts";

/** The headline of a step. */
export function headline(mark: number | string, title: string, paint: Paint): string {
  return `  ${paint.quiet(String(mark))}  ${paint.strong(title)}`;
}

/** `3 × createUser, 2 × exchangeCode`. */
export function listed(words: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].map(([word, count]) => `${count} × ${word}`).join(", ");
}

const arrow = " → ";

/** The states a user went through, wrapped. */
export function lineOfLife(name: string, history: UserStatus["history"]): string[] {
  const states = history.map(({ to }) => to).filter((state, index, all) => state !== all[index - 1]);
  const lines: string[] = [];
  let line = `${name}: ${states[0] ?? ""}`;
  for (const state of states.slice(1)) {
    if (line.length + arrow.length + state.length > width - 10) {
      lines.push(line);
      line = " ".repeat(name.length + 1);
    }
    line += `${arrow}${state}`;
  }
  return [...lines, line];
}

const bilbo = {
  resourceType: "Patient",
  name: [{ use: "official", family: ["Baggins"], given: ["Bilbo"] }],
  gender: "male",
  birthDate: "1993-06-20",
} as const;

/** The Patient in one line. */
export const patientSays: string = `Bilbo Baggins, ${bilbo.gender}, born ${bilbo.birthDate}`;

/** How long to wait for the Patient to be readable, in ms. */
const withinMs = 60_000;

/** Creates the Patient for the user and reads it back. Returns its id and how long both took, in ms. */
export async function createAndRead(
  lifecycle: Lifecycle,
  appUserId: string,
  signal: AbortSignal,
): Promise<{ readonly id: string; readonly tookMs: number }> {
  const began = systemClock.monotonic();
  const { id } = await lifecycle.fhir(appUserId, "dstu2").create<"Patient">(
    {
      ...bilbo,
      name: bilbo.name.map((name) => ({ ...name, family: [...name.family], given: [...name.given] })),
    },
    { signal, untilReadable: { withinMs } },
  );
  if (id === undefined) throw new Error("1upHealth returned the Patient without an id");
  return { id, tookMs: systemClock.monotonic() - began };
}
