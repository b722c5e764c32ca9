import { createFhirClient, fetchTransport, type BatchEntry, type FhirClient } from "oneup-lifecycle";
import type { SandboxOptions } from "oneup-lifecycle/sandbox";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { ada, errorOf, withAda } from "./ada.ts";

const system = "http://example.org/mrn";

function person(value: string): { resourceType: "Patient"; identifier: { system: string; value: string }[] } {
  return { resourceType: "Patient", identifier: [{ system, value }] };
}

function creating(value: string): Extract<BatchEntry<"r4">, { type: "create" }> {
  return { type: "create", resource: person(value), findBy: { identifier: `${system}|${value}` } };
}

/** Ada on virtual time: doubts are resolved without waiting. */
async function scene(
  sandbox: SandboxOptions = {},
): Promise<Awaited<ReturnType<typeof createTestLifecycle>> & { readonly fhir: FhirClient<"r4"> }> {
  const here = await createTestLifecycle({ sandbox });
  await here.lifecycle.onboard(ada);
  return { ...here, fhir: here.lifecycle.fhir(ada, "r4") };
}

describe("batch()", () => {
  it("carries out entries of every kind in one call, with the results in their order", async () => {
    const { fhir, sandbox } = await scene({ readLagMs: 0 });
    const kept = await fhir.create(person("kept"));
    const spare = await fhir.create(person("spare"));
    const before = sandbox.journal.entries().length;
    const [created, read, updated, deleted, missing, refused] = await fhir.batch([
      { type: "create", resource: { resourceType: "Observation", status: "final", code: {} } },
      { type: "read", resourceType: "Patient", id: kept.id ?? "" },
      { type: "update", resource: { ...kept, gender: "female" } },
      { type: "delete", resourceType: "Patient", id: spare.id ?? "" },
      { type: "read", resourceType: "Patient", id: "none" },
      { type: "create", resource: { resourceType: "Patient", gender: "wrong" as "male" } },
    ]);
    expect(sandbox.journal.entries().slice(before)).toMatchObject([
      { call: "fhir.batch", outcome: "batched" },
    ]);
    expect(created).toMatchObject({ error: null, status: 201, resource: { resourceType: "Observation" } });
    expect(created.id).toBe(created.resource?.id);
    expect(read.resource).toMatchObject({ id: kept.id });
    expect(updated).toMatchObject({ status: 200, resource: { id: kept.id, gender: "female" } });
    expect(deleted).toEqual({ error: null, status: 204, id: spare.id, resource: null });
    expect(missing).toMatchObject({
      status: 404,
      resource: null,
      error: { code: "FHIR_REFUSED", status: 404 },
    });
    expect(refused.error?.facts?.["issues"]).toMatchObject([{ code: "code-invalid" }]);
    expect((await errorOf(fhir.read("Patient", spare.id ?? ""))).status).toBe(404);
  });

  it("keeps the digits of numbers on both ways", async () => {
    const { fhir } = await scene({ readLagMs: 0 });
    const { parseFhirJson, digitsOf } = await import("oneup-lifecycle");
    const quantity = parseFhirJson('{"value":1.50}') as { value: number };
    const [{ resource }] = await fhir.batch([
      {
        type: "create",
        resource: { resourceType: "Observation", status: "final", code: {}, valueQuantity: quantity },
      },
    ]);
    expect(digitsOf(resource?.valueQuantity as { value: number }, "value")).toBe("1.50");
  });

  it("refuses an update of a version that has changed, alone", async () => {
    const { fhir } = await scene({ readLagMs: 0 });
    const stale = await fhir.create(person("1"));
    await fhir.update({ ...stale, gender: "male" });
    const [conflict, fine] = await fhir.batch([
      { type: "update", resource: { ...stale, gender: "female" } },
      creating("2"),
    ]);
    expect(conflict.error).toMatchObject({ code: "FHIR_CONFLICT", status: 412 });
    expect(fine.error).toBeNull();
  });

  it("knows the id of what was created where the answer has no resources", async () => {
    const { fhir } = await scene({ batchAnswer: "bare", readLagMs: 0 });
    const [created] = await fhir.batch([creating("1")]);
    expect(created).toMatchObject({ error: null, status: 201, resource: null });
    expect(await fhir.read("Patient", created.id ?? "")).toMatchObject(person("1"));
  });
});

