import { inspect } from "node:util";
import { memory } from "oneup-lifecycle/adapters/memory";
import { TransportError, type LifecycleError, type Transport } from "oneup-lifecycle";
import { createTestLifecycle, type TestLifecycle, type TestLifecycleOptions } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { keptText } from "../../src/runtime/user/causes.ts";
import { Secret } from "../../src/secret.ts";
import { loggerTo, type LogLine } from "../support/loggers.ts";
import { afterwards, heldBack, scene } from "../support/scene.ts";

const host = "api.oneup.invalid";

/** A network without this host, as Node reports it, until it is mended. */
function unknownHost(): Transport {
  return {
    send: () =>
      Promise.reject(
        new TransportError("Cannot send the call: no connection (ENOTFOUND)", {
          sent: false,
          code: "ENOTFOUND",
        }),
      ),
  };
}

async function world(options?: TestLifecycleOptions): Promise<TestLifecycle & { readonly lines: LogLine[] }> {
  const lines: LogLine[] = [];
  const logger = loggerTo((line) => lines.push(line));
  const made = await createTestLifecycle({ ...options, lifecycle: { logger, ...options?.lifecycle } });
  afterwards(() => made.close());
  return Object.assign(made, { lines });
}

async function errorOf(promise: Promise<unknown>): Promise<LifecycleError> {
  return promise.then(
    () => expect.fail("it resolved"),
    (error: unknown) => error as LifecycleError, // the library's own
  );
}

describe("a host that does not exist", () => {
  it("is named with ENOTFOUND and the next attempt by each view, and by one line of the log", async () => {
    const lines: LogLine[] = [];
    const { open } = await scene();
    const lifecycle = await open({
      transport: unknownHost(),
      endpoints: { api: `https://${host}`, auth: `https://${host}` },
      logger: loggerTo((line) => lines.push(line)),
    });
    for (const id of ["ada", "bob"]) await heldBack(lifecycle, id);

    const { calls, pause, state } = await lifecycle.inspect("ada");
    expect({ state, reason: pause?.reason }).toEqual({ state: "created", reason: "unavailable" });
    expect(calls).toEqual({ management: 0, token: 0 }); // none has left
    const cause = { call: "createUser", endpoint: "management", host, status: null, code: "ENOTFOUND" };
    expect(pause?.cause).toEqual({
      ...cause,
      attempt: pause === null ? 0 : pause.attempt - 1,
      at: expect.any(Date) as Date,
      retryAt: pause?.until,
    });
    expect((await lifecycle.history("ada")).at(-1)).toMatchObject({ event: "POSTPONED", cause });
    expect((await lifecycle.history("ada")).at(0)?.cause).toBeNull();
    const words = `createUser at ${host} failed: ENOTFOUND`;
    expect(await lifecycle.explain("ada")).toContain(`Last, the call was postponed: ${words}.`);
    const error = await errorOf(lifecycle.accessToken("ada", { waitMs: 0 }));
    expect(error).toMatchObject({ code: "USER_NOT_READY", failedCall: cause });
    expect(error.message).toContain(words);
    const found = await errorOf(lifecycle.remote.find({ appUserId: "ada" }));
    expect(found).toMatchObject({ code: "UNAVAILABLE", failedCall: { ...cause, call: "listUsers" } });
    const { endpoints } = await lifecycle.health();
    expect(endpoints[0]).toMatchObject({
      endpoint: "management",
      works: false,
      lastSuccess: null,
      lastFailure: { host, code: "ENOTFOUND" },
    });
    expect(endpoints[1]).toEqual({
      endpoint: "token",
      works: true,
      lastSuccess: null,
      lastFailure: null,
      nextStep: null,
    });
    expect(lines).toEqual([
      {
        level: "warn",
        endpoint: "management",
        host,
        call: "createUser",
        code: "ENOTFOUND",
        message: expect.stringMatching(
          `^1upHealth's management endpoint does not work: ${words}; what to do: check the host name`,
        ) as string,
      },
    ]);
  });
});

