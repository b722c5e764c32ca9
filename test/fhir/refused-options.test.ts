import { createFhirClient, fetchTransport, systemClock } from "oneup-lifecycle";
import { describe, expect, it } from "vitest";

const token = { get: () => "token" };

describe("createFhirClient()", () => {
  it.each([
    ["transport", fetch],
    ["transport", {}],
    ["clock", {}],
    ["clock", { ...systemClock, timer: 1 }],
    ["sender", {}],
    ["report", {}],
    ["api", "https://user:hunter2@api.example.org"],
    ["api", "https://hunter2@api.example.org"],
    ["api", "https://api.example.org/?key=hunter2"],
    ["api", "https://api.example.org/#hunter2"],
    ["api", "http://api.example.org"],
    ["api", "ftp://api.example.org"],
  ])("refuses %s: %o, and quotes none of it", (name, value) => {
    let refusal: unknown;
    try {
      createFhirClient({ version: "r4", token, [name]: value });
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringContaining(`${name} must be`),
    });
    expect(String(refusal)).not.toContain("hunter2");
  });

  it("accepts an api with a path, and http on this machine", () => {
    for (const api of ["https://api.1up.health/fhir", "https://api.1up.health/", "http://localhost:8080"])
      createFhirClient({ version: "r4", token, api });
  });
});

describe("what client.get() returns", () => {
  const good = { clientId: "app", clientSecret: "s3cret", oneupUserId: 7 };

  it.each([
    ["nothing", null],
    ["a list", []],
    ["no number", { ...good, oneupUserId: undefined }],
    ["a negative number", { ...good, oneupUserId: -5 }],
    ["zero", { ...good, oneupUserId: 0 }],
    ["a fraction", { ...good, oneupUserId: 1.5 }],
    ["a number in quotes", { ...good, oneupUserId: "12; x" }],
    ["no id of the client", { ...good, clientId: undefined }],
    ["an empty secret", { ...good, clientSecret: "" }],
    ["a secret with a line end", { ...good, clientSecret: "s3cret\n" }],
    ["a number as secret", { ...good, clientSecret: 53_37 }],
  ])("is refused before anything is sent: %s", async (_, access) => {
    for (const client of [
      { get: async () => access },
      { get: async () => good, rejected: async () => access },
    ]) {
      let sent = 0;
      const transport = fetchTransport(async () => {
        sent++;
        return new Response("", { status: 401 });
      });
      const fhir = createFhirClient({ version: "r4", client: client as never, transport });
      const refusal: unknown = await fhir
        .read("Patient", "1", { retries: 0 })
        .catch((error: unknown) => error);
      expect(refusal).toMatchObject({
        code: "INVALID_OPTION",
        message: expect.stringContaining("client.get()"),
      });
      expect(String(refusal)).not.toMatch(/s3cret|5337/);
      expect(sent).toBe("rejected" in client ? 1 : 0);
    }
  });

  it.each([7, "client" as const])("may name the user %s", async (oneupUserId) => {
    const seen: unknown[] = [];
    const transport = fetchTransport(async (_, how) => {
      seen.push(new Headers(how?.headers).get("x-oneup-user-id"));
      return Response.json({ resourceType: "Patient", id: "1" });
    });
    const client = { get: async () => ({ ...good, oneupUserId }) };
    await createFhirClient({ version: "r4", client, transport }).read("Patient", "1");
    expect(seen).toEqual([String(oneupUserId)]);
  });
});
