import type { Observation, Patient } from "fhir/r4.js";
import type { SearchParams } from "oneup-lifecycle";
import { describe, expect, it, vi } from "vitest";
import { ada, all, errorOf, withAda } from "./ada.ts";

const patients = (count: number): Patient[] =>
  Array.from({ length: count }, (_, index) => ({
    resourceType: "Patient",
    identifier: [{ system: "http://example.org/mrn", value: `mrn ${index}` }],
    name: [{ family: `Baggins ${index}` }],
    gender: index % 2 === 0 ? "male" : "female",
  }));

/** A scene with some patients; waits for each, so that their order is known. */
async function withPatients(count: number) {
  const here = await withAda("r4");
  for (const patient of patients(count)) await here.fhir.create(patient);
  return here;
}

describe("search()", () => {
  it.each<[unknown, string]>([
    [{ signal: {} }, "signal must be an AbortSignal"],
    [{ sginal: AbortSignal.abort() }, 'got "sginal": did you mean signal?'],
    [null, "options must be"],
  ])("has pages whose next() refuses %j", async (options, rule) => {
    const { fhir } = await withPatients(2);
    const page = await fhir.search("Patient", { _count: 1 });
    const error = await errorOf(page.next(options as object));
    expect(error).toMatchObject({ code: "INVALID_OPTION" });
    expect(error.message).toContain(rule);
  });

  it("finds what matches, ten on a page, and leads on", async () => {
    const { fhir } = await withPatients(25);
    const pages = [await fhir.search("Patient")];
    for (let next = await pages[0]?.next(); next; next = await next.next()) pages.push(next);
    expect(pages.map(({ resources }) => resources.length)).toEqual([10, 10, 5]);
    expect(pages.map(({ total }) => total)).toEqual([25, 25, 25]);
    const families = pages.flatMap(({ resources }) => resources.map(({ name }) => name?.[0]?.family));
    expect(families).toEqual(patients(25).map(({ name }) => name?.[0]?.family));
    expect(pages[2]?.nextCursor).toBeUndefined();
    expect(pages[0]?.bundle.type).toBe("searchset");
  });

  it("encodes what you search for (the sandbox refuses a bare bar), and repeats a parameter for each value of a list", async () => {
    const { fhir } = await withPatients(6);
    const one = await fhir.search("Patient", { identifier: "http://example.org/mrn|mrn 3" });
    expect(one.resources.map(({ name }) => name?.[0]?.family)).toEqual(["Baggins 3"]);
    const some = await fhir.search("Patient", {
      gender: "female",
      _count: 100,
      _lastUpdated: ["ge2000", "lt2999"],
    });
    expect(some.resources).toHaveLength(3);
  });

  it("continues from a cursor in another process, which reveals nothing of the search", async () => {
    const { fhir, open } = await withPatients(25);
    const params = { gender: "male", "family:contains": "Baggins", _count: 5 };
    const first = await fhir.search("Patient", params);
    const cursor = first.nextCursor ?? "";
    expect(Buffer.from(cursor, "base64url").toString()).not.toMatch(/male|Baggins|hush|sandbox/);
    const elsewhere = (await open()).fhir("ada@example.org", "r4");
    const second = await elsewhere.search("Patient", params, { cursor });
    expect(second.resources).toEqual((await first.next())?.resources);
  });

  it.each<[string, SearchParams]>([
    ["another type", { gender: "male" }],
    ["other parameters", { gender: "female", _count: 5 }],
  ])("refuses a cursor of %s", async (which, params) => {
    const { fhir } = await withPatients(12);
    const { nextCursor: cursor } = await fhir.search("Patient", { gender: "male", _count: 5 });
    const type = which === "another type" ? "Observation" : "Patient";
    const error = await errorOf(fhir.search(type, params, { cursor }));
    expect(error.message).toBe(
      "Cannot go on from a cursor: this cursor belongs to another search; use the same type and parameters",
    );
  });

  it.each(["", "x", "a b", btoa("[1]"), btoa('[1,"a","/../x"]'), btoa("{}"), "_".repeat(40_000)])(
    "refuses the cursor %j",
    async (cursor) => {
      const { fhir, sandbox } = await withAda("r4");
      expect(await errorOf(fhir.search("Patient", {}, { cursor }))).toMatchObject({ code: "INVALID_OPTION" });
      expect(sandbox.journal.count("fhir.search")).toBe(0);
    },
  );

  it.each<[string, object, string]>([
    [
      "an empty text",
      { identifier: "" },
      "identifier must be text, a finite number, a boolean, or a list of them, got an empty text",
    ],
    ["a value that got lost", { identifier: undefined }, "a list of them, got nothing"],
    ["an empty list", { identifier: [] }, "identifier must have a value, got an empty list"],
    ["an object", { identifier: { value: "hush" } }, "got an object"],
    ["no number", { identifier: Number.NaN }, "a list of them, got NaN"],
    ["an endless number", { identifier: [-Infinity] }, "a list of them, got -Infinity"],
    ["a Date", { birthdate: new Date(0) }, 'got a Date; write it as text, such as "ge2026-01-31"'],
    ["a Set", { identifier: new Set(["hush"]) }, "got an instance of Set"],
    ["a list in a list", { identifier: [["hush"]] }, "got a list in a list"],
    ["a summary that is none", { _summary: Object.create(null) }, "false, got an object"],
    ["a forgotten await", Promise.resolve({ family: "hush" }), "got an instance of Promise"],
    ["inherited ones", Object.create({ family: "hush" }), "got an instance of Object"],
    ["half a character", { identifier: "\ud800" }, "got half a character"],
    ["a name that is none", { "a&b": "1" }, 'must match ^[A-Za-z_][\\w.:-]{0,127}$, got "a&b"'],
    ["too long a page", { _count: 101 }, "_count must be a whole number from 1 to 100, got 101"],
    ["an empty page", { _count: 0 }, "_count must be a whole number from 1 to 100, got 0"],
    [
      "too deep a skip",
      { _skip: 9_991 },
      "_skip must be a whole number from 0 to 9990, and searchAll() goes further, got 9991",
    ],
    ["a Map", new Map([["family", "hush"]]), "search parameters must be an object with a property for each"],
    [
      "URLSearchParams",
      new URLSearchParams("family=hush"),
      'such as { name: "Ada" }, got an instance of URLSearchParams',
    ],
    ["null", null as unknown as object, "must be an object with a property for each"],
    ["a number", 5 as unknown as object, "must be an object with a property for each"],
    ["a text", "family=hush" as unknown as object, "must be an object with a property for each"],
  ])("refuses %s, as every walk does", async (_, params, rule) => {
    const { fhir, sandbox } = await withAda("r4");
    const asked = params as SearchParams;
    for (const search of [
      () => fhir.search("Patient", asked),
      async () => all(fhir.searchAll("Patient", asked)),
      async () => fhir.searchPages("Patient", asked)[Symbol.asyncIterator]().next(),
    ]) {
      const error = await errorOf(search());
      expect(error).toMatchObject({ code: "INVALID_OPTION" });
      expect(error.message).toContain(rule);
      expect(error.message).not.toContain("hush");
    }
    expect(sandbox.journal.count("fhir.search")).toBe(0);
  });

  it("reaches the deepest skip that 1upHealth allows", async () => {
    const { fhir } = await withPatients(3);
    expect((await fhir.search("Patient", { _skip: 9_990 })).resources).toEqual([]);
    expect((await fhir.search("Patient", { _skip: 2 })).resources).toHaveLength(1);
  });
});