describe("an endpoint", () => {
  it("has one line in the log when it stops working and one when it works again, however many users meet it", async () => {
    const { lifecycle, sandbox, lines } = await world();
    sandbox.fail({ times: Infinity, status: 503 });
    await Promise.all(["ada", "bob", "eve"].map((id) => lifecycle.onboard(id, { waitMs: 60_000 })));
    sandbox.clearFaults();
    sandbox.clock.advance(60_000);
    await Promise.all(["ada", "bob", "eve"].map((id) => lifecycle.onboard(id, { waitMs: 7_200_000 })));
    const about = lines.filter(({ endpoint }) => endpoint === "management");
    expect(about.map(({ level, code }) => [level, code])).toEqual([
      ["warn", "http_503"],
      ["info", undefined],
    ]);
    const [management] = (await lifecycle.health()).endpoints;
    expect(management).toMatchObject({ works: true, lastFailure: { status: 503, code: "http_503" } });
    expect(management?.lastSuccess).toBeInstanceOf(Date);
  });

  it("works though it refuses a user, a token or a resource", async () => {
    const { lifecycle, sandbox, lines } = await world();
    sandbox.fail({
      call: "createUser",
      status: 400,
      body: { success: false, error: "app_user_id is too odd" },
    });
    await lifecycle.onboard("ada", { waitMs: 0 }).catch(() => {});
    await lifecycle.onboard("bob");
    await lifecycle
      .fhir("bob", "r4")
      .read("Patient", "none")
      .catch(() => {});
    expect((await lifecycle.health()).endpoints.map(({ works }) => works)).toEqual([true, true, true]);
    expect(lines.filter(({ endpoint }) => endpoint !== undefined)).toEqual([]);
  });
});

describe("a cause", () => {
  it.each([
    ["a time-out", { delayMs: 90_000 }, { status: null, code: "TIMEOUT", timeoutMs: 30_000 }],
    ["a 503", { status: 503 }, { status: 503, code: "http_503" }],
    ["a page", { response: "html" }, { status: 200, code: "html_page" }],
    ["a redirect", { response: "loginPage" }, { status: 302, code: "http_302" }],
    [
      "an OAuth code",
      { status: 400, body: { error: "server_error" } },
      { status: 400, code: "server_error" },
    ],
    ["no code", { response: "noCode" }, { status: 200, code: "not_stated" }],
  ] as const)("of %s is its code and status", async (_what, fault, cause) => {
    const { lifecycle, sandbox } = await world();
    sandbox.fail({ call: "createUser", ...fault, times: 1 });
    await lifecycle.onboard("ada", { waitMs: 7_200_000 }).catch(() => {}); // it may be blocked alone
    const first = (await lifecycle.history("ada")).find((step) => step.cause !== null);
    expect(first?.cause).toMatchObject({ call: "createUser", endpoint: "management", ...cause });
  });

  it("outlasts its process, and a crash is one of its own", async () => {
    const made = await world();
    made.sandbox.fail({ call: "createUser", status: 502, times: 1 });
    await made.lifecycle.onboard("ada", { waitMs: 0 });
    const { pause } = await made.lifecycle.inspect("ada");
    expect(pause?.cause).toMatchObject({ code: "http_502" });
    await made.restart();
    expect((await made.lifecycle.inspect("ada")).pause?.cause).toEqual(pause?.cause);

    await made.crash({ after: "exchangeCode" }, () => made.lifecycle.onboard("ada"));
    await made.restart();
    await made.lifecycle.onboard("ada", { waitMs: 7_200_000 });
    const codes = (await made.lifecycle.history("ada")).flatMap(({ cause }) => (cause ? [cause.code] : []));
    expect(codes).toEqual(["http_502", "user_missing", "process_died", "invalid_grant"]);
  });

  it("is none where a user waits for a slot", async () => {
    const { lifecycle } = await world({
      lifecycle: { limits: { management: { calls: 1, windowMs: 3_600_000 } } },
    });
    await lifecycle.onboard("ada");
    await lifecycle.onboard("bob", { waitMs: 0 });
    expect((await lifecycle.inspect("bob")).pause).toMatchObject({ reason: "rateLimit", cause: null });
  });

  it("of a FHIR call is the code and the elements of the OperationOutcome, and none of its words", async () => {
    const { lifecycle, sandbox } = await world();
    await lifecycle.onboard("ada");
    const issue = [
      { severity: "error", code: "value", diagnostics: "Ada Lovelace", expression: ["Patient.birthDate"] },
    ];
    sandbox.fail({ call: "fhir.create", status: 422, body: { resourceType: "OperationOutcome", issue } });
    const error = await errorOf(lifecycle.fhir("ada", "r4").create({ resourceType: "Patient" }));
    expect(error.failedCall).toMatchObject({
      call: "fhirCreate",
      endpoint: "fhir",
      status: 422,
      issue: { code: "value", at: ["Patient.birthDate"] },
      attempt: 1,
    });
    expect(inspect(error, { depth: 9 })).not.toContain("Lovelace");
  });
});

