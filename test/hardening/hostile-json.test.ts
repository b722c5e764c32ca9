import { createFhirClient, fetchTransport, parseFhirJson, stringifyFhirJson } from "oneup-lifecycle";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { errorOf } from "../fhir/ada.ts";
import { warningsIn } from "../support/loggers.ts";

const megabyte = 1024 * 1024;

/** Bodies that take an engine long to build, though each is within the limit on bytes. */
const tooMany: Readonly<Record<string, string>> = {
  "16 MiB of empty objects": `{"resourceType":"Patient","id":"1","a":[${"{},".repeat(5 * megabyte)}{}]}`,
  "16 MiB of numbers": `{"resourceType":"Patient","id":"1","a":[${"1.0,".repeat(3 * megabyte)}1]}`,
  "a million names": `{"resourceType":"Patient","id":"1"${Array.from({ length: 1_000_000 }, (_, index) => `,"k${index}":1`).join("")}}`,
};
const tooDeep: Readonly<Record<string, string>> = {
  "lists 8 million deep": `{"resourceType":"Patient","id":"1","a":${"[".repeat(8 * megabyte - 50)}`,
  "lists 600 deep": `{"resourceType":"Patient","id":"1","a":${"[".repeat(600)}${"]".repeat(600)}}`,
  "objects 600 deep": `{"resourceType":"Patient","id":"1","a":${'{"a":'.repeat(600)}1${"}".repeat(600)}}`,
};

function reading(body: string) {
  const answer = async (): Promise<Response> => new Response(body);
  const token = { get: async () => "hush" };
  const fhir = createFhirClient({ version: "r4", token, transport: fetchTransport(answer) });
  return fhir.read("Patient", "1");
}

describe("an answer that would take long to build", () => {
  it.each(Object.entries(tooMany))("is too big: %s", async (_, body) => {
    const error = await errorOf(reading(body));
    expect(error).toMatchObject({ code: "ANSWER_TOO_BIG", retryable: false });
    expect(error.message).toContain("its body must not hold more than 262144 values");
  });

  it.each(Object.entries(tooDeep))("is a bad one: %s", async (_, body) => {
    const error = await errorOf(reading(body));
    expect(error).toMatchObject({ code: "BAD_ANSWER", retryable: false });
    expect(error.message).toContain("lists and objects in its body must not nest deeper than 512");
  });

  it("leaves a user's management call in doubt, and a warning names the rule", async () => {
    const warnings: string[] = [];
    const logger = warningsIn(warnings);
    const { lifecycle, sandbox } = await createTestLifecycle({ lifecycle: { logger } });
    sandbox.fail({
      call: "createUser",
      status: 200,
      commit: true,
      body: `{"success":true,"a":${"[".repeat(600)}`,
    });
    expect(await lifecycle.onboard("ada")).toMatchObject({ usable: true });
    expect(sandbox.journal.count("createUser")).toBe(1);
    expect(warnings.join()).toMatch(
      /\(createUser\): lists and objects in its body must not nest deeper than 512/,
    );
  });

  it("is distinguished from honest ones: a document of 5 MB, a page of a hundred resources, and deep extensions", async () => {
    const deep = {
      resourceType: "Patient",
      id: "1",
      a: JSON.parse(`${"[".repeat(100)}1.50${"]".repeat(100)}`) as unknown,
    };
    const binary = { resourceType: "Patient", id: "1", photo: [{ data: "QUJD".repeat(1.25 * megabyte) }] };
    const values = Array.from({ length: 60_000 }, (_, index) => ({
      system: "http://loinc.org",
      code: `c${index}`,
    }));
    for (const resource of [deep, binary, { resourceType: "Patient", id: "1", contained: values }])
      expect(await reading(JSON.stringify(resource))).toEqual(resource);
  });
});

it("a text of one's own may be as deep as an engine allows, for parseFhirJson() has no bounds", () => {
  const text = `${"[".repeat(5_000)}1.50${"]".repeat(5_000)}`;
  expect(parseFhirJson(text)).toBeInstanceOf(Array);
  expect(stringifyFhirJson(parseFhirJson("[1.50]"))).toBe("[1.50]");
});
