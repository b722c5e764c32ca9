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
  const outcome = { resourceType: "OperationOutcome", issue: [{ severity: "error", code: "exception" }] };
  it.each([
    ["success", 200, { success: true }, { type: "purged" }],
    ["success in other words", 200, { deleted: 17 }, { type: "purged" }],
    ["an empty answer", 204, "", { type: "purged" }],
    ["a gateway that gave up", 504, { message: "Endpoint request timed out" }, { type: "cut" }],
    ["a page of one", 504, "<html><body>Gateway Time-out</body></html>", { type: "cut" }],
    [
      "the same as a success",
      200,
      { success: false, error: "Task timed out after 30.03 seconds" },
      { type: "cut" },
    ],
    ["a promise to do it later", 202, { success: true }, { type: "inDoubt", why: "says_nothing" }],
    ["trouble", 500, outcome, { type: "inDoubt", why: "http_500" }],
    ["an outcome with issues", 200, outcome, { type: "inDoubt", why: "says_nothing" }],
    ["a cut body", 200, '{"success":tr', { type: "inDoubt", why: "unreadable_body" }],
    ["a denial", 200, { success: false, error: "not allowed" }, { type: "refused", why: "http_200" }],
    ["an unknown version", 404, { error: "unknown" }, { type: "refused", why: "http_404" }],
    ["refused credentials", 401, "", { type: "credentialsRefused" }],
    ["a login page", 302, "", { type: "credentialsRefused" }],
    ["a blocked region", 403, { message: "Forbidden" }, { type: "forbidden" }],
    ["a limit", 429, "", { type: "throttled" }],
  ])("reads %s", (_, status, body, expected) => {
    expect(readPurge(answer(status, body))).toEqual(expected);
  });
});
