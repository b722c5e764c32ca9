import { describe, expect, it, onTestFinished } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { readResponse } from "../../src/fhir/fhir-response.ts";
import { creating, reading } from "../../src/fhir/operation.ts";
import { parseJson } from "../../src/http/json.ts";
import { createSender } from "../../src/http/send.ts";
import { readTokens } from "../../src/http/token.ts";
import { readCreatedUser, readIssuedCode, readUserList } from "../../src/http/user-management.ts";
import { undiciTransport } from "../../src/http/undici-transport.ts";
import { serve } from "../http/local-server.ts";
import { answer, opened, secretCall } from "../http/samples.ts";

const user = { success: true, oneup_user_id: 251, code: "c" };
const ada = { appUserId: "ada" };
const grant = { access_token: "at", refresh_token: "rt", expires_in: 7200 };

describe("an answer", () => {
  it("with a code or token that is too long to be one holds none", () => {
    const long = "x".repeat(8_001);
    expect(readIssuedCode(answer(200, { success: true, code: long }), ada)).toMatchObject({
      type: "inDoubt",
    });
    expect(readCreatedUser(answer(200, { ...user, code: long }), ada)).toEqual({ type: "exists" });
    expect(readTokens(answer(200, { ...grant, access_token: long }))).toMatchObject({ type: "inDoubt" });
    const { tokens } = readTokens(answer(200, { ...grant, refresh_token: long, scope: long })) as {
      tokens?: object; // a grant it is
    };
    expect(opened(tokens)).toEqual({ accessToken: "at", expiresAt: 7_201_000, lifeMs: 7_200_000 });
    const listed = { entry: [{ oneup_user_id: 1, app_user_id: long }] };
    expect(readUserList(answer(200, listed))).toEqual({
      type: "users",
      users: [{ oneupUserId: 1, active: true }],
      entries: 1,
    });
  });

  it("with a token that would break out of its header holds none", () => {
    for (const access_token of ["a\r\nx: y", "a b", "\ud800", "ä", "a\0"]) {
      expect(readTokens(answer(200, { ...grant, access_token }))).toMatchObject({ type: "inDoubt" });
    }
  });

  it.each([1e308, -1, 0, 0.5, 5e-324, 31_536_001, "1e3", "-1", "", null, [], {}, true, "Infinity"])(
    "whose expires_in is %j gives the token five minutes",
    (expires_in) => {
      expect(readTokens(answer(200, { ...grant, expires_in }))).toMatchObject({
        tokens: { expiresAt: 301_000 },
      });
    },
  );

  it("whose expires_in is in quotes is taken at its word, one that is infinite is not", () => {
    expect(readTokens(answer(200, { ...grant, expires_in: "7200" }))).toMatchObject({
      tokens: { expiresAt: 7_201_000, lifeMs: 7_200_000 },
    });
    const infinite = JSON.stringify(grant).replace("7200", "1e999");
    expect(readTokens(answer(200, infinite))).toMatchObject({ tokens: { expiresAt: 301_000 } });
  });

  it.each([2 ** 60, 2 ** 53, -1, 0, 1.5, 1e308, "x", "9007199254740993", "1e3", null, {}, [251], true])(
    "whose oneup_user_id is %j names no user",
    (oneup_user_id) => {
      expect(readCreatedUser(answer(200, { ...user, oneup_user_id }), ada)).toEqual({ type: "exists" });
      expect(opened(readIssuedCode(answer(200, { ...user, oneup_user_id }), ada))).toEqual({
        type: "code",
        code: "c",
      });
    },
  );

  it("with __proto__ or constructor in it pollutes nothing and is read by its own fields alone", () => {
    const inherited =
      '{"__proto__":{"access_token":"a","oneup_user_id":1,"code":"c","success":true,"polluted":1},';
    const constructed = '"constructor":{"prototype":{"polluted":1}}}';
    const text = inherited + constructed;
    expect(readTokens(answer(200, text))).toMatchObject({ type: "inDoubt" });
    expect(readCreatedUser(answer(200, text), ada)).toMatchObject({ type: "inDoubt" });
    const patient = `{"resourceType":"Patient","id":"a",${text.slice(1)}`;
    expect(readResponse(reading("Patient", "a"), answer(200, patient))).toMatchObject({
      type: "done",
    });
    expect("polluted" in {}).toBe(false);
    expect(readTokens(answer(429, "", { ["__proto__"]: "x", constructor: "y" }))).toEqual({
      type: "throttled",
    });
  });

  it("of 100,000 levels is read or refused, and ends nothing", () => {
    const deep = "[".repeat(100_000) + "]".repeat(100_000);
    expect(readTokens(answer(200, deep))).toMatchObject({ type: "inDoubt" });
    expect(readCreatedUser(answer(200, `{"success":true,"oneup_user_id":1,"code":${deep}}`), ada)).toEqual({
      type: "exists",
    });
    expect(readUserList(answer(200, `{"entry":${deep}}`))).toMatchObject({ type: "inDoubt" });
    expect(parseJson("[".repeat(100_000))).toBeUndefined();
    const outcome = `{"resourceType":"OperationOutcome","issue":${deep}}`;
    expect(readResponse(reading("Patient", "a"), answer(404, outcome))).toMatchObject({
      type: "error",
    });
  });

  it("to a create of a resource names no id that is a step in a path", () => {
    for (const id of ["..", "."]) {
      const task = creating("Patient");
      expect(readResponse(task, answer(201, { resourceType: "Patient", id }))).toMatchObject({
        error: { code: "IN_DOUBT" },
      });
      const read = readResponse(task, answer(201, "", { location: `/r4/Patient/${id}` }));
      expect(read).toMatchObject({ error: { facts: { issues: [] } } });
      expect(read).not.toMatchObject({ error: { facts: { id } } });
    }
  });

  it("about one user is cut off at 256 KiB, a list or a resource at the sender's own limit", async () => {
    const { url } = await serve((response) => response.end("x".repeat(300_000)));
    const sender = createSender({
      transport: undiciTransport(),
      clock: systemClock,
      timeoutMs: 5_000,
      maxBytes: 400_000,
    });
    onTestFinished(() => sender.close());
    const token = { ...secretCall(url), endpoint: "token" } as const;
    for (const call of [secretCall(url), token]) {
      expect(await sender.send(call)).toMatchObject({ type: "lost", cause: { code: "ANSWER_TOO_BIG" } });
    }
    for (const call of [secretCall(url, { method: "GET" }), secretCall(url, { endpoint: "fhir" })]) {
      expect(await sender.send(call)).toMatchObject({ type: "answer", status: 200 });
    }
  });
});
