import type { Observation } from "fhir/r4.js";
import { describe, expect, it } from "vitest";
import { hurry } from "../support/scene.ts";
import { errorOf, withAda } from "./ada.ts";

const weight: Observation = {
  resourceType: "Observation",
  identifier: [{ system: "http://example.org/readings", value: "4711" }],
  status: "final",
  code: { text: "weight" },
};
const findBy = { identifier: "http://example.org/readings|4711" };

describe("create({ findBy })", () => {
  it.each([
    { drop: "after" },
    { drop: "body" },
    { status: 504, commit: true },
    { response: "truncated", commit: true },
  ] as const)("finds what was created though the answer was lost (%j)", async (fault) => {
    const { fhir, sandbox } = await withAda("r4", { readLagMs: 300 });
    sandbox.fail({ call: "fhir.create", ...fault });
    const found = await fhir.create(weight, { findBy });
    expect(found).toMatchObject({ identifier: weight.identifier, meta: { versionId: "1" } });
    expect(await fhir.read("Observation", found.id ?? "")).toEqual(found);
    expect(sandbox.journal.count("fhir.create")).toBe(1);
  });

  it("makes no further call when the answer came", async () => {
    const { fhir, sandbox } = await withAda("r4");
    await fhir.create(weight, { findBy });
    expect(sandbox.journal.count("fhir.search")).toBe(0);
  });

  it("reports that it searched and found nothing, and creates nothing again", async () => {
    const { fhir, sandbox } = await withAda("r4");
    hurry(sandbox);
    sandbox.fail({ call: "fhir.create", drop: "before" });
    const error = await errorOf(fhir.create(weight, { findBy }));
    expect(error).toMatchObject({ code: "IN_DOUBT", retryable: false, facts: { found: 0 } });
    expect(error.message).toMatch(/before you create it again; a search did not find it$/);
    expect(sandbox.journal.count("fhir.create")).toBe(1);
  });

  it("does not search before the server wants it, and tells when it may be looked for", async () => {
    const { fhir, sandbox } = await withAda("r4");
    hurry(sandbox);
    sandbox.fail({ call: "fhir.create", drop: "after" });
    sandbox.fail({ call: "fhir.search", status: 429, headers: { "retry-after": "60" }, times: 9 });
    const error = await errorOf(fhir.create(weight, { findBy }));
    expect(error.code).toBe("IN_DOUBT");
    expect(error.retryAfterMs).toBeGreaterThan(10_000);
    expect(sandbox.journal.count("fhir.search")).toBe(1);
  });

  it("reports that there is more than one", async () => {
    const { fhir, sandbox } = await withAda("r4");
    await fhir.create(weight);
    sandbox.fail({ call: "fhir.create", drop: "after" });
    const error = await errorOf(fhir.create(weight, { findBy }));
    expect(error).toMatchObject({ code: "IN_DOUBT", facts: { found: 2 } });
    expect(error.message).toMatch(/; there is more than one Observation with that$/);
  });

  it("continues to search while 1upHealth is away, and reports it if it stays away", async () => {
    const { fhir, sandbox } = await withAda("r4");
    hurry(sandbox);
    sandbox.fail({ call: "fhir.create", drop: "after" });
    sandbox.fail({ call: "fhir.search", times: 3, status: 503 });
    expect(await fhir.create(weight, { findBy })).toMatchObject({ identifier: weight.identifier });
    sandbox.fail({ call: "fhir.create", drop: "after" });
    sandbox.fail({ call: "fhir.search", times: Infinity, status: 503 });
    const error = await errorOf(fhir.create(weight, { findBy }));
    expect(error).toMatchObject({ code: "IN_DOUBT", cause: { code: "UNAVAILABLE" } });
    expect(error.message).toMatch(/; searching for it failed too$/);
  });

  it("finds by a tag where the server keeps it", async () => {
    const { fhir, sandbox } = await withAda("r4", { keepsMeta: true });
    const tagged: Observation = {
      ...weight,
      meta: { tag: [{ system: "http://example.org/run", code: "7" }] },
    };
    sandbox.fail({ call: "fhir.create", drop: "after" });
    const found = await fhir.create(tagged, { findBy: { tag: "http://example.org/run|7" } });
    expect(found.meta?.tag).toEqual(tagged.meta?.tag);
  });

  it("takes no other resource for it where the server ignores the search parameters", async () => {
    const { fhir, sandbox } = await withAda("r4");
    const another = { resourceType: "Observation", id: "1", identifier: [{ value: "4712" }] };
    sandbox.fail({ call: "fhir.create", drop: "before" });
    sandbox.fail({
      call: "fhir.search",
      status: 200,
      body: { resourceType: "Bundle", entry: [{ resource: another }] },
    });
    const error = await errorOf(fhir.create(weight, { findBy }));
    expect(error).toMatchObject({ code: "IN_DOUBT" });
    expect(error.message).toMatch(/; 1upHealth does not search by that$/);
  });

  it("refuses with strict to look by what is not declared, before anything is sent", async () => {
    const { fhir, sandbox } = await withAda("stu3", {}, { strict: true });
    const tagged = { resourceType: "Basic" as const, code: {}, meta: { tag: [{ system: "a", code: "b" }] } };
    const error = await errorOf(fhir.create(tagged, { findBy: { tag: "a|b" } }));
    expect(error).toMatchObject({ code: "NOT_DECLARED" });
    expect(sandbox.journal.count("fhir.create")).toBe(0);
  });

  it.each<[unknown, string]>([
    [
      { identifier: "http://example.org/readings|4712" },
      "must be one that the resource carries, got another",
    ],
    [{ identifier: "4711" }, 'findBy.identifier must be "system|value" or "|value", '],
    [{ identifier: 4711 }, "of the value, got a number"],
    ...["a|b,c", "a,b|c", "a|b$", "a|b\\", "a| b", "a|b "].map(
      (key) => [{ identifier: key }, "without a further |, a comma, "] as [unknown, string],
    ),
    [{ tag: "a|b,c" }, "findBy.tag must be "],
    [{ tag: "a|b" }, "findBy.tag must be one that the resource carries"],
    [{ name: "a|b" }, "findBy must be { identifier } or { tag }, got others"],
    ["a|b", "findBy must be { identifier } or { tag }, got a string"],
  ])("refuses %j before anything is sent", async (by, rule) => {
    const { fhir, sandbox } = await withAda("r4");
    const error = await errorOf(fhir.create(weight, { findBy: by as typeof findBy }));
    expect(error).toMatchObject({ code: "INVALID_OPTION" });
    expect(error.message).toContain(rule);
    expect(error.message).not.toContain("471");
    expect(sandbox.journal.count("fhir.create")).toBe(0);
  });
});