describe("searchAll()", () => {
  it("yields everything that matches, in pages of 100 or of _count", async () => {
    const { fhir, sandbox } = await withPatients(30);
    const found = await all(fhir.searchAll("Patient", { gender: "male" }));
    expect(found.map(({ name }) => name?.[0]?.family)).toEqual(
      patients(30)
        .filter(({ gender }) => gender === "male")
        .map(({ name }) => name?.[0]?.family),
    );
    expect(sandbox.journal.count("fhir.search")).toBe(1);
    expect(await all(fhir.searchAll("Patient", { _count: 7 }))).toHaveLength(30);
    expect(sandbox.journal.count("fhir.search")).toBe(6);
  });

  it("goes on with the page on which it stood, in the same walk or from its cursor", async () => {
    const { fhir } = await withPatients(20);
    const walk = fhir.searchAll("Patient", { _count: 6 });
    const seen: string[] = [];
    for await (const { id = "" } of walk) if (seen.push(id) === 8) break;
    const { cursor } = walk;
    const rest = await all(walk);
    expect(rest).toHaveLength(14); // from the second page on
    expect(new Set([...seen, ...rest.map(({ id }) => id)]).size).toBe(20);
    expect(walk.cursor).toBeUndefined();
    expect(await all(walk)).toEqual([]);
    expect(await all(fhir.searchAll("Patient", { _count: 6 }, { cursor }))).toEqual(rest);
  });

  it("gives pages, too", async () => {
    const { fhir } = await withPatients(7);
    const pages = await all(fhir.searchAll("Patient", { _count: 3 }).pages());
    expect(pages.map(({ resources }) => resources.length)).toEqual([3, 3, 1]);
  });

  it("waits out what may pass, five times a page", async () => {
    const { fhir, sandbox } = await withPatients(5);
    sandbox.fail({ call: "fhir.search", skip: 1, drop: "body" });
    sandbox.fail({ call: "fhir.search", skip: 1, status: 503 });
    expect(await all(fhir.searchAll("Patient", { _count: 2 }))).toHaveLength(5);
    expect(sandbox.journal.count("fhir.search")).toBe(5);
  });

  it("ends with the error when it does not pass, and its cursor goes on from there", async () => {
    const { fhir, sandbox } = await withPatients(5);
    sandbox.fail({ call: "fhir.search", skip: 1, status: 404, body: { error: "no such page" } });
    const walk = fhir.searchAll("Patient", { _count: 2 });
    expect(await errorOf(all(walk))).toMatchObject({ code: "FHIR_REFUSED", status: 404 });
    expect(await all(fhir.searchAll("Patient", { _count: 2 }, { cursor: walk.cursor }))).toHaveLength(5);
  });

  it("ends with the reason of the signal", async () => {
    const { fhir } = await withPatients(5);
    const stop = new AbortController();
    const walk = fhir.searchAll("Patient", { _count: 2 }, { signal: stop.signal });
    await expect(
      (async () => {
        for await (const _ of walk) stop.abort("enough");
      })(),
    ).rejects.toBe("enough");
  });

  it("ends when its lifecycle is closed while it waits", async () => {
    const { fhir, lifecycle, sandbox } = await withPatients(5);
    sandbox.fail({ call: "fhir.search", skip: 1, response: "rateLimited", retryAfterMs: 300_000 });
    const walking = errorOf(all(fhir.searchAll("Patient", { _count: 2 })));
    await vi.waitFor(() => expect(sandbox.journal.count("fhir.search")).toBe(2));
    await lifecycle.close();
    expect(await walking).toMatchObject({ code: "CLOSED" });
  });

  it("outlives the token, also one that is refused before its time", async () => {
    const { fhir, sandbox } = await withPatients(9);
    let seen = 0;
    for await (const _ of fhir.searchAll("Patient", { _count: 3 })) {
      if (++seen === 2) sandbox.clock.advance(2.5 * 3_600_000);
      if (seen === 5) {
        sandbox.clock.advance(61_000);
        sandbox.revokeGrant("ada@example.org");
      }
    }
    expect(seen).toBe(9);
    expect(sandbox.journal.count("refreshToken")).toBeGreaterThan(0);
  });
});

