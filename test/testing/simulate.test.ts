import { readFile } from "node:fs/promises";
import { isLifecycleError } from "oneup-lifecycle";
import { storeUnavailable } from "../../src/errors.ts";
import {
  simulate,
  SimulationError,
  type AppProcess,
  type SimulateOptions,
} from "oneup-lifecycle/testing/simulate";
import { describe, expect, it, onTestFinished } from "vitest";

/** The first finding of a simulation that must find something. */
async function findingOf(options: SimulateOptions): Promise<SimulationError> {
  const error: unknown = await simulate(options).catch((reason: unknown) => reason);
  if (error instanceof SimulationError) return error;
  throw new Error("The simulation found nothing", { cause: error });
}

/** Onboards ada, and counts something afterwards. */
async function counting({ lifecycle, step }: AppProcess, count: () => void): Promise<void> {
  while (!(await lifecycle.onboard("ada")).usable);
  await step("counts", count);
}

describe("simulate()", () => {
  it("plays handlers that keep their promises through crashes, lost responses and a store that refuses", async () => {
    const report = await simulate({
      seeds: 20,
      async scenario({ process, sandbox }) {
        const patient = { resourceType: "Patient" as const, identifier: [{ system: "urn:mrn", value: "1" }] };
        const signUp = async ({ lifecycle }: AppProcess): Promise<void> => {
          while (!(await lifecycle.onboard("ada")).usable);
          await lifecycle.fhir("ada", "r4").ensure(patient, { by: { identifier: "urn:mrn|1" } });
        };
        await Promise.all([process(signUp), process(signUp)]);
        expect(sandbox.journal.createdTwice()).toEqual([]);
        let found = 0;
        await process(async ({ lifecycle, clock }) => {
          await new Promise<void>((resolve) => void clock.timer(2_000, resolve));
          const search = lifecycle.fhir("ada", "r4").search("Patient", { identifier: "urn:mrn|1" });
          found = (await search).resources.length;
        });
        expect(found).toBe(1);
      },
    });
    expect(report.seeds).toBe(20);
    expect(report.crashes).toBeGreaterThan(5);
    expect(report.refusals).toBeGreaterThan(5);
  });

  it("lets a step take real time, such as a query, while its own clock stands still", async () => {
    const scenario: SimulateOptions["scenario"] = async ({ process, clock }) => {
      const table = new Set<string>();
      await process(async ({ lifecycle, step }) => {
        while (!(await lifecycle.onboard("ada")).usable);
        await step("reads a file", () => readFile(new URL(import.meta.url)));
        await step("waits for a driver", () => new Promise((resolve) => setTimeout(resolve, 2)));
        await step("writes", () => table.add("ada"));
      });
      expect([...table]).toEqual(["ada"]);
      expect(clock.now() - Date.UTC(2026, 0, 1)).toBeLessThan(24 * 3_600_000);
    };
    expect((await simulate({ seeds: 5, scenario })).seeds).toBe(5);
  });

  it("lets time pass in a step that waits for its clock, or makes a call", async () => {
    const scenario: SimulateOptions["scenario"] = ({ process }) =>
      process(async ({ lifecycle, clock, step }) => {
        await step("waits", () => new Promise<void>((resolve) => void clock.timer(60_000, resolve)));
        await step("onboards", async () => {
          while (!(await lifecycle.onboard("ada")).usable);
        });
      });
    expect((await simulate({ seeds: 5, scenario })).calls).toBeGreaterThan(5);
  });

  it("lets time pass for a process that asks again and again without a pause", async () => {
    const scenario: SimulateOptions["scenario"] = async ({ process }) => {
      await Promise.all([
        process(async ({ lifecycle }) => {
          while (!(await lifecycle.onboard("ada")).usable);
        }),
        process(async ({ lifecycle }) => {
          while (!(await lifecycle.inspect("ada").catch(() => null))?.usable);
        }),
      ]);
    };
    expect((await simulate({ seeds: 3, scenario })).seeds).toBe(3);
  });

  it("soon finds a process that asks for ever without a pause, or whose every life fails", async () => {
    const asking = await findingOf({
      seeds: [1],
      scenario: ({ process }) =>
        process(async ({ lifecycle }) => {
          while (!(await lifecycle.inspect("ada").catch(() => null))?.usable);
        }),
    });
    expect(asking.message).toContain("does not end within 30 days: its processes are still at inspect()");
    const failing = await findingOf({
      seeds: [1],
      scenario: ({ process }) =>
        process(() => {
          throw storeUnavailable("Cannot use the store");
        }),
    });
    expect(failing.message).toContain("does not end within 30 days");
    expect(failing.trace.length).toBeLessThan(1_000); // two lines a life: later and later
  });

  it("lets the code of a dead process get no answer, not even an error", async () => {
    const errors = new Set<string>();
    const scenario: SimulateOptions["scenario"] = ({ process }) =>
      process(async ({ lifecycle }) => {
        const looks = async (): Promise<void> => {
          for (let n = 0; n < 500; n++)
            await lifecycle.inspect("ada").catch((error: unknown) => {
              errors.add(isLifecycleError(error) ? error.code : String(error));
            });
        };
        await Promise.all([looks(), lifecycle.onboard("ada"), looks()]);
      });
    expect((await simulate({ seeds: 20, scenario })).crashes).toBeGreaterThan(5);
    expect([...errors].toSorted()).toEqual(["STORE_UNAVAILABLE", "USER_UNKNOWN"]);
  });

  it("finds a scenario that proves nothing: it does not wait for its processes, or has none", async () => {
    const forgotten = await findingOf({
      scenario({ process }) {
        void process(async ({ lifecycle }) => void (await lifecycle.onboard("ada")));
      },
    });
    expect(forgotten.message).toContain("The scenario ended before its processes: await each process(…)");
    const empty = await findingOf({ scenario: () => {} });
    expect(empty.message).toContain("The scenario ran no process: await process(…)");
  });

  const calm = { seeds: [3] }; // no process dies in it before its handler ends
  const forgetful: [string, string, (one: AppProcess) => void | Promise<void>][] = [
    [
      "a call",
      "The handler ended before its onboard() did: await it",
      ({ lifecycle }) => void lifecycle.onboard("ada"),
    ],
    [
      "a call of the user's FHIR client",
      "The handler ended before its fhir().create() did: await it",
      async ({ lifecycle }) => {
        while (!(await lifecycle.onboard("ada")).usable);
        void lifecycle.fhir("ada", "r4").create({ resourceType: "Patient" });
      },
    ],
    [
      "a call of remote",
      "The handler ended before its remote.find() did: await it",
      ({ lifecycle }) => void lifecycle.remote.find({ appUserId: "ada" }),
    ],
    [
      "a look at the budget",
      "The handler ended before its budget.refresh() did: await it",
      ({ lifecycle }) => void lifecycle.budget.refresh(),
    ],
    [
      "a step",
      'The handler ended before its step("sends the mail") did: await it',
      async ({ lifecycle, step }) => {
        while (!(await lifecycle.onboard("ada")).usable);
        void step("sends the mail", () => {});
      },
    ],
    [
      "a step that fails while the handler goes on",
      'The handler did not await its step("sends the mail"), which failed: Error: SMTP is down',
      async ({ lifecycle, step }) => {
        void step("sends the mail", () => {
          throw new Error("SMTP is down");
        });
        while (!(await lifecycle.onboard("ada")).usable);
      },
    ],
    [
      "a function of its own that makes a call",
      "The handler ended before its onboard() did: await it",
      ({ lifecycle }) => {
        const signUp = async (): Promise<void> => void (await lifecycle.onboard("ada"));
        void signUp();
      },
    ],
  ];

  it.each(forgetful)("finds a handler that does not await %s", async (_, message, run) => {
    const finding = await findingOf({ ...calm, scenario: ({ process }) => process(run) });
    expect(finding.message).toContain(message);
    expect(finding.trace.length).toBeGreaterThan(0);
  });

  it("lets workers and subscriptions go on when the handler ends, and what failed and was awaited late", async () => {
    const scenario: SimulateOptions["scenario"] = ({ process }) =>
      process(async ({ lifecycle, clock, step }) => {
        void lifecycle.work();
        const seen: string[] = [];
        const watching = async (): Promise<void> => {
          for await (const { state } of lifecycle.watch("ada")) seen.push(state);
        };
        const [status] = await Promise.all([lifecycle.onboard("ada"), lifecycle.counts()]);
        void watching();
        clock.timer(3_600_000, () => {});
        const failing = step("fails", () => {
          throw new Error("no");
        }).catch((error: unknown) => error);
        await step("sees", () => expect(status.appUserId).toBe("ada"));
        expect(await failing).toEqual(new Error("no"));
      });
    expect((await simulate({ seeds: 20, scenario })).seeds).toBe(20);
  });

  it("tells a handler that waits for real time outside of a step", async () => {
    const timers: NodeJS.Timeout[] = [];
    onTestFinished(() => timers.forEach(clearTimeout));
    const run = async (): Promise<void> =>
      new Promise((resolve) => void timers.push(setTimeout(resolve, 600_000)));
    const finding = await findingOf({ ...calm, scenario: ({ process }) => process(run) });
    expect(finding.message).toContain(
      "does not end within 30 days: its processes wait for no call, no step and no timer of their clocks",
    );
  });

  it("finds a step that a crash repeats, and plays that seed again step by step", async () => {
    const scenario: SimulateOptions["scenario"] = async ({ process }) => {
      let count = 0;
      await process((one) => counting(one, () => count++));
      expect(count).toBe(1);
    };
    const finding = await findingOf({ scenario });
    expect(finding.message).toMatch(/^Seed \d+: AssertionError/);
    expect(finding.message).toContain(`Replay it with seeds: [${finding.seed}]`);
    const counts = finding.trace.filter((line) => line.endsWith(" counts"));
    expect(counts.length).toBeGreaterThan(1);
    expect(finding.trace.some((line) => line.endsWith(" dies"))).toBe(true);
    const again = await findingOf({ seeds: [finding.seed], scenario });
    expect(again.trace).toEqual(finding.trace);
  });

  it("finds a create() that is repeated without ensure()", async () => {
    const finding = await findingOf({
      async scenario({ process, sandbox }) {
        await process(async ({ lifecycle }) => {
          while (!(await lifecycle.onboard("ada")).usable);
          await lifecycle.fhir("ada", "r4").create({ resourceType: "Patient" });
        });
        const created = sandbox.journal
          .entries()
          .filter(({ call, committed }) => call === "fhir.create" && committed);
        expect(created).toHaveLength(1);
      },
    });
    expect(finding.seed).toBeGreaterThan(0);
  });

  it("reports what a handler throws, and a scenario that does not end", async () => {
    const broken = new Error("a mistake of the application");
    const thrown = await findingOf({
      scenario: ({ process }) =>
        process(() => {
          throw broken;
        }),
    });
    expect(thrown).toMatchObject({ seed: 1, cause: broken });
    const endless = await findingOf({ seeds: [7], scenario: () => new Promise(() => {}) });
    expect(endless.message).toContain("does not end within 30 days");
  });

  it("tells a process how often it has lived, and lets none live after its end", async () => {
    await simulate({
      seeds: 30,
      async scenario({ process }) {
        let last = -1;
        await process(async ({ life, step }) => {
          expect(life).toBeGreaterThan(last);
          last = life;
          for (let n = 0; n < 20; n++) await step("works", () => expect(life).toBe(last));
        });
      },
    });
  });

  it.each([
    [{ scenario: undefined }],
    [{ seeds: 0 }],
    [{ seeds: [] }],
    [{ seeds: [0] }],
    [{ seeds: "7" }],
    [{ scenarios: 1 }],
  ])("refuses %j", async (wrong) => {
    const options = { scenario: () => {}, ...wrong } as unknown as SimulateOptions;
    const error: unknown = await simulate(options).catch((reason: unknown) => reason);
    expect(isLifecycleError(error, "INVALID_OPTION")).toBe(true);
  });
});
