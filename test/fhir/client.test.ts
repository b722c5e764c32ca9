import type { Patient } from "fhir/r2.js";
import { inspect } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { isLifecycleError, type LifecycleError } from "../../src/errors.ts";
import type { TokenSource } from "../../src/fhir/auth.ts";
import { fetchTransport } from "oneup-lifecycle";
import { createFhirClient } from "../../src/fhir/create-fhir-client.ts";
import type { FhirClient } from "../../src/fhir/fhir-client.ts";
import { createSender } from "../../src/http/send.ts";
import { undiciTransport } from "../../src/http/undici-transport.ts";
import { deadPort, serve } from "../http/local-server.ts";

const bilbo: Patient = {
  resourceType: "Patient",
  id: "135375",
  name: [{ use: "official", text: "Bilbo Baggins", family: ["Baggins"], given: ["Bilbo"] }],
  gender: "male",
};

/** Gives `hush-1`, after a refusal `hush-2`, and so on. */
function tokens(): TokenSource & { readonly refused: string[] } {
  const refused: string[] = [];
  return {
    refused,
    get: async () => `hush-${refused.length + 1}`,
    rejected: async (token) => `hush-${refused.push(token) + 1}`,
  };
}

function clientFor(api: string, token: TokenSource = tokens()): FhirClient<"dstu2"> {
  const sender = createSender({
    transport: undiciTransport(),
    clock: systemClock,
    timeoutMs: 60_000,
    maxBytes: 10_000,
  });
  onTestFinished(() => sender.close());
  return createFhirClient({ token, sender, api, version: "dstu2", retries: 0 }); // see repeat.test.ts
}

/** A client of a server that gives these answers one after the other, the last one for ever. */
async function answered(
  ...answers: (readonly [status: number, body: unknown, headers?: Record<string, string>])[]
) {
  const token = tokens();
  const { url, seen } = await serve((response) => {
    const [status, body, headers = {}] = answers[Math.min(seen.length, answers.length) - 1] ?? [500, ""];
    response.writeHead(status, headers).end(typeof body === "string" ? body : JSON.stringify(body));
  });
  return { fhir: clientFor(url, token), seen, refused: token.refused };
}

async function errorOf(promise: Promise<unknown>): Promise<LifecycleError> {
  const error: unknown = await promise.catch((reason: unknown) => reason);
  if (!isLifecycleError(error)) throw new Error("Not a LifecycleError", { cause: error });
  expect(inspect(error, { depth: 9, showHidden: true }) + JSON.stringify(error)).not.toMatch(/hush|Bilbo/);
  return error;
}

describe("create()", () => {
  it.each([200, 201])("posts the resource and gives back the server's, answered %i", async (status) => {
    const { fhir, seen } = await answered([status, { ...bilbo, id: "0a0cee5487a8" }]);
    expect((await fhir.create(bilbo)).id).toBe("0a0cee5487a8");
    expect(seen).toMatchObject([
      {
        method: "POST",
        path: "/dstu2/Patient",
        headers: { authorization: "Bearer hush-1", "content-type": "application/json" },
      },
    ]);
    expect(JSON.parse(seen[0]?.body ?? "")).toEqual(bilbo);
  });

  it("sends the resource as it was when create() was called", async () => {
    const { fhir, seen } = await answered([201, { ...bilbo, id: "1" }]);
    const changing: { resourceType: "Patient"; gender: "male" | "female" } = {
      resourceType: "Patient",
      gender: "male",
    };
    const creating = fhir.create(changing);
    changing.gender = "female";
    await creating;
    expect(JSON.parse(seen[0]?.body ?? "")).toMatchObject({ gender: "male" });
  });

  it.each<[string, number, unknown, string]>([
    ["a 500", 500, "", "1upHealth answered 500"],
    ["a 503 with an outcome", 503, { resourceType: "OperationOutcome" }, "1upHealth answered 503"],
    [
      "an unreadable success",
      201,
      "{",
      "the answer (201) must hold a Patient with an id, got something else",
    ],
    [
      "a success without an id",
      201,
      { resourceType: "Patient" },
      "the answer (201) must hold a Patient with an id, got something else",
    ],
    [
      "another resource",
      200,
      { ...bilbo, resourceType: "Person" },
      "the answer (200) must hold a Patient with an id, got something else",
    ],
  ])("is in doubt after %s", async (_, status, body, why) => {
    const error = await errorOf((await answered([status, body])).fhir.create(bilbo));
    expect(error).toMatchObject({ code: "IN_DOUBT", retryable: false, status });
    expect(error.message).toBe(
      `Cannot tell whether the Patient was created: ${why}; it may exist, so look for it before you create it again`,
    );
  });

  it("is in doubt after an empty 201, and passes on the id of its Location", async () => {
    const location = "https://api.1up.health/dstu2/Patient/0a0cee5487a8/_history/1";
    const { fhir } = await answered([201, "", { location }]);
    expect(await errorOf(fhir.create(bilbo))).toMatchObject({
      code: "IN_DOUBT",
      message: expect.stringContaining("; facts.id has the id of its Location; it may exist, so look for it"),
      facts: { id: "0a0cee5487a8" },
    });
  });

  it("is in doubt when the connection ends without an answer", async () => {
    const { url } = await serve((_, __, request) => request.socket.destroy());
    expect(await errorOf(clientFor(url).create(bilbo))).toMatchObject({ code: "IN_DOUBT", retryable: false });
  });

  it.each<[string, unknown, RegExp]>([
    ["nothing", undefined, /a resource must be a plain object, got nothing$/],
    ["an array", [bilbo], /got an array$/],
    ["an instance of a class", new Map(), /got an object$/],
    ["no type", {}, /resourceType must match \^\[A-Z\]\[A-Za-z\]\+\$, got nothing$/],
    ["an inherited type", Object.create({ resourceType: "Patient" }), /must be a plain object/],
    ["a type with a path", { resourceType: "Patient/../x" }, /got "Patient\/\.\.\/x"$/],
    [
      "a value that JSON cannot hold",
      Object.assign({}, bilbo, {
        get self(): unknown {
          return BigInt(1);
        },
      }),
      /JSON cannot hold the bigint at Patient\.…$/,
    ],
    [
      "a cycle",
      Object.assign({}, bilbo, {
        get self(): unknown {
          return this;
        },
      }),
      /must serialise as JSON/,
    ],
  ])("refuses %s before it asks for a token", async (_, resource, message) => {
    const never: TokenSource = {
      get: () => Promise.reject(new Error("asked")),
      rejected: () => Promise.reject(new Error("asked")),
    };
    // What a program without types may pass.
    const error = await errorOf(clientFor("http://127.0.0.1:1", never).create(resource as Patient));
    expect(error.code).toBe("INVALID_RESOURCE");
    expect(error.message).toMatch(message);
  });
});

