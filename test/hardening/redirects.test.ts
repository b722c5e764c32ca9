import { Agent, interceptors } from "undici";
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
import { createFhirClient } from "../../src/fhir/create-fhir-client.ts";
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
import { createSender, type Sender } from "../../src/http/send.ts";
import { exchangeCodeCall, readTokens, refreshTokenCall } from "../../src/http/token.ts";
import type { Transport } from "../../src/http/transport.ts";
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

/** A dispatcher with undici's interceptor of redirects; `stubborn`: another one tells it to follow them. */
function following(stubborn: boolean): { dispatcher: Agent } {
  const agent = new Agent();
  onTestFinished(() => agent.destroy());
  const composed = agent.compose(interceptors.redirect({ maxRedirections: 3 }));
  const told = composed.compose((dispatch) => (options, handler) => {
    const more = { ...options, maxRedirections: 3 };
    return dispatch(more, handler);
  });
  return { dispatcher: (stubborn ? told : composed) as Agent };
}

function senderOver(transport: Transport): Sender {
  const sender = createSender({ transport, clock: systemClock, timeoutMs: 60_000, maxBytes: 10_000 });
  onTestFinished(() => sender.close());
  return sender;
}

describe.each([
  ["undiciTransport()", undiciTransport],
  ["undiciTransport() with undici's interceptor", () => undiciTransport(following(false))],
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
    const sender = senderOver(open());
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

  it("no answer is streamed from where a redirect leads", async () => {
    const { url, seen } = await serve((response) => response.writeHead(307, { location: "/take" }).end());
    expect(await streamedOver(open(), url)).toBe(307);
    expect(seen).toHaveLength(1);
  });
});

/** The status of a streamed answer. */
async function streamedOver(transport: Transport, url: string): Promise<unknown> {
  const sender = senderOver(transport);
  const [call] = everyCall(url).at(-1) ?? expect.fail("no call");
  const answer = await sender.stream?.(call, { isWanted: () => true });
  if (answer === undefined) return "the transport streams nothing";
  if (answer.type === "stream") for await (const _ of answer.body) break;
  return "status" in answer ? answer.status : answer.cause;
}

describe.each<[string, () => Transport, number]>([
  // The second request is given up before it leaves.
  ["a dispatcher", () => undiciTransport(following(true)), 0],
  ["a fetch", () => fetchTransport((url, init) => fetch(url, { ...init, redirect: "follow" })), 1],
])("over %s of the application's own that follows redirects", (_, open, arriving) => {
  const followed = {
    code: "REDIRECT_FOLLOWED",
    sent: true,
    message: "Cannot read the answer: the dispatcher or fetch must not follow redirects, and it did",
  };
  const patient = '{"resourceType":"Patient","id":"a","success":true,"code":"stolen","oneup_user_id":1}';

  it("no answer is believed", async () => {
    const elsewhere = await serve((response) => response.end(patient));
    const { url } = await serve((response) => response.writeHead(307, { location: elsewhere.url }).end());
    const sender = senderOver(open());
    for (const [call, read] of everyCall(url)) {
      const answer = await sender.send(call);
      expect(answer).toMatchObject({ type: "lost", cause: followed });
      expect(read(answer as never).type).toMatch(/^(inDoubt|error)$/);
    }
    expect(elsewhere.seen).toHaveLength(arriving * everyCall(url).length);
    expect(await streamedOver(open(), url)).toMatchObject(followed);
  });

  it("a read tells why, and is not repeated", async () => {
    const elsewhere = await serve((response) => response.end(patient));
    const { url, seen } = await serve((response) =>
      response.writeHead(307, { location: elsewhere.url }).end(),
    );
    const fhir = createFhirClient({
      version: "r4",
      api: url,
      token: { get: () => "token" },
      transport: open(),
    });
    await expect(fhir.read("Patient", "a")).rejects.toMatchObject({
      code: "BAD_ANSWER",
      retryable: false,
      message: expect.stringContaining("must not follow redirects"),
      failedCall: { code: "REDIRECT_FOLLOWED" },
    });
    expect(seen).toHaveLength(1);
  });
});