describe("a new user behind a gate that others have shut", () => {
  it("is told which gate that is, and the failed call behind it, while it waits for the gate and in line", async () => {
    const made = await world();
    const { lifecycle, sandbox, clock } = made;
    sandbox.fail({ call: "exchangeCode", status: 503, times: 99 });
    for (const id of ["mary", "eve", "joan", "rosa"]) await lifecycle.onboard(id, { waitMs: 0 });
    expect((await lifecycle.health()).shut).toMatchObject([{ gate: "exchange" }]);
    await lifecycle.onboard("ada", { waitMs: 0 });
    const met = /the exchange of codes is shut, for all users of the account\)?: exchangeCode at .* http_503/;
    for (let minute = 0; minute < 10; minute++) {
      const { calls, pause } = await lifecycle.inspect("ada");
      expect(calls).toEqual({ management: 0, token: 0 });
      if (pause !== null && pause.until !== null && pause.until.getTime() > clock.now())
        expect(pause.cause).toMatchObject({ call: "exchangeCode", status: 503 });
      const said = await lifecycle.explain("ada");
      expect(said).toMatch(met);
      expect(said).toContain("What to do: wait, and ask 1upHealth's support if it goes on");
      expect(said).not.toMatch(/its call brought|as attempt (?!1\b)/);
      await clock.advance(60_000);
    }
  });
});

describe("the text of a response", () => {
  const words = "Mary Shelley born 1797-08-30 pays with planted-secret-planted-secret, see mary@example.org";
  const refusal = { success: false, error: words };

  async function refused(text: boolean, seed = 1): Promise<Awaited<ReturnType<typeof world>>> {
    const made = await world({ lifecycle: { causes: { text } }, sandbox: { seed } });
    made.sandbox.fail({ call: "createUser", status: 500, body: refusal, times: 3 });
    made.sandbox.fail({ call: "issueAuthCode", status: 500, body: refusal, times: 9 });
    await made.lifecycle.onboard("mary", { waitMs: 0 });
    return made;
  }

  it("is its length and a fingerprint, equal for equal texts, and stands nowhere", async () => {
    const made = await refused(false);
    const { lifecycle, sandbox, lines } = made;
    await lifecycle.onboard("ada", { waitMs: 0 });
    const [mary, ada] = [await lifecycle.inspect("mary"), await lifecycle.inspect("ada")];
    const text = mary.pause?.cause?.text;
    expect(text).toEqual({
      length: words.length,
      fingerprint: expect.stringMatching(/^[0-9a-f]{12}$/) as string,
    });
    expect(ada.pause?.cause?.text).toEqual(text);
    const other = await refused(false, 2);
    expect((await other.lifecycle.inspect("mary")).pause?.cause?.text?.fingerprint).not.toBe(
      text?.fingerprint,
    );
    sandbox.clearFaults();
    sandbox.fail({ call: "createUser", status: 500, body: { error: "something else" }, times: 1 });
    await lifecycle.onboard("eve", { waitMs: 0 });
    expect((await lifecycle.inspect("eve")).pause?.cause?.text?.fingerprint).not.toBe(text?.fingerprint);
    const shown = [
      mary,
      await lifecycle.history("mary"),
      await lifecycle.explain("mary"),
      await lifecycle.health(),
      await errorOf(lifecycle.accessToken("mary", { waitMs: 0 })),
      lines,
    ];
    expect(inspect(shown, { depth: 9, maxStringLength: null })).not.toMatch(/Shelley|1797-|planted/);
  });

  it("is kept if asked for, without what looks like a secret, an address or a number, for explain() alone", async () => {
    const { lifecycle, lines } = await refused(true);
    expect(await lifecycle.explain("mary")).toContain(
      'and the response reads "*** Shelley born *** pays with ***, see ***"',
    );
    const others = [
      await lifecycle.inspect("mary"),
      await lifecycle.history("mary"),
      await lifecycle.health(),
      await errorOf(lifecycle.accessToken("mary", { waitMs: 0 })),
      lines,
    ];
    expect(inspect(others, { depth: 9, maxStringLength: null })).not.toMatch(/Shelley|1797-|planted/);
    await lifecycle.onboard("mary", { waitMs: 7_200_000 });
    expect(await lifecycle.explain("mary")).not.toContain("Shelley");
  });

  it.each([
    ["Password hunter2 refused", "Password *** refused"],
    ["Authorization: Bearer abcDEF", "Authorization: Bearer ***"],
    ["api_key=kkkkkk, client_secret abcdef", "api_key=***, client_secret ***"],
    ["invalid client secret", "invalid client secret"],
    ["malformed q3%2BZt0%2F9kLw%2BXv2%2FRb7yA", "malformed ***"],
  ])("hides what looks like a secret: %s", (text, kept) => {
    expect(keptText(new Secret(text), []).reveal()).toBe(kept);
  });

  it.each<[string, (secret: string) => string]>([
    ["as it was sent, in a form", (secret) => new URLSearchParams({ "": secret }).toString().slice(1)],
    ["as in a URL", encodeURIComponent],
    ["as in a URL, in small letters", (secret) => encodeURIComponent(secret).toLowerCase()],
    ["as in JSON", (secret) => JSON.stringify(secret)],
    ["as in JSON that escapes each slash", (secret) => JSON.stringify(secret).replaceAll("/", "\\/")],
    ["in capitals", (secret) => secret.toUpperCase()],
  ])("hides the client secret %s", async (_, quoted) => {
    const clientSecret = 'pl+u"s/A(1)';
    const made = await world({ sandbox: { clientSecret }, lifecycle: { causes: { text: true } } });
    const error = `malformed value ${quoted(clientSecret)} found`;
    made.sandbox.fail({ call: "exchangeCode", status: 400, body: { error }, times: 9 });
    await made.lifecycle.onboard("mary", { waitMs: 0 });
    expect(await made.lifecycle.explain("mary")).toMatch(
      /the response reads "malformed value (?:\\")?\*\*\*(?:\\")? found"/,
    );
  });

  it("hides a refused refresh token, which the user no longer holds", async () => {
    const limits = { management: { calls: 1, windowMs: 3_600_000 } }; // no code in this hour
    const { lifecycle, sandbox } = await world({ lifecycle: { limits, causes: { text: true } } });
    await lifecycle.onboard("ada");
    const body = { error: "invalid_grant", error_description: "no grant for short-token" };
    sandbox.fail({ call: "refreshToken", status: 400, body });
    const grant = { oneupUserId: 700, refreshToken: "short-token" };
    expect(await lifecycle.adopt("mary", grant, { waitMs: 1_000 })).toMatchObject({ state: "reauthorizing" });
    expect(await lifecycle.explain("mary")).toContain('the response reads "no grant for ***"');
  });

  it("is sealed in the record, and erased with it", async () => {
    const store = memory();
    const made = await world({ lifecycle: { store, causes: { text: true } } });
    made.sandbox.fail({ status: 500, body: refusal, times: 1 });
    await made.lifecycle.onboard("mary", { waitMs: 0 });
    expect(inspect(store, { depth: 30, showHidden: true, maxStringLength: null })).not.toContain("Shelley");
    await made.lifecycle.offboard("mary");
    expect(await made.lifecycle.explain("mary")).not.toContain("Shelley");
  });

  it("is an option that is true or false", async () => {
    const causes = { text: "yes" as unknown as boolean }; // the mistake
    await expect(createTestLifecycle({ lifecycle: { causes } })).rejects.toMatchObject({
      code: "INVALID_OPTION",
    });
  });
});