describe("batch() refuses at the door", () => {
  const wrong: [string, unknown, string][] = [
    ["no entries", [], "entries must be 1 to 20, got 0"],
    ["too many", Array.from({ length: 21 }, (_, index) => creating(String(index))), "1 to 20, got 21"],
    // oxlint-disable-next-line no-sparse-arrays -- as a caller may have it
    ["a list with a hole", [creating("1"), , creating("2")], "entries[1]"],
    ["another kind", [{ type: "patch" }], "entries[0] of the batch: type must be one of create, read"],
    ["a resource to ensure without its identifier", [{ ...creating("1"), type: "ensure" }], "entries[0]"],
    ["a wrong id", [creating("1"), { type: "read", resourceType: "Patient", id: "a/b" }], "entries[1]"],
    ["an unknown member", [{ ...creating("1"), by: {} }], "Cannot send entries[0] of the batch"],
    ["a foreign findBy", [{ ...creating("1"), findBy: { identifier: "a|b" } }], "that the resource carries"],
    ["one findBy twice", [creating("1"), creating("1")], "each findBy must be that of one entry"],
    [
      "a part of a resource",
      [{ type: "update", resource: { ...person("1"), id: "1", meta: { tag: [{ code: "SUBSETTED" }] } } }],
      "a resource must be whole",
    ],
  ];

  it.each(wrong)("%s", async (_, entries, rule) => {
    const { fhir, sandbox } = await withAda("r4");
    const before = sandbox.journal.entries().length;
    const error = await errorOf(fhir.batch(entries as []));
    expect(["INVALID_OPTION", "INVALID_RESOURCE"]).toContain(error.code);
    expect(error.message).toContain(rule);
    expect(sandbox.journal.entries()).toHaveLength(before);
  });

  it("what 1upHealth does not declare, if strict", async () => {
    const { fhir, sandbox } = await withAda("r4", {}, { strict: true });
    const before = sandbox.journal.entries().length;
    const entries = [creating("1"), { type: "delete", resourceType: "Provenance", id: "1" }] as const;
    expect(await errorOf(fhir.batch([...entries]))).toMatchObject({ code: "NOT_DECLARED" });
    expect(sandbox.journal.entries()).toHaveLength(before);
  });
});

describe("batch() of a lifecycle's user", () => {
  it("ensures entries beside the others, each at its place", async () => {
    const { fhir, lifecycle, sandbox } = await scene();
    const user = lifecycle.fhir(ada, "r4");
    const ensuring = (value: string) => ({
      type: "ensure" as const,
      resource: person(value),
      by: { identifier: `${system}|${value}` },
    });
    const before = await user.ensure(person("1"), { by: { identifier: `${system}|1` } });
    const [one, created, two, failed] = await user.batch([
      ensuring("1"),
      creating("3"),
      ensuring("2"),
      { ...ensuring("4"), resource: { ...person("4"), gender: "wrong" as "male" } },
    ]);
    expect(one.resource?.id).toBe(before.id);
    expect(created).toMatchObject({ status: 201, resource: person("3") });
    expect(two).toMatchObject({ error: null, resource: person("2") });
    expect(failed.error).toMatchObject({ code: "FHIR_REFUSED", status: 422 });
    expect(sandbox.journal.entries().filter(({ call }) => call === "fhir.batch")).toHaveLength(1);
    const again = await user.batch([ensuring("2")]);
    expect(again[0].resource?.id).toBe(two.resource?.id);
    expect((await fhir.search("Patient")).resources).toHaveLength(3);
  });

  const by = { identifier: `${system}|9` };
  it.each<[string, object]>([
    ["a number that JSON cannot hold", { ...person("9"), multipleBirthInteger: Number.NaN }],
    ["a type that cannot be searched", { ...person("9"), resourceType: "Binary" }],
  ])("refuses an entry to ensure with %s before anything is sent", async (_, resource) => {
    const { sandbox, lifecycle } = await scene();
    const before = sandbox.journal.entries().length;
    const entries = [creating("3"), { type: "ensure", resource, by }] as unknown as [];
    const error = await errorOf(lifecycle.fhir(ada, "r4").batch(entries));
    expect(["INVALID_RESOURCE", "NOT_DECLARED"]).toContain(error.code);
    expect(sandbox.journal.entries()).toHaveLength(before);
  });

  it("ensures a resource as it was when batch() was called", async () => {
    const { lifecycle } = await scene();
    const resource = { ...person("9"), gender: "female" as "female" | "male" };
    const sending = lifecycle
      .fhir(ada, "r4")
      .batch([creating("3"), { type: "ensure" as const, resource, by }]);
    resource.gender = "male";
    expect((await sending)[1].resource).toMatchObject({ gender: "female" });
  });

  it("is the only one that ensures", async () => {
    const { sandbox, lifecycle } = await scene();
    const token = { get: () => lifecycle.accessToken(ada) };
    const fhir = createFhirClient({ version: "r4", token, transport: fetchTransport(sandbox.fetch) });
    const error = await errorOf(fhir.batch([{ type: "ensure" }] as unknown as []));
    expect(error.message).toContain("type must be one of create, read, update, delete");
  });
});

