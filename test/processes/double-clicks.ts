/** `ensure()` in several processes at once, some of which are killed or stand still. */
import { setTimeout as pause } from "node:timers/promises";
import { createLifecycle } from "oneup-lifecycle";
import { createSandbox, type Sandbox, type SandboxOptions } from "oneup-lifecycle/sandbox";
import { expect, it, vi } from "vitest";
import { startChild } from "../support/child.ts";
import { oneIn, thorough } from "../support/effort.ts";
import { at, type Place } from "../support/places.ts";
import { afterwards } from "../support/scene.ts";
import type { Started } from "../support/started.ts";
import type { Clicker } from "./clicker.child.ts";

const script = new URL("./clicker.child.ts", import.meta.url);
const users = ["ada", "eve", "ida", "una"];
const many = thorough ? 60 : 30;

interface Clinic {
  readonly sandbox: Sandbox;
  /** A process that clicks on these. */
  clicks(values: readonly string[]): Started;
  /** The Patients with each of these values that 1upHealth has. */
  patients(values: readonly string[]): Promise<readonly number[]>;
}

/** The users are onboarded; the process that did it is gone. A search shows a new Patient late. */
async function clinic(place: Place, options: SandboxOptions, times: Clicker["times"]): Promise<Clinic> {
  const sandbox = createSandbox({ ...options, readLagMs: 700 });
  const { url, endpoints, close } = await sandbox.listen();
  afterwards(close);
  const { credentials } = sandbox;
  const userOf = (value: string): string => users[Number(value) % users.length] ?? "";
  const lifecycle = await createLifecycle({ credentials, endpoints, ...at(place) });
  await Promise.all(users.map((id) => lifecycle.onboard(id)));
  await lifecycle.close();
  return {
    sandbox,
    clicks(values) {
      const clicks = values.map((value) => ({ user: userOf(value), value }));
      const child = startChild(script, { place, url, credentials, times, clicks } satisfies Clicker);
      let isOver = false;
      void child.ended.then(() => (isOver = true));
      afterwards(() => void (isOver || process.kill(child.pid, "SIGKILL")));
      return child;
    },
    async patients(values) {
      await pause(1_000);
      const looking = await createLifecycle({ credentials, endpoints, ...at(place) });
      afterwards(() => looking.close());
      return Promise.all(
        values.map(async (value) => {
          const search = { identifier: `urn:clicks|${value}` };
          return (await looking.fhir(userOf(value), "r4").search("Patient", search)).resources.length;
        }),
      );
    },
  };
}

/** The ids that a process printed at its end. */
async function idsOf(child: Started): Promise<Readonly<Record<string, string>>> {
  const { code, out, err } = await child.ended;
  expect({ code, err }).toEqual({ code: 0, err: "" });
  return JSON.parse(/ids (.*)/.exec(out)?.[1] ?? "{}") as Record<string, string>; // our own child
}

type NewPlace = () => Promise<Place>;

function manyClicks(place: NewPlace): void {
  it(`create one Patient for each of ${many} double clicks, though two of four are killed in the middle`, async () => {
    const values = Array.from({ length: many }, (_, n) => String(n));
    // On a busy machine a call takes seconds.
    const { sandbox, clicks, patients } = await clinic(
      await place(),
      { latencyMs: [0, 300] },
      { timeoutMs: 8_000, graceMs: 2_000 },
    );
    const shares = [0, 1, 2, 3].map((member) =>
      values.filter((_, n) => n % 4 === member || (n + 1) % 4 === member),
    );
    const first = shares.map(clicks);
    await vi.waitFor(() => expect(sandbox.journal.count("fhir.create")).toBeGreaterThan(10), 60_000);
    for (const member of first.slice(0, 2)) member.kill("SIGKILL");
    // Those who clicked there click again, on another process.
    const again = shares.slice(0, 2).map(clicks);
    const printed = await Promise.all([...again, ...first.slice(2)].map(idsOf));
    expect((await first[0]?.ended)?.signal).toBe("SIGKILL");
    expect(await patients(values)).toEqual(values.map(() => 1));
    for (const value of values)
      expect(new Set(printed.flatMap((ids) => ids[value] ?? [])).size, `ids of ${value}`).toBe(1);
  });
}

function standsStill(place: NewPlace): void {
  it("create one Patient though the first stands still until its lease is over, and goes on then", async () => {
    const { sandbox, clicks, patients } = await clinic(await place(), {}, { timeoutMs: 2_000, graceMs: 500 });
    // It searches with the lease in hand, and stands still before it hears that there is none.
    sandbox.fail({ call: "fhir.search", skip: 1, delayMs: 1_000, delay: "after" });
    const stalled = clicks(["1"]);
    await vi.waitFor(() => expect(sandbox.journal.count("fhir.search")).toBe(2), 30_000);
    stalled.kill("SIGSTOP");
    const other = await idsOf(clicks(["1"]));
    stalled.kill("SIGCONT");
    expect(await idsOf(stalled)).toEqual(other);
    expect(await patients(["1"])).toEqual([1]);
    expect(sandbox.journal.count("fhir.create")).toBe(1);
  });
}

/** All of it, or everyday one of the two, drawn by this number. */
export function doubleClicks(place: NewPlace, drawn: number): void {
  for (const test of oneIn(2, [manyClicks, standsStill], drawn)) test(place);
}