describe("a gate that shuts after a user's own call has failed", () => {
  it("is what the user waits for, and what its advice is about", async () => {
    const { lifecycle, sandbox } = await world();
    sandbox.fail({ call: "createUser", appUserId: "dora", status: 503 });
    await lifecycle.onboard("dora", { waitMs: 1_000 });
    sandbox.fail({ status: 401, body: { error: "invalid_client" }, times: Infinity });
    for (const id of ["emil", "fred", "gina"])
      await lifecycle.onboard(id, { waitMs: 2_000 }).catch(() => null);
    const { pause } = await lifecycle.inspect("dora");
    expect(pause).toMatchObject({ reason: "credentials", cause: { code: "invalid_client", status: 401 } });
    expect(await lifecycle.explain("dora")).toMatch(
      /because 1upHealth refuses the client id and secret .*: \w+ at api\.1up\.health failed: invalid_client.* What to do: compare client id and secret/,
    );
  });
});

it("explain() names why a code brought nothing, not that it is refused when it is presented again", async () => {
  const limits = { management: { calls: 1, windowMs: 3_600_000 } }; // no second code in this hour
  const { clock, lifecycle, sandbox } = await world({ lifecycle: { limits } });
  sandbox.fail({ call: "exchangeCode", drop: "after" });
  await lifecycle.onboard("ada", { waitMs: 0 });
  await clock.advance(11_000);
  await lifecycle.resume();
  const [before, last] = (await lifecycle.history("ada")).slice(-2);
  expect([before?.cause?.code, last?.cause?.code]).toEqual(["ECONNRESET", "invalid_grant"]);
  expect(await lifecycle.explain("ada")).toMatch(/exchangeCode at \S+ failed: ECONNRESET\./);
});
