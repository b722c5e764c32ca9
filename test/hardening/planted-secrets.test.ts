import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import {
  isLifecycleError,
  undiciTransport,
  type Lifecycle,
  type Transport,
  type TransportRequest,
  type TransportResponse,
} from "oneup-lifecycle";
import { describe, expect, it } from "vitest";
import { onDisk } from "../support/on-disk.ts";
import { folder, scene } from "../support/scene.ts";
import { loggerTo } from "../support/loggers.ts";

/** An error as careless libraries throw it: the whole request hangs on it. */
function telling({ url, headers, body }: TransportRequest): Error {
  const request = { url, headers: { ...headers }, body };
  const cause = new Error(`${url} ${JSON.stringify(headers)} ${body}`);
  return Object.assign(new Error(`Cannot reach ${url} with ${JSON.stringify(headers)}`, { cause }), {
    code: "ETELL",
    request,
  });
}

const echo = ({ url, headers, body = "" }: TransportRequest): string =>
  `${url} ${JSON.stringify(headers)} ${body}`;
const json = (status: number, body: object, headers: Record<string, string> = {}): TransportResponse => ({
  status,
  headers: { "content-type": "application/json", ...headers },
  text: JSON.stringify(body),
});

type Send = (request: TransportRequest) => Promise<TransportResponse>;

/** What can become of a call, each with everything secret in the worst place. */
const faults: Readonly<
  Record<string, (request: TransportRequest, send: Send) => Promise<TransportResponse>>
> = {
  "never sent": async (request) => Promise.reject(telling(request)),
  async "answer lost"(request, send) {
    await send(request);
    throw telling(request);
  },
  async "500 with an echo"(request, send) {
    await send(request);
    return json(500, { error: echo(request), message: echo(request) });
  },
  "400 with an echo": async (request) =>
    json(400, { error: "invalid_request", error_description: echo(request) }),
  "a no of its own words": async (request) => json(200, { success: false, error: echo(request) }),
  "invalid_grant with an echo": async (request) =>
    json(400, { error: "invalid_grant", error_description: echo(request) }),
  "302 with an echo": async (request) =>
    json(302, {}, { location: `https://login.example/?${request.body ?? ""}` }),
  "HTML with an echo": async (request) => ({
    status: 200,
    headers: {},
    text: `<html>Log in ${echo(request)}</html>`,
  }),
  "403 with an echo": async (request) => json(403, { message: echo(request) }),
  "429 with an echo": async (request) => json(429, { message: echo(request) }, { "retry-after": "1" }),
  "an OperationOutcome with an echo": async (request) => {
    const said = echo(request);
    const issue = [{ severity: said, code: said, diagnostics: said, expression: [said], location: [said] }];
    return json(422, { resourceType: "OperationOutcome", issue });
  },
  async "a cut body"(request, send) {
    const answer = await send(request);
    return { ...answer, text: answer.text.slice(0, -5) };
  },
};

/** A transport that lets the next call to a place go wrong, and notes every secret that passes. */
class Hostile implements Transport {
  readonly secrets = new Set<string>();
  readonly #inner = undiciTransport();
  #next: { readonly place: RegExp; readonly fault: string } | null = null;
  struck = 0;

  plan(place: RegExp, fault: string): void {
    this.#next = { place, fault };
  }

  async send(request: TransportRequest): Promise<TransportResponse> {
    const send: Send = async (asked) => this.#noted(await this.#inner.send(asked));
    const next = this.#next;
    const fault =
      next !== null && next.place.test(`${request.method} ${request.url}`) ? faults[next.fault] : undefined;
    if (fault === undefined) return send(request);
    this.#next = null;
    this.struck++;

    return fault(request, send);
  }

  #noted(answer: TransportResponse): TransportResponse {
    if (answer.text.includes('"resourceType"')) return answer; // the code of an issue is no secret
    for (const [, secret] of answer.text.matchAll(/"(?:code|access_token|refresh_token)":"([^"]+)"/g)) {
      if (secret !== undefined) this.secrets.add(secret);
    }
    return answer;
  }

  close(): Promise<void> {
    return this.#inner.close?.() ?? Promise.resolve();
  }
}

/** A secret in the forms in which it could be lying about; none shorter than a few characters. */
function formsOf(secret: string): readonly string[] {
  const bytes = Buffer.from(secret);
  const shifted = [0, 1, 2].map((by) =>
    Buffer.concat([Buffer.alloc(by), bytes])
      .toString("base64")
      .slice(by === 0 ? 0 : 4)
      .replace(/..?=*$/, ""),
  ); // as part of a longer text, too
  const urls = shifted.map((text) => text.replaceAll("+", "-").replaceAll("/", "_"));
  const encoded = [encodeURIComponent(secret), new URLSearchParams({ x: secret }).toString().slice(2)];
  const others = [secret.toLowerCase(), JSON.stringify(secret).slice(1, -1), bytes.toString("hex")];
  return [...new Set([secret, ...shifted, ...urls, ...encoded, ...others])];
}