describe("batch() whose answer is lost", () => {
  it.each(["after", "body", "before"] as const)("finds out what became of each entry (%s)", async (drop) => {
    const { fhir, sandbox } = await scene({ readLagMs: 400 });
    const kept = await fhir.create(person("kept"), { untilReadable: true });
    const spare = await fhir.create(person("spare"), { untilReadable: true });
    sandbox.fail({ call: "fhir.batch", drop });
    const [created, blind, read, updated, deleted] = await fhir.batch([
      creating("1"),
      { type: "create", resource: { resourceType: "Basic", code: {} } },
      { type: "read", resourceType: "Patient", id: kept.id ?? "" },
      { type: "update", resource: { ...kept, gender: "female" } },
      { type: "delete", resourceType: "Patient", id: spare.id ?? "" },
    ]);
    if (drop === "before")
      expect(created.error).toMatchObject({ code: "IN_DOUBT", facts: { found: 0 }, retryable: false });
    else expect(created).toMatchObject({ error: null, resource: person("1") });
    expect(blind.error).toMatchObject({ code: "IN_DOUBT" });
    expect(blind.error?.message).toMatch(
      /^Cannot tell whether the Basic was created: the answer to the batch/,
    );
    expect(read).toMatchObject({ error: null, resource: { id: kept.id } });
    expect(updated.error).toMatchObject({ code: "IN_DOUBT" });
    expect(deleted.error).toBeNull();
    expect((await errorOf(fhir.read("Patient", spare.id ?? ""))).status).toBe(404);
    const { resources } = await fhir.search("Patient", { identifier: `${system}|1` });
    expect(resources).toHaveLength(drop === "before" ? 0 : 1);
  });

  it("does so after a 5xx, and throws where nothing was carried out", async () => {
    const { fhir, sandbox } = await scene();
    sandbox.fail({ call: "fhir.batch", status: 502, commit: true });
    expect(await fhir.batch([creating("1")])).toMatchObject([{ error: null, status: undefined }]);
    sandbox.fail({ call: "fhir.batch", status: 403, body: { error: "not allowed" } });
    expect(await errorOf(fhir.batch([creating("2")]))).toMatchObject({ code: "FORBIDDEN" });
    expect((await fhir.search("Patient", { identifier: `${system}|2` })).resources).toEqual([]);
  });

  it.each(["<html>404 Not Found</html>", "default backend - 404"])(
    "does not take a gateway's 404 for a delete that was carried out (%s)",
    async (body) => {
      const { fhir, sandbox } = await scene();
      const { id = "" } = await fhir.create(person("kept"), { untilReadable: true });
      sandbox.fail({ call: "fhir.batch", drop: "before" });
      sandbox.fail({ call: "fhir.delete", status: 404, body });
      const [deleted] = await fhir.batch([{ type: "delete", resourceType: "Patient", id }]);
      expect(deleted.error).toMatchObject({ code: "BAD_ANSWER", status: 404, retryable: true });
      expect(await fhir.read("Patient", id)).toMatchObject({ id });
    },
  );

  it("ends with the caller's signal", async () => {
    const { fhir, sandbox, clock } = await scene();
    sandbox.fail({ call: "fhir.batch", drop: "before" });
    const leaving = new AbortController();
    const reason = new Error("gone");
    const batch = fhir.batch([creating("1")], { signal: leaving.signal });
    clock.timer(1_000, () => leaving.abort(reason));
    await expect(batch).rejects.toBe(reason);
  });
});