describe("read()", () => {
  it("gets the resource by its id, with the token in the header only", async () => {
    const { fhir, seen } = await answered([200, { ...bilbo, id: "0a0cee5487a8" }]);
    expect(await fhir.read("Patient", "0a0cee5487a8")).toMatchObject({ gender: "male" });
    expect(seen).toMatchObject([
      {
        method: "GET",
        path: "/dstu2/Patient/0a0cee5487a8",
        body: "",
        headers: { authorization: "Bearer hush-1" },
      },
    ]);
  });

  it.each<[number, unknown, Record<string, string>, object]>([
    [404, "", {}, { code: "FHIR_REFUSED", status: 404, retryable: false, facts: { issues: [] } }],
    [400, { error: "no" }, {}, { code: "FHIR_REFUSED", status: 400 }],
    [403, { message: "Forbidden" }, {}, { code: "FORBIDDEN", status: 403, retryable: false }],
    [403, { message: "No" }, {}, { message: expect.stringContaining("1upHealth does not allow it (403)") }],
    [403, "<html>No</html>", {}, { message: expect.stringContaining("blocked before it reached 1upHealth") }],
    [429, "", { "retry-after": "9" }, { code: "RATE_LIMITED", retryable: true, retryAfterMs: 9000 }],
    [500, "", {}, { code: "UNAVAILABLE", status: 500, retryable: true }],
    [302, "", { location: "/login" }, { code: "UNAVAILABLE", status: 302, retryable: true }],
    [200, "{", {}, { code: "BAD_ANSWER", status: 200, retryable: true }],
    [200, "", {}, { code: "BAD_ANSWER", status: 200, retryable: true }],
    [200, "<html>Please log in</html>", {}, { code: "BAD_ANSWER", status: 200, retryable: true }],
    [200, '"warming up"', {}, { code: "BAD_ANSWER", status: 200, retryable: true }],
    [200, { resourceType: "Person", id: "1" }, {}, { code: "BAD_ANSWER", retryable: true }],
  ])("throws on %i %j", async (status, body, headers, expected) => {
    expect(await errorOf((await answered([status, body, headers])).fhir.read("Patient", "1"))).toMatchObject(
      expected,
    );
  });

  it("throws UNAVAILABLE when the server cannot be reached or hangs up", async () => {
    const dead = clientFor(`http://127.0.0.1:${await deadPort()}`);
    const { url } = await serve((_, __, request) => request.socket.destroy());
    for (const fhir of [dead, clientFor(url)])
      expect(await errorOf(fhir.read("Patient", "1"))).toMatchObject({
        code: "UNAVAILABLE",
        retryable: true,
      });
    expect(await errorOf(dead.create(bilbo))).toMatchObject({ code: "UNAVAILABLE", retryable: true });
  });

  it("shows codes and places of an OperationOutcome, and none of its words and values", async () => {
    const issue = [
      {
        severity: "error",
        code: "invalid",
        diagnostics: "hush",
        expression: ["Patient.name[0].family", "Patient.where(x='hush')"],
      },
      {
        severity: "hush me",
        code: "value",
        details: { text: "hush" },
        location: ["/f:Patient/f:name[1]", "hush hush"],
      },
      "hush",
    ];
    const error = await errorOf(
      (await answered([422, { resourceType: "OperationOutcome", issue }])).fhir.read("Patient", "1"),
    );
    expect(error.facts).toEqual({
      issues: [
        { severity: "error", code: "invalid", at: ["Patient.name[0].family"] },
        { code: "value", at: ["/f:Patient/f:name[1]"] },
        { at: [] },
      ],
    });
    expect(error.message).toBe(
      "Cannot read the Patient: 1upHealth refused it (422: invalid, value, unknown)",
    );
  });

  it.each(["", ".", "..", "a/b", "a?b", "ä", "x".repeat(65)])("refuses the id %j", async (id) => {
    const error = await errorOf(clientFor("http://127.0.0.1:1").read("Patient", id));
    expect(error.code).toBe("INVALID_RESOURCE");
    expect(error.message).toMatch(/^Cannot read the resource: an id must match .*, got \d+ characters$/);
  });

  it("rejects with the reason of the caller's signal", async () => {
    const stop = new AbortController();
    const { url } = await serve(() => stop.abort("enough"));
    await expect(clientFor(url).read("Patient", "1", { signal: stop.signal })).rejects.toBe("enough");
  });
});