describe("create({ untilReadable })", () => {
  it("resolves when the resource can be read", async () => {
    const { fhir } = await withAda("r4", { readLagMs: 400 });
    const { id = "" } = await fhir.create(weight);
    expect(await errorOf(fhir.read("Observation", id))).toMatchObject({ status: 404 });
    const shown = await fhir.create(weight, { untilReadable: true });
    expect(await fhir.read("Observation", shown.id ?? "")).toEqual(shown);
  });

  it("reports that it was created, and under which id, when it stays out of sight", async () => {
    const { fhir, sandbox } = await withAda("r4", { readLagMs: 3_600_000 });
    const error = await errorOf(fhir.create(weight, { untilReadable: { withinMs: 200 } }));
    expect(error).toMatchObject({ code: "UNAVAILABLE", retryable: false, cause: { status: 404 } });
    sandbox.clock.advance(3_600_000);
    expect(await fhir.read("Observation", String(error.facts["id"]))).toMatchObject(weight);
  });

  it("ends with the reason of the signal", async () => {
    const { fhir } = await withAda("r4", { readLagMs: 3_600_000 });
    const stop = AbortSignal.timeout(100);
    const creating = fhir.create(weight, { untilReadable: true, signal: stop });
    await expect(creating).rejects.toMatchObject({ name: "TimeoutError" });
  });

  it.each([1, "yes", { withinMs: 50 }, { withinMs: 1e7 }])("refuses %j", async (untilReadable) => {
    const { fhir, sandbox } = await withAda("r4");
    const options = { untilReadable: untilReadable as unknown as boolean };
    expect(await errorOf(fhir.create(weight, options))).toMatchObject({ code: "INVALID_OPTION" });
    expect(sandbox.journal.count("fhir.create")).toBe(0);
  });
});
