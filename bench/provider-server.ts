/**
 * A provider with three responses: a created user with its code, a pair of tokens, and a patient. It checks only the path,
 * because a slow provider would hide what is measured. Argument: latency in ms.
 *
 * @module
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** The only patient, whatever is created. */
const patient = JSON.stringify({
  resourceType: "Patient",
  id: "0a0cee5487a8",
  meta: { versionId: "1", lastUpdated: "2026-11-25T12:00:00.230Z" },
  identifier: [{ system: "http://example.org/mrn", value: "4711" }],
  name: [{ use: "official", text: "Bilbo Baggins", family: "Baggins", given: ["Bilbo"] }],
  gender: "male",
  birthDate: "1993-06-20",
});

const latencyMs = Number(process.argv[2]);
let users = 0;
let calls = 0;

const server = createServer((request, response) => {
  request.resume();
  request.on("end", () => {
    if (latencyMs > 0) setTimeout(answer, latencyMs, request, response);
    else answer(request, response);
  });
});

function answer(request: IncomingMessage, response: ServerResponse): void {
  const { url = "" } = request;
  calls++;
  const body = url === "/oauth2/token" ? tokens() : url.startsWith("/r4/") ? patient : createdUser();
  response.writeHead(200, { "content-type": "application/json", "content-length": body.length });
  response.end(body);
}

function createdUser(): string {
  const id = ++users;
  return `{"success":true,"code":"${word(id, "c")}","oneup_user_id":${id},"active":true}`;
}

function tokens(): string {
  const accessToken = word(users, "a");
  const refreshToken = word(users, "b");
  return `{"refresh_token":"${refreshToken}","token_type":"bearer","access_token":"${accessToken}","expires_in":7200,"scope":"user/*.*"}`;
}

/** 40 characters, like 1upHealth's tokens. */
function word(id: number, fill: string): string {
  return id.toString(16).padStart(40, fill);
}

server.keepAliveTimeout = 0; // connections stay open during the other side's round
server.requestTimeout = 0;
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo; // of a server that listens on TCP
  const url = `http://127.0.0.1:${port}`;
  if (process.send === undefined) console.log(url);
  else process.send(url);
});
process.on("message", () => process.send?.(calls));
process.on("disconnect", () => process.exit(0));