describe("a token source", () => {
  it.each([null, undefined, 7, "", "two words"])(
    "that returns %j is refused, and nothing is sent",
    async (token) => {
      let sent = 0;
      const fhir = createFhirClient({
        version: "r4",
        token: { get: () => token as string },
        transport: fetchTransport(async () => new Response(String(sent++))),
      });
      const error = await errorOf(fhir.read("Patient", "1"));
      expect([error.code, error.message, sent]).toEqual([
        "INVALID_OPTION",
        expect.stringContaining(
          "the token that token.get() or token.rejected() returns must be a text without spaces",
        ),
        0,
      ]);
    },
  );
});

describe("a refused token", () => {
  it.each([
    [401, ""],
    [401, { error: "invalid token" }],
    [401, { resourceType: "OperationOutcome", issue: [{ severity: "error", code: "login" }] }],
    [401, "Unauthorized"],
  ])("is reported once and the call is repeated with another one (%i %j)", async (status, body) => {
    const { fhir, seen, refused } = await answered([status, body], [200, { ...bilbo, id: "1" }]);
    expect((await fhir.create(bilbo)).id).toBe("1");
    expect(refused).toEqual(["hush-1"]);
    expect(seen.map(({ headers }) => headers.authorization)).toEqual(["Bearer hush-1", "Bearer hush-2"]);
    expect(seen[1]?.body).toBe(seen[0]?.body);
  });

  it.each([
    [301, ""],
    [302, "<html>Please log in</html>"],
    [200, "<html>Please log in</html>"],
    [200, ""],
    [401, "<html>Please log in</html>"],
    [404, "<html>Please log in</html>"],
    [407, "<html>Please log in</html>"],
  ])("is not what a redirect or another server's page means (%i %j)", async (status, body) => {
    const { fhir, seen, refused } = await answered([status, body]);
    const calls: readonly Promise<unknown>[] = [
      fhir.read("Patient", "1"),
      fhir.search("Patient"),
      fhir.create(bilbo),
    ];
    await Promise.all(calls.map((call) => errorOf(call)));
    expect(refused).toEqual([]);
    expect(seen).toHaveLength(3); // each once
  });

  it("ends the call when the other one is refused too", async () => {
    const { fhir, seen } = await answered([401, ""]);
    expect(await errorOf(fhir.read("Patient", "1"))).toMatchObject({
      code: "FHIR_REFUSED",
      status: 401,
      message: "Cannot read the Patient: 1upHealth accepted neither of two access tokens (401)",
    });
    expect(seen).toHaveLength(2);
  });

  it("passes on what the token source throws", async () => {
    const { url } = await serve((response) => response.writeHead(401).end());
    const token = { get: async () => "hush", rejected: () => Promise.reject(new Error("no more")) };
    await expect(clientFor(url, token).read("Patient", "1")).rejects.toThrow("no more");
  });
});

describe("createFhirClient()", () => {
  it("refuses to be called without options", () => {
    expect(() => createFhirClient(undefined as never)).toThrow(
      /^Cannot create a FHIR client: version must be/,
    );
  });

  it("refuses a version that 1upHealth does not serve", () => {
    const options = {
      token: tokens(),
      transport: { send: () => Promise.reject(new Error("sent")) },
      api: "https://a.example",
    };
    // What a program without types may pass.
    expect(() => createFhirClient({ ...options, version: "r5" as "r4" })).toThrow(
      'Cannot create a FHIR client: version must be one of dstu2, stu3, r4, got "r5"',
    );
  });
});
