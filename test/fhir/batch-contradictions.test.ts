/** Answers to a batch that contradict themselves, or are those of other entries. */
import { describe, expect, it } from "vitest";
import { client, failure, found, person } from "./contradicting.ts";

describe("a batch", () => {
  const answered = (...entry: readonly object[]): object => ({
    resourceType: "Bundle",
    type: "batch-response",
    entry,
  });

  it("has not carried out entries whose success is an error", async () => {
    const { fhir } = client((method) =>
      method === "DELETE"
        ? failure
        : answered(
            { response: { status: "200", location: "Patient/x" }, resource: failure },
            { response: { status: "200" }, resource: failure },
            { response: { status: "200", outcome: failure } },
          ),
    );
    const results = await fhir.batch([
      { type: "create", resource: person("1") },
      { type: "update", resource: { ...person("2"), id: "two" } },
      { type: "delete", resourceType: "Patient", id: "three" },
    ]);
    expect(results.map(({ error }) => error?.code)).toEqual(["IN_DOUBT", "IN_DOUBT", "FHIR_REFUSED"]);
  });

  const issued = (issue: unknown): object => ({ resourceType: "OperationOutcome", issue });

  it.each<[string, object, readonly (string | undefined)[]]>([
    ["an error", failure, ["IN_DOUBT", "IN_DOUBT", "BAD_ANSWER"]],
    [
      "an error that is not in a list",
      issued({ severity: "error", code: "forbidden" }),
      ["IN_DOUBT", "IN_DOUBT", "BAD_ANSWER"],
    ],
    ["no severity", issued([{ code: "forbidden" }]), ["IN_DOUBT", "IN_DOUBT", "BAD_ANSWER"]],
    ["no OperationOutcome", { error: "forbidden" }, ["IN_DOUBT", "IN_DOUBT", "BAD_ANSWER"]],
    [
      "a warning",
      issued([{ severity: "warning", code: "informational" }]),
      [undefined, undefined, undefined],
    ],
  ])("believes the outcome that comes with the resource: %s", async (_, outcome, codes) => {
    const response = { status: "200", outcome };
    const { fhir } = client((method) =>
      method === "DELETE"
        ? { success: false }
        : answered(
            { response, resource: { ...person("1"), id: "one" } },
            { response, resource: { ...person("2"), id: "two" } },
            { response },
          ),
    );
    const results = await fhir.batch([
      { type: "create", resource: person("1") },
      { type: "update", resource: { ...person("2"), id: "two" } },
      { type: "delete", resourceType: "Patient", id: "three" },
    ]);
    expect(results.map(({ error }) => error?.code)).toEqual(codes);
  });

  it.each<[number, string]>([
    [200, "the answer to the batch holds only issues (timeout, incomplete)"],
    [500, "the answer to the batch was lost"],
  ])("tells the issues that stand in the place of the whole answer (%d)", async (status, why) => {
    const { fhir } = client(() => Response.json(failure, { status }));
    const [{ error }] = await fhir.batch([{ type: "create", resource: person("1") }]);
    expect(error).toMatchObject({ code: "IN_DOUBT", message: expect.stringContaining(`: ${why};`) });
    expect(error?.facts["issues"]).toContainEqual({ severity: "error", code: "timeout", at: [] });
  });

  it("tells the issues of a refused entry that comes with a resource", async () => {
    const response = { status: "409", outcome: failure };
    const { fhir } = client(() => answered({ response, resource: { ...person("2"), id: "two" } }));
    const [result] = await fhir.batch([{ type: "update", resource: { ...person("2"), id: "two" } }]);
    expect(result.error?.facts["issues"]).toContainEqual({ severity: "error", code: "timeout", at: [] });
  });

  it("has not created two resources with one id", async () => {
    const { fhir } = client(() =>
      answered(
        ...["1", "2"].map((value) => ({
          response: { status: "201", location: "Patient/a" },
          resource: { ...person(value), id: "a" },
        })),
      ),
    );
    const results = await fhir.batch(
      ["1", "2"].map((value) => ({ type: "create" as const, resource: person(value) })),
    );
    expect(results.map(({ error }) => error?.code)).toEqual(["IN_DOUBT", "IN_DOUBT"]);
  });

  const named = (...identifiers: readonly string[]): object => ({
    resourceType: "Patient",
    identifier: identifiers.map((one) => ({ system: one.split("|")[0], value: one.split("|")[1] })),
  });
  const bare = { resourceType: "Patient", birthDate: "1990-02-02" };
  const [fine, doubted] = [undefined, "IN_DOUBT"];

  it.each<[string, readonly object[], readonly object[], readonly (string | undefined)[]]>([
    [
      "with its system in another form",
      [named("http://s|1"), bare, bare],
      [named("https://s|1"), bare, bare],
      [fine, fine, fine],
    ],
    ["without it", [named("s|1"), bare], [{ resourceType: "Patient" }, bare], [fine, fine]],
    ["beside that of the server", [named("s|1", "t|1"), bare], [named("up|9", "s|1"), bare], [fine, fine]],
    [
      "with another value, which leaves only that entry in doubt",
      [named("s|1"), bare, named("s|2")],
      [named("s|01"), bare, named("s|2")],
      [doubted, fine, fine],
    ],
    [
      "with the value of another entry",
      [named("http://s|1"), bare, named("http://s|2")],
      [named("https://s|2"), bare, named("https://s|1")],
      [doubted, doubted, doubted],
    ],
    [
      "in the place of an entry without one",
      [{ resourceType: "Patient", active: true }, named("s|1")],
      [
        { ...named("s|1"), active: true },
        { ...bare, active: true },
      ],
      [doubted, fine],
    ],
    [
      "with more of another entry",
      [named("s|1", "t|7"), named("u|2", "t|7")],
      [named("u|2", "t|7"), named("s|1", "t|7")],
      [fine, fine],
    ],
    [
      "with more of another entry, one of them in another form",
      [named("s|1", "t|7"), named("u|2", "t|7")],
      [named("u|2", "t|7"), named("S|1", "t|7")],
      [doubted, fine],
    ],
  ])("with an identifier that is answered %s", async (_, sent, parts, codes) => {
    const entry = parts.map((resource, index) => ({
      response: { status: "201" },
      resource: { ...resource, id: `new-${index}` },
    }));
    const { fhir } = client(() => answered(...entry));
    const results = await fhir.batch(
      sent.map((resource) => ({ type: "create" as const, resource: resource as ReturnType<typeof person> })),
    );
    expect(results.map(({ error }) => error?.code)).toEqual(codes);
  });

  it("takes no refusal for that of another entry whose content stands in its place", async () => {
    const refused = { response: { status: "400" } };
    const created = {
      response: { status: "201", location: "Patient/a/_history/1" },
      resource: { ...person("1"), id: "a" },
    };
    const { fhir } = client(() => ({
      resourceType: "Bundle",
      type: "batch-response",
      entry: [refused, created],
    }));
    const results = await fhir.batch([
      { type: "create", resource: person("1") },
      { type: "create", resource: person("2") },
    ]);
    expect(results.map(({ error }) => error?.code)).toEqual([undefined, "IN_DOUBT"]);
    expect(results[0]).toMatchObject({ id: "a" });
  });

  const ann = { ...person("ann"), id: "a", birthDate: "1950-01-01", active: true };
  const bob = { ...person("bob"), id: "b", birthDate: "1990-02-02" };
  const updated = (resource: { readonly id: string; readonly [element: string]: unknown }): object => ({
    response: { status: "200", location: `Patient/${resource.id}` },
    resource,
  });
  type Person = Omit<typeof bob, "identifier"> & { readonly identifier?: typeof bob.identifier };

  it.each<[string, readonly Person[], readonly object[], readonly (string | undefined)[]]>([
    [
      "whose answers have each other's content",
      [ann, bob],
      [updated({ ...bob, id: "a" }), updated({ ...ann, id: "b" })],
      ["IN_DOUBT", "IN_DOUBT"],
    ],
    [
      "whose answers have each other's content, without identifiers",
      [ann, bob].map(({ identifier: _, ...rest }) => rest),
      [
        updated({ resourceType: "Patient", birthDate: bob.birthDate, language: "en", id: "a" }),
        updated({ resourceType: "Patient", birthDate: ann.birthDate, active: true, id: "b" }),
      ],
      ["IN_DOUBT", "IN_DOUBT"],
    ],
    [
      "of which one has the content of the other",
      [ann, bob].map(({ identifier: _, ...rest }) => rest),
      [updated({ ...bob, id: "a", identifier: undefined }), updated(bob)],
      ["IN_DOUBT", undefined],
    ],
    [
      "that is answered with another identifier",
      [ann],
      [updated({ ...ann, ...person("eve") })],
      ["IN_DOUBT"],
    ],
    [
      "whose content stands with the resource of another",
      [ann, bob],
      [updated({ ...ann, birthDate: "1950" }), updated({ ...ann, id: "b" })],
      ["IN_DOUBT", "IN_DOUBT"],
    ],
  ])("doubts updates %s", async (_, sent, entry, codes) => {
    const { fhir } = client(() => answered(...entry));
    const results = await fhir.batch(sent.map((resource) => ({ type: "update" as const, resource })));
    expect(results.map(({ error }) => error?.code)).toEqual(codes);
  });

  it("doubts an update in whose place stands what a create sent", async () => {
    const { id: _, ...fresh } = ann;
    const { fhir } = client(() => answered(updated({ ...fresh, id: "b" }), updated({ ...bob, id: "c" })));
    const results = await fhir.batch([
      { type: "update", resource: bob },
      { type: "create", resource: fresh },
    ]);
    expect(results.map(({ error }) => error?.code)).toEqual(["IN_DOUBT", "IN_DOUBT"]);
  });

  it.each<[string, readonly Person[], readonly object[]]>([
    [
      "with more identifiers, and elements in another form",
      [ann, bob],
      [
        updated({
          ...ann,
          birthDate: "1950",
          identifier: [...person("more").identifier, ...ann.identifier],
        }),
        updated({ ...bob, meta: { versionId: "2" }, active: true }),
      ],
    ],
    [
      "with fewer identifiers of a system, or those of others",
      [{ ...ann, identifier: [...ann.identifier, { system: "t", value: "1" }] }, bob],
      [updated({ ...ann, identifier: [{ system: "t", value: "1" }] }), updated(bob)],
    ],
    [
      "where one sent a part of the other",
      [ann, { resourceType: "Patient", id: "b", active: true } as unknown as Person],
      [updated({ ...ann, birthDate: "1950" }), updated({ ...ann, id: "b" })],
    ],
    [
      "where one sent what a server adds, and the other in another form",
      [
        { resourceType: "Patient", id: "a", birthDate: "1950-1-1" },
        { resourceType: "Patient", id: "b", active: true } as unknown as Person,
      ],
      [
        updated({ resourceType: "Patient", id: "a", birthDate: "1950-01-01", active: true }),
        updated({ resourceType: "Patient", id: "b", active: true }),
      ],
    ],
    [
      "of one resource, with the content of the later one",
      [bob, { ...bob, birthDate: "1991-02-02" }],
      [updated({ ...bob, birthDate: "1991-02-02" }), updated({ ...bob, birthDate: "1991-02-02" })],
    ],
  ])("believes updates %s", async (_, sent, entry) => {
    const { fhir } = client(() => answered(...entry));
    const results = await fhir.batch(sent.map((resource) => ({ type: "update" as const, resource })));
    expect(results.map(({ error }) => error?.code)).toEqual(sent.map(() => undefined));
  });

  it("doubts an entry that is sent by itself, and answered with another identifier", async () => {
    const refused = { response: { status: "401" } };
    const { fhir } = client((_, url) =>
      url.endsWith("/r4") ? answered(refused, refused) : { ...person("eve"), id: "a" },
    );
    const results = await fhir.batch([
      { type: "update", resource: ann },
      { type: "create", resource: person("1") },
    ]);
    expect(results.map(({ error }) => error?.code)).toEqual(["IN_DOUBT", "IN_DOUBT"]);
  });

  it("sends creates again whose token was refused, by themselves", async () => {
    let ids = 0;
    const { fhir, sent } = client((method, url) => {
      if (method === "GET") return found();
      const refused = answered(...["1", "2"].map(() => ({ response: { status: "401" } })));
      return url.endsWith("/Patient") ? { resourceType: "Patient", id: `new-${ids++}` } : refused;
    });
    const results = await fhir.batch(
      ["1", "2"].map((value) => ({
        type: "create" as const,
        resource: person(value),
        findBy: { identifier: `s|${value}` },
      })),
    );
    expect(results.map(({ id }) => id)).toEqual(["new-0", "new-1"]);
    expect(sent).toEqual(["POST /r4", "POST /r4/Patient", "POST /r4/Patient"]);
  });
});
