import { describe, expect, it, onTestFinished } from "vitest";
import { systemClock } from "../../src/clock.ts";
import {
  createResourceCall,
  deleteResourceCall,
  operationCall,
  pageCall,
  permissionCall,
  readResourceCall,
  readVersionCall,
  updateResourceCall,
} from "../../src/fhir/calls.ts";
import { readResponse } from "../../src/fhir/fhir-response.ts";
import {
  creating,
  deleting,
  operating,
  permitting,
  reading,
  searching,
  updating,
  type Operation,
} from "../../src/fhir/operation.ts";
import { describeCall, type Call, type Client } from "../../src/http/call.ts";
import { fetchTransport } from "../../src/http/fetch-transport.ts";
import { createSender } from "../../src/http/send.ts";
import { exchangeCodeCall, readTokens, refreshTokenCall } from "../../src/http/token.ts";
import { undiciTransport } from "../../src/http/undici-transport.ts";
import {
  createUserCall,
  issueAuthCodeCall,
  listUsersCall,
  readCreatedUser,
  readIssuedCode,
  readUpdatedUser,
  readUserList,
  updateUserCall,
} from "../../src/http/user-management.ts";
import { Secret } from "../../src/secret.ts";
import { serve } from "../http/local-server.ts";

const ada = { appUserId: "ada" };
const secret = new Secret("planted");

/** Every call there is, and what its reader makes of the answer. */
function everyCall(base: string): readonly [Call, (answer: never) => { readonly type: string }][] {
  const client: Client = { api: base, auth: base, clientId: "client", clientSecret: secret };
  const place = { api: base, version: "r4" } as const;
  const update = { method: "PUT", body: "{}", versionId: "1" } as const;
  const fhir = (call: Call, task: Operation): [Call, (answer: never) => { readonly type: string }] => [
    describeCall({ ...call, headers: { ...call.headers, authorization: "Bearer planted" } }),
    (answer) => readResponse(task, answer),
  ];
  return [
    [createUserCall(client, "ada"), (answer) => readCreatedUser(answer, ada)],
    [issueAuthCodeCall(client, "ada"), (answer) => readIssuedCode(answer, ada)],
    [listUsersCall(client, { appUserId: "ada" }), readUserList],
    [updateUserCall(client, { oneupUserId: 1, appUserId: "ada" }), (answer) => readUpdatedUser(answer, ada)],
    [exchangeCodeCall(client, secret), readTokens],
    [refreshTokenCall(client, secret), readTokens],
    fhir(createResourceCall(place, "Patient", "{}"), creating("Patient")),
    fhir(readResourceCall(place, "Patient", "a"), reading("Patient", "a")),
    fhir(readVersionCall(place, "Patient", "a", "1"), reading("Patient", "a", "vread")),
    fhir(updateResourceCall(place, "Patient", "a", update), updating("Patient", "a")),
    fhir(deleteResourceCall(place, "Patient", "a"), deleting("Patient", "a")),
    fhir(permissionCall(place, true, "a", 1), permitting(true)),
    fhir(permissionCall(place, false, "a", 1), permitting(false)),
    fhir(operationCall(place, "/$meta", "", "{}"), operating("meta", undefined, true)),
    fhir(pageCall(place, "/Patient", "_count=1"), searching("Patient", ["_count"])),
  ];
}

describe.each([
  ["undiciTransport()", undiciTransport],
  ["fetchTransport()", () => fetchTransport()],
])("over %s", (_, open) => {
  it("no call is sent after a redirect, to another origin or the same, with any status", async () => {
    const elsewhere = await serve((response) =>
      response.end('{"success":true,"code":"stolen","oneup_user_id":1}'),
    );
    let says = { status: 302, location: "" };
    const { url, seen } = await serve((response) =>
      response.writeHead(says.status, { location: says.location, refresh: `0; url=${elsewhere.url}` }).end(),
    );
    const sender = createSender({
      transport: open(),
      clock: systemClock,
      timeoutMs: 5_000,
      maxBytes: 10_000,
    });
    onTestFinished(() => sender.close());
    let sent = 0;
    for (const status of [301, 302, 307, 308]) {
      for (const location of [`${elsewhere.url}/take`, "/login"]) {
        says = { status, location };
        for (const [call, read] of everyCall(url)) {
          sent++;
          const answer = await sender.send(call);
          expect(answer).toMatchObject({ type: "answer", status });
          expect(read(answer as never).type).toMatch(/^(blocked|error)$/);
        }
      }
    }
    expect(seen).toHaveLength(sent);
    expect(elsewhere.seen).toEqual([]);
  });
});
