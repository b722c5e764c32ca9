/**
 * A provider with four responses: a created user with its code, a pair of tokens, a patient, and a page of Observations.
 * It checks only the path, because a slow provider would hide what is measured. Arguments: latency in ms; the number of
 * pages of a walk; the form of its links.
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
const pages = Number(process.argv[3] ?? 200);
const isAbsolute = process.argv[4] === "absolute";
let users = 0;
let grants = 0;
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
  const body = bodyFor(url);
  response.writeHead(200, { "content-type": "application/json", "content-length": body.length });
  response.end(body);
}

function bodyFor(url: string): string | Buffer {
  if (url === "/oauth2/token") return tokens();
  if (url.startsWith("/r4/Observation?")) return page(url, "72");
  if (url.startsWith("/r4/Media?")) return page(url, "1.50"); // the same, with a number that has digits to lose
  return url.startsWith("/r4/") ? patient : createdUser();
}

const madePages = new Map<string, Buffer>();

/** A page of 100 small resources, which links to the next one. Pages are made once. */
function page(url: string, digits: string): Buffer {
  const index = Number(/[?&]_after=(\d+)/.exec(url)?.[1] ?? 0);
  const type = url.slice("/r4/".length, url.indexOf("?"));
  const key = `${type} ${index}`;
  let made = madePages.get(key);
  if (made === undefined) {
    const path = `/r4/${type}?_count=100&_after=${index + 1}`;
    const link = index + 1 < pages ? [{ relation: "next", url: isAbsolute ? origin() + path : path }] : [];
    const entry = Array.from({ length: 100 }, (_, at) => observation(type, index * 100 + at));
    const total = pages * 100;
    const bundle = JSON.stringify({ resourceType: "Bundle", type: "searchset", total, link, entry });
    made = Buffer.from(bundle.replaceAll('"value":72', `"value":${digits}`));
    madePages.set(key, made);
  }
  return made;
}

function observation(resourceType: string, index: number): object {
  const id = index.toString(16).padStart(12, "0");
  return {
    fullUrl: `https://api.1up.health/r4/${resourceType}/${id}`,
    search: { mode: "match" },
    resource: {
      resourceType,
      id,
      meta: { versionId: "1", lastUpdated: "2026-11-25T12:00:00.230Z" },
      status: "final",
      code: { coding: [{ system: "http://loinc.org", code: "8867-4", display: "Heart rate" }] },
      subject: { reference: "Patient/0a0cee5487a8" },
      effectiveDateTime: "2026-11-25T11:58:00Z",
      valueQuantity: { value: 72, unit: "/min", system: "http://unitsofmeasure.org", code: "/min" },
    },
  };
}

function createdUser(): string {
  const id = ++users;
  return `{"success":true,"code":"${word(id, "o")}","oneup_user_id":${id},"active":true}`;
}

function tokens(): string {
  const accessToken = word(++grants, "t");
  const refreshToken = word(grants, "r");
  return `{"refresh_token":"${refreshToken}","token_type":"bearer","access_token":"${accessToken}","expires_in":7200,"scope":"user/*.*"}`;
}

/** 40 characters, like 1upHealth's tokens. `fill` is no hexadecimal digit, or two numbers would give one word. */
function word(id: number, fill: string): string {
  return id.toString(16).padStart(40, fill);
}

function origin(): string {
  const { port } = server.address() as AddressInfo; // of a server that listens on TCP
  return `http://127.0.0.1:${port}`;
}

server.keepAliveTimeout = 0; // connections stay open during the other side's round
server.requestTimeout = 0;
server.listen(0, "127.0.0.1", () => {
  const url = origin();
  if (process.send === undefined) console.log(url);
  else process.send(url);
});
process.on("message", () => process.send?.(calls));
process.on("disconnect", () => process.exit(0));
