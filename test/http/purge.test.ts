import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { purgeCall, readPurge } from "../../src/http/purge.ts";
import { answer, client, hush } from "./samples.ts";

describe("purgeCall()", () => {
  it("deletes one version of one user, by the credentials of the client, and prints none of them", () => {
    const call = purgeCall(client, { oneupUserId: 251, version: "stu3" });
    expect({ ...call }).toEqual({
      name: "purge",
      endpoint: "fhir",
      method: "DELETE",
      url: "https://api.1up.health/stu3/purge",
      template: "/stu3/purge",
      headers: {
        accept: "application/json",
        client_id: "clientid",
        client_secret: "hush-client",
        "x-oneup-user-id": "251",
      },
    });
    expect(`${inspect(call)} ${JSON.stringify(call)}`).not.toContain(hush);
  });
});

describe("readPurge()", () => {
  const unclear = { type: "unexplained", why: "unclear_answer" };
  const outcome = { resourceType: "OperationOutcome", issue: [{ severity: "error", code: "exception" }] };
  it.each([
    ["success", 200, { success: true }, { type: "purged", digest: expect.stringMatching(/^[0-9a-f]{64}$/) }],
    [
      "success with a count",
      200,
      { success: true, deleted: 17 },
      { type: "purged", digest: expect.stringMatching(/^[0-9a-f]{64}$/) },
    ],
    ["a count alone", 200, { deleted: 17 }, unclear],
    ["an empty answer", 204, "", unclear],
    ["an empty success", 200, "", unclear],
    ["an empty object", 200, {}, unclear],
    ["an empty list", 200, [], unclear],
    ["success as a word", 200, { success: "true" }, unclear],
    ["an unrelated Bundle", 200, { resourceType: "Bundle", entry: [] }, unclear],
    ["a Bundle that calls itself a success", 200, { success: true, resourceType: "Bundle" }, unclear],
    ["a success with errors", 200, { success: true, errors: ["Observation"] }, unclear],
    ["a list of users", 200, { success: true, entry: [] }, unclear],
    ["the answer to a create", 200, { success: true, code: "c", oneup_user_id: 251 }, unclear],
    ["an outcome without trouble", 200, { ...outcome, issue: [{ severity: "information" }] }, unclear],
    ["a page", 200, "<html><body>OK</body></html>", { type: "blocked", why: "html_page" }],
    ["words", 200, "OK", { type: "inDoubt", why: "unreadable_body" }],
    ["a gateway that gave up", 504, { message: "Endpoint request timed out" }, { type: "cut" }],
    ["a page of one", 504, "<html><body>Gateway Time-out</body></html>", { type: "cut" }],
    [
      "the same as a success",
      200,
      { success: false, error: "Task timed out after 30.03 seconds" },
      { type: "cut" },
    ],
    ["a promise to do it later", 202, { success: true }, unclear],
    ["trouble", 500, outcome, { type: "inDoubt", why: "http_500" }],
    ["an outcome with issues", 200, outcome, unclear],
    ["a cut body", 200, '{"success":tr', { type: "inDoubt", why: "unreadable_body" }],
    ["a denial", 200, { success: false, error: "not allowed" }, { type: "unexplained", why: "http_200" }],
    ["an unknown version", 404, { error: "unknown" }, { type: "unexplained", why: "http_404" }],
    ["an outcome of a failure", 400, outcome, { type: "unexplained", why: "http_400" }],
    [
      "an outcome that forbids it",
      400,
      { ...outcome, issue: [{ severity: "error", code: "forbidden" }] },
      { type: "refused", why: "http_400" },
    ],
    ["refused credentials", 401, {}, { type: "credentialsRefused" }],
    ["a login page", 302, "", { type: "blocked", why: "http_302" }],
    ["a blocked region", 403, { message: "Forbidden" }, { type: "blocked", why: "http_403" }],
    ["a limit", 429, "", { type: "throttled" }],
  ])("reads %s", (_, status, body, expected) => {
    expect(readPurge(answer(status, body))).toEqual(expected);
  });
});
