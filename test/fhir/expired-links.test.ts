/** The links of a bulk export when they have expired. */
import { fetchTransport } from "oneup-lifecycle";
import { expect, it } from "vitest";
import { all, errorOf } from "./ada.ts";
import { exporting } from "./exporting.ts";

const origin = "https://files.example.net";

it.each(["files", "job"] as const)(
  "a link that has expired is renewed once for all that read side by side (%s)",
  async (exportKickOff) => {
    const { another, world, ids } = await exporting({
      exportLinks: { origin },
      exportLinkMs: 60_000,
      exportOutcomes: true,
      exportKickOff,
    });
    const { clock, sandbox } = world;
    const list = exportKickOff === "job" ? "fhir.exportState" : "fhir.export";
    let turns = 0; // by which the second one notices it later
    const transport = fetchTransport(async (input, init) => {
      const request = new Request(input, init);
      const answer = await sandbox.fetch(request);
      if (answer.status === 403 && request.url.includes("OperationOutcome"))
        for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      return answer;
    });
    const fhir = another({ transport });
    for (; turns < 20; turns++) {
      const exported = fhir.bulkExport();
      await exported.files();
      await clock.advance("2m");
      sandbox.journal.clear();
      const [resources, outcomes] = await Promise.all([all(exported), all(exported.outcomes())]);
      expect(resources.map(({ id }) => id)).toEqual(ids);
      expect(outcomes).toHaveLength(1);
      expect(sandbox.journal.count(list)).toBe(1);
    }
  },
);

it.each(["files", "job"] as const)(
  "a link that has expired is renewed though the list fails at first, as often as retries allow (%s)",
  async (exportKickOff) => {
    const { fhir, world, ids } = await exporting({
      exportLinks: { origin },
      exportLinkMs: 3_600_000,
      exportKickOff,
    });
    const { clock, sandbox } = world;
    const call = exportKickOff === "job" ? "fhir.exportState" : "fhir.export";
    for (const [status, times, isEnough] of [
      [503, 2, true],
      [429, 2, true],
      [503, 3, false],
    ] as const) {
      const exported = fhir.bulkExport({ retries: 2 });
      await exported.files();
      await clock.advance("2h");
      sandbox.journal.clear();
      sandbox.fail({ call, times, status });
      if (isEnough) expect((await all(exported)).map(({ id }) => id)).toEqual(ids);
      else {
        const error = await errorOf(all(exported));
        expect(error).toMatchObject({ code: "UNAVAILABLE", status, retryable: true });
        expect(error.message).toMatch(/; tried 3 times$/);
      }
      const failed = sandbox.journal.entries().filter((one) => one.call === call && one.status === status);
      expect(failed).toHaveLength(times);
    }
  },
);

it("a link that has expired is renewed by another reader if the first one leaves meanwhile", async () => {
  const { fhir, world, ids } = await exporting({
    exportLinks: { origin },
    exportLinkMs: 3_600_000,
    exportOutcomes: true,
    exportKickOff: "job",
  });
  const exported = fhir.bulkExport({ waitMs: Infinity });
  await exported.files();
  await world.clock.advance("2h");
  world.sandbox.behave({ exportMs: Infinity });
  const count = (call: "fhir.exportState" | "fhir.exportFile"): number => world.sandbox.journal.count(call);
  const outcomes = exported.outcomes();
  const first = outcomes.next();
  await expect.poll(() => count("fhir.exportState")).toBeGreaterThan(1);
  const rest = all(exported);
  await expect.poll(() => count("fhir.exportFile")).toBe(2); // both links were refused
  await outcomes.return();
  expect((await first).done).toBe(true);
  world.sandbox.behave({ exportMs: 0 });
  expect((await rest).map(({ id }) => id)).toEqual(ids);
});

it("a link that has expired and is renewed by a job leaves no job at the server if the export is cancelled meanwhile", async () => {
  const { another, world } = await exporting({ exportLinks: { origin }, exportLinkMs: 3_600_000 });
  let cancelled: Promise<void> | undefined;
  const transport = fetchTransport(async (input, init) => {
    const answer = await world.sandbox.fetch(new Request(input, init));
    if (answer.status === 202) cancelled ??= exported.cancel();
    return answer;
  });
  const exported = another({ transport }).bulkExport();
  await exported.files();
  await world.clock.advance("2h");
  world.sandbox.behave({ exportKickOff: "job" });
  expect((await errorOf(all(exported))).message).toContain("it was cancelled");
  await cancelled;
  expect(world.sandbox.journal.count("fhir.exportEnd")).toBe(1);
});

it.each(["files", "job"] as const)(
  "a link that has expired is not replaced by that of another export (%s)",
  async (exportKickOff) => {
    const { fhir, world } = await exporting({
      exportLinks: { origin },
      exportLinkMs: 3_600_000,
      exportFileSize: 1,
      exportKickOff,
    });
    const exported = fhir.bulkExport();
    await exported.files();
    await world.clock.advance("2h");
    world.sandbox.addResources("ada", "r4", [{ resourceType: "Patient" }]);
    const call = exportKickOff === "job" ? "fhir.exportState" : "fhir.export";
    world.sandbox.fail({ call, status: 503 });
    for (let times = 0; times < 2; times++)
      expect(await errorOf(all(exported))).toMatchObject({ code: "CURSOR_EXPIRED" });
    expect(exported.progress).toMatchObject({ phase: "reading", resources: 0 });
  },
);