describe("everything()", () => {
  it("gives what belongs to a patient, of any type, across pages", async () => {
    const { fhir } = await withAda("r4");
    const { id = "" } = await fhir.create<"Patient">({ resourceType: "Patient" });
    const observation: Observation = {
      resourceType: "Observation",
      status: "final",
      code: { text: "weight" },
      subject: { reference: `Patient/${id}` },
    };
    for (let index = 0; index < 14; index++) await fhir.create(observation);
    await fhir.create<"Patient">({ resourceType: "Patient" });
    const found = await all(fhir.everything(id));
    expect(found.filter(({ resourceType }) => resourceType === "Observation")).toHaveLength(14);
    expect(found.filter(({ resourceType }) => resourceType === "Patient")).toHaveLength(1);
    const walk = fhir.everything(id, { count: 4 });
    for await (const page of walk.pages()) if (page.resources.length > 0 && walk.cursor !== undefined) break;
    expect(walk.cursor).toMatch(/^[\w-]+$/);
    expect(Buffer.from(walk.cursor ?? "", "base64url").toString()).not.toContain(id);
    expect(await all(fhir.everything(id, { count: 4, cursor: walk.cursor }))).toHaveLength(15);
  });

  it("of a type gives what belongs to all patients, each once, across pages", async () => {
    const { fhir, sandbox } = await withAda("r4", {}, { strict: true });
    const patients = sandbox.addResources(ada, "r4", [
      { resourceType: "Patient" },
      { resourceType: "Patient" },
    ]);
    const [one, two] = patients.map((id) => ({ reference: `Patient/${id}` }));
    sandbox.addResources(ada, "r4", [
      ...Array.from({ length: 12 }, () => ({ resourceType: "Observation", subject: one })),
      { resourceType: "Observation", subject: two, performer: [one] },
      { resourceType: "Organization" },
    ]);
    const found = await all(fhir.everythingOf("Patient", { count: 4 }));
    expect(found).toHaveLength(15);
    expect(new Set(found.map(({ id }) => id)).size).toBe(15);
    expect(sandbox.journal.count("fhir.everything")).toBe(4);
    const walk = fhir.everythingOf("Patient");
    for await (const page of walk.pages()) if (page.resources.length > 0 && walk.cursor !== undefined) break;
    const rest = await all(fhir.everythingOf("Patient", { cursor: walk.cursor }));
    expect(rest.length).toBeGreaterThan(0);
    expect(await errorOf(all(fhir.everythingOf("Encounter" as "Patient")))).toMatchObject({
      code: "NOT_DECLARED",
    });
  });
});