describe("batch() believes no answer that does not fit", () => {
  const others = ["fewer", "more", "reversed", "foreign"] as const;

  it.each(others)("%s entries", async (batchAnswer) => {
    const { fhir } = await scene({ readLagMs: 0, batchAnswer });
    const kept = await fhir.create(person("kept"));
    const results = await fhir.batch([
      { type: "read", resourceType: "Patient", id: "none" },
      { type: "read", resourceType: "Patient", id: kept.id ?? "" },
      creating("1"),
      creating("2"),
      { type: "create", resource: { resourceType: "Patient", gender: "female" } },
    ]);
    const [missing, read, one, two, blind] = results;
    expect(missing.error).toMatchObject({ status: 404 });
    expect(read).toMatchObject({ error: null, resource: { id: kept.id } });
    expect(one).toMatchObject({ error: null, resource: person("1") });
    expect(two).toMatchObject({ error: null, resource: person("2") });
    // Nothing shows which answer is about it.
    expect(blind.error).toMatchObject({ code: "IN_DOUBT" });
    for (const found of [one, two])
      expect(await fhir.read("Patient", found.id ?? "")).toMatchObject({ id: found.resource?.id });
    expect((await fhir.search("Patient")).resources).toHaveLength(4);
  });

  const strange: [string, unknown][] = [
    ["no Bundle", { resourceType: "OperationOutcome", issue: [] }],
    ["entries that are no list", { resourceType: "Bundle", type: "batch-response", entry: {} }],
    [
      "an entry without a status",
      { resourceType: "Bundle", entry: [{ resource: { resourceType: "Patient" } }] },
    ],
    ["an entry that is null", { resourceType: "Bundle", entry: [null] }],
    [
      "a success without a resource or a location",
      { resourceType: "Bundle", entry: [{ response: { status: "201 Created" } }] },
    ],
    [
      "a location of another type",
      { resourceType: "Bundle", entry: [{ response: { status: "201", location: "Group/1" } }] },
    ],
    ["nothing", ""],
    ["a page of a proxy", "<html>"],
  ];

  it.each(strange)("%s", async (_, body) => {
    const { fhir, sandbox } = await scene();
    sandbox.fail({ call: "fhir.batch", status: 200, body, commit: true });
    expect(await fhir.batch([creating("1")])).toMatchObject([{ error: null, resource: person("1") }]);
  });

  const weighing = (valueInteger: number) =>
    ({
      type: "create",
      resource: { resourceType: "Observation", status: "final", code: {}, valueInteger },
    }) as const;
  const weighed = (id: string, valueInteger: number) => ({
    resource: { ...weighing(valueInteger).resource, id },
    response: { status: "201", location: `Observation/${id}` },
  });
  const exchanged: readonly [string, readonly object[]][] = [
    ["creates in another order", [weighed("b", 80), weighed("a", 70)]],
    ["one resource for two creates", [weighed("a", 70), weighed("a", 70)]],
    [
      "one location for two creates",
      Array.from({ length: 2 }, () => ({ response: { status: "201", location: "Observation/a" } })),
    ],
  ];

  it.each(exchanged)("%s", async (_, entry) => {
    const { fhir, sandbox } = await scene();
    sandbox.fail({ call: "fhir.batch", status: 200, body: { resourceType: "Bundle", entry }, commit: true });
    const results = await fhir.batch([weighing(70), weighing(80)]);
    expect(results.map(({ error }) => error?.code)).toEqual(["IN_DOUBT", "IN_DOUBT"]);
  });

  it("addresses of several creates that can be searched for", async () => {
    const { fhir, sandbox } = await scene();
    const entry = ["a", "b"].map((id) => ({ response: { status: "201", location: `Patient/${id}` } }));
    sandbox.fail({ call: "fhir.batch", status: 200, body: { resourceType: "Bundle", entry }, commit: true });
    const results = await fhir.batch([creating("1"), creating("2")]);
    expect(results).toMatchObject([{ resource: person("1") }, { resource: person("2") }]);
  });

  it("an entry that 1upHealth could not carry out now is looked for, too", async () => {
    const { fhir, sandbox } = await scene();
    const entry = [{ response: { status: "503 Service Unavailable" } }];
    const body = { resourceType: "Bundle", type: "batch-response", entry };
    sandbox.fail({ call: "fhir.batch", status: 200, body, commit: true });
    expect(await fhir.batch([creating("1")])).toMatchObject([{ error: null, resource: person("1") }]);
  });
});