/** The forms of these secrets that stand in a text. */
function found(secrets: Iterable<string>, text: string): readonly string[] {
  return [...secrets].flatMap(formsOf).filter((form) => text.includes(form));
}

/** Calls by the request they begin with, and what a user does to make it. */
const calls: readonly [RegExp, (lifecycle: Lifecycle, id: string) => Promise<unknown>][] = [
  [/POST .*\/user$/, (lifecycle, id) => lifecycle.onboard(`new ${id}`, { waitMs: 20 })],
  [
    /authorization_code|oauth2\/token/,
    (lifecycle, id) => lifecycle.onboard(`exchange ${id}`, { waitMs: 20 }),
  ],
  [/auth-code/, (lifecycle, id) => lifecycle.reauthorize(id, { waitMs: 20 })],
  // The one function through which a token leaves: that it came is all that is noted.
  [/oauth2\/token/, (lifecycle, id) => lifecycle.accessToken(id, { waitMs: 20 }).then(() => "a token")],
  [/PUT /, (lifecycle, id) => lifecycle.rename(id, `renamed ${id}`, { waitMs: 20 })],
  [/GET .*\/user\?/, (lifecycle, id) => lifecycle.remote.find({ appUserId: id })],
  [/GET .*\/r4\//, (lifecycle, id) => lifecycle.fhir(id, "r4").read("Patient", "x")],
  [/POST .*\/r4\//, (lifecycle, id) => lifecycle.fhir(id, "r4").create({ resourceType: "Patient" })],
];

/** Has this user a grant? One that went wrong is left to itself. */
async function isWell(lifecycle: Lifecycle, id: string): Promise<boolean> {
  if (id === "") return false;
  const { state } = await lifecycle.inspect(id).catch(() => ({ state: "renamed" }));
  return ["tokenActive", "expiring", "refreshed", "reauthorized"].includes(state);
}

describe("planted secrets", () => {
  it("are found in no form in files, logs, errors, statuses, budget or health, whatever goes wrong with any call", async () => {
    const path = folder("planted");
    const clientSecret = "Planted+client/secret%25=&end";
    const hostile = new Hostile();
    hostile.secrets.add(clientSecret);
    const said = new Set<string>();
    const codes = new Set<string>();
    const note = (thing: unknown): void => {
      if (isLifecycleError(thing)) codes.add(thing.code);
      said.add(inspect(thing, { depth: 20, showHidden: true })).add(JSON.stringify(thing) ?? "");
    };
    const { sandbox, open } = await scene({ clientSecret, limit: { calls: Infinity } });
    const limits = { management: { calls: 100_000, windowMs: 3_600_000 } };
    const logger = loggerTo(note);
    const lifecycle = await open({ ...onDisk(path), transport: hostile, logger, limits });
    lifecycle.subscribe(note);

    let planned = 0;
    let id = "";
    for (const fault of Object.keys(faults)) {
      for (const [place, call] of calls) {
        planned++;
        await lifecycle.account.reopen();
        if (!(await isWell(lifecycle, id))) {
          id = `user ${planned}`;
          await lifecycle.onboard(id, { waitMs: 2_000 }).catch(note);
        }
        sandbox.clock.advance(2 * 3_600_000 + 1_000); // its token has passed
        hostile.plan(place, fault);
        note(await call(lifecycle, id).catch((error: unknown) => error));
        if (planned % 8 === 0) note([await lifecycle.budget.refresh(), await lifecycle.health()]);
      }
    }
    for await (const user of lifecycle.users()) {
      note([user, await lifecycle.history(user.appUserId), await lifecycle.explain(user.appUserId)]);
    }
    note([sandbox.journal.entries(), lifecycle]);
    await lifecycle.close();

    expect(hostile.struck).toBeGreaterThan(planned * 0.6);
    expect([...codes].sort()).toEqual(
      expect.arrayContaining(["FHIR_REFUSED", "IN_DOUBT", "RATE_LIMITED", "UNAVAILABLE"]),
    );
    expect(hostile.secrets.size).toBeGreaterThan(50);
    const secrets = [...hostile.secrets, readFileSync(join(path, "key"), "utf8").trim()];
    const texts = readdirSync(join(path, "store")).map((file) =>
      readFileSync(join(path, "store", file), "latin1"),
    );
    texts.push([...said].join("\n"));
    expect(texts.some((text) => text.includes("tokenActive"))).toBe(true);
    for (const text of texts) expect(found(secrets, text)).toEqual([]);
  });

  it("would be found in clear, in base64 at any place, percent-encoded and in lower case", () => {
    const secret = "Planted+client/secret%25=&end";
    for (const before of ["", "a", "ab"]) {
      const inside = `${before}${secret}, and more`;
      for (const coding of ["base64", "base64url", "hex", "utf8"] as const) {
        expect(found([secret], `x${Buffer.from(inside).toString(coding)}y`)).not.toEqual([]);
      }
      expect(found([secret], encodeURIComponent(inside))).not.toEqual([]);
      expect(found([secret], inside.toLowerCase())).not.toEqual([]);
    }
  });
});
