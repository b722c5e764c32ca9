import { createFhirClient } from "oneup-lifecycle";
import { describe, expect, it } from "vitest";
import { scene } from "../support/scene.ts";
import { ada, all, errorOf, withAda } from "./ada.ts";

describe('fhir(id, version, { as: "client" })', () => {
  it("calls with the client's credentials in headers, and with no token", async () => {
    const { fhir, lifecycle, sandbox } = await withAda("r4");
    const { id = "" } = await fhir.create<"Patient">({ resourceType: "Patient", gender: "female" });
    sandbox.revokeGrant(ada);
    const asClient = lifecycle.fhir(ada, "r4", { as: "client" });
    expect(await asClient.read("Patient", id)).toMatchObject({ gender: "female" });
    expect(await all(asClient.searchAll("Patient"))).toHaveLength(1);
    expect(
      sandbox.journal
        .entries()
        .filter(({ call }) => call.startsWith("fhir."))
        .at(-1),
    ).not.toHaveProperty("secrets.accessToken");
    expect(sandbox.journal.count("refreshToken")).toBe(0);
  });

  it("writes in the user's name", async () => {
    const { fhir, lifecycle } = await withAda("r4");
    const asClient = lifecycle.fhir(ada, "r4", { as: "client" });
    const { id = "" } = await asClient.create<"Patient">({ resourceType: "Patient" });
    expect(await fhir.read("Patient", id)).toMatchObject({ id });
  });

  it("reports an unknown user as unknown", async () => {
    const { open } = await scene();
    const fhir = (await open()).fhir("nobody", "r4", { as: "client" });
    expect(await errorOf(fhir.read("Patient", "1"))).toMatchObject({ code: "USER_UNKNOWN" });
  });

  it("ends once the user is being purged: what it created in an erased version would stay", async () => {
    const { lifecycle, sandbox } = await withAda("dstu2");
    const fhir = lifecycle.fhir(ada, "dstu2", { as: "client" });
    await fhir.create<"Patient">({ resourceType: "Patient" });
    sandbox.fail({ call: "fhir.purge", times: 1_000, status: 503 });
    await lifecycle.offboard(ada, { purge: true, waitMs: 0 });
    expect(await errorOf(fhir.create<"Patient">({ resourceType: "Patient" }))).toMatchObject({
      code: "USER_OFFBOARDED",
    });
  });

  it("takes rotated credentials where they are a function, and repeats the call once", async () => {
    const { sandbox, open } = await scene();
    let current = sandbox.credentials;
    const lifecycle = await open({ credentials: () => current });
    await lifecycle.onboard(ada);
    const fhir = lifecycle.fhir(ada, "r4", { as: "client" });
    const { id = "" } = await fhir.create<"Patient">({ resourceType: "Patient" });
    sandbox.setCredentials({ clientSecret: "rotated" });
    expect(await errorOf(fhir.read("Patient", id))).toMatchObject({ code: "CREDENTIALS_REFUSED" });
    current = { ...current, clientSecret: "rotated" };
    sandbox.clock.advance(10_000);
    expect(await fhir.read("Patient", id)).toMatchObject({ id });
  });

  it("refuses options that are none", async () => {
    const { open } = await scene();
    const lifecycle = await open();
    expect(() => lifecycle.fhir(ada, "r4", { as: "admin" as "client" })).toThrow(
      'Cannot call FHIR: as must be one of user, client, got "admin"',
    );
    expect(() => lifecycle.fhir(ada, "r4", { strict: 1 as unknown as boolean })).toThrow(
      "Cannot call FHIR: strict must be one of true, false, got 1",
    );
    expect(() => lifecycle.fhir(ada, "r4", { stict: true } as object)).toThrow(
      'an option must be a known one, got "stict": did you mean strict?',
    );
  });
});

describe("createFhirClient()", () => {
  it("stands alone with any user's token", async () => {
    const { lifecycle, server } = await withAda("stu3");
    const fhir = createFhirClient({
      version: "stu3",
      api: server.url,
      token: { get: () => lifecycle.accessToken(ada) },
    });
    const { id = "" } = await fhir.create<"Patient">({ resourceType: "Patient" });
    expect(await all(fhir.searchAll("Patient"))).toMatchObject([{ id }]);
  });

  it("ends a call with a 401 where there is no other token", async () => {
    const { server } = await scene();
    const fhir = createFhirClient({ version: "r4", api: server.url, token: { get: async () => "hush" } });
    const error = await errorOf(fhir.read("Patient", "1"));
    expect(error).toMatchObject({ code: "FHIR_REFUSED", status: 401 });
    expect(error.message).toBe("Cannot read the Patient: 1upHealth does not accept the access token (401)");
  });

  it("reads for all users of the application as the client", async () => {
    const { fhir, sandbox, server, lifecycle } = await withAda("r4");
    await lifecycle.onboard("grace@example.org");
    await fhir.create<"Patient">({ resourceType: "Patient" });
    await lifecycle.fhir("grace@example.org", "r4").create<"Patient">({ resourceType: "Patient" });
    const ofAllUsers = createFhirClient({
      version: "r4",
      api: server.url,
      client: { get: async () => ({ ...sandbox.credentials, oneupUserId: "client" as const }) },
    });
    expect(await all(ofAllUsers.searchAll("Patient"))).toHaveLength(2);
  });

  it.each<[object, string]>([
    [{}, "either token or client must be given, got neither"],
    [{ token: { get: async () => "" }, client: { get: async () => "" } }, "got both"],
    [{ token: "hush" }, "token must be an object with the method get, got a text of 4 characters"],
    [{ token: { get: async () => "" }, api: "api.1up.health" }, "api must be an https URL"],
    [{ token: { get: async () => "" }, strict: "yes" }, 'strict must be one of true, false, got "yes"'],
    [{ token: { get: async () => "" }, timeoutMs: -1 }, "timeoutMs must be a positive number"],
  ])("refuses %j", (options, rule) => {
    expect(() => createFhirClient({ version: "r4", ...options })).toThrow(rule);
  });
});
