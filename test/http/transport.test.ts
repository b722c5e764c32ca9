import { createServer } from "node:net";
import { Agent, MockAgent, type Dispatcher } from "undici";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { systemClock } from "../../src/clock.ts";
import type { Answer, Call, SendOptions, Unanswered } from "../../src/http/call.ts";
import { fetchTransport } from "../../src/http/fetch-transport.ts";
import { createSender } from "../../src/http/send.ts";
import { TransportError, type Transport } from "../../src/http/transport.ts";
import { undiciTransport, type UndiciTransportOptions } from "../../src/http/undici-transport.ts";
import { nextStepAfter } from "../../src/next-step.ts";
import { deadPort, serve } from "./local-server.ts";
import { secretCall } from "./samples.ts";

interface Bounds extends SendOptions {
  readonly timeoutMs?: number;
  readonly maxBytes?: number;
}

function sendOver(transport: Transport, call: Call, bounds: Bounds = {}): Promise<Answer | Unanswered> {
  const { timeoutMs = 60_000, maxBytes = 1000, ...options } = bounds;
  const sender = createSender({ transport, clock: systemClock, timeoutMs, maxBytes });
  onTestFinished(() => sender.close());
  return sender.send(call, options);
}

/** The transport once it has a connection: then a call is sent at once, however busy the machine is. */
async function connected(transport: Transport, url: string): Promise<Transport> {
  expect(outcome(await sendOver(transport, secretCall(url, { body: "first" })))).toBe("answer 200");
  await new Promise(setImmediate); // undici takes a connection up again at the end of the turn
  return transport;
}

/** What is told apart: whether it was sent, and why there is no answer. */
function outcome(result: Answer | Unanswered): string {
  if (result.type === "answer") return `answer ${result.status}`;
  return `${result.type} ${result.cause instanceof TransportError ? result.cause.code : "?"}`;
}

describe.each([
  ["undiciTransport()", undiciTransport],
  ["fetchTransport()", () => fetchTransport()],
])("%s", (_, open) => {
  it("sends method, path, headers and body and gives back the whole answer", async () => {
    const { url, seen } = await serve((response) => {
      response.writeHead(201, { "X-One": "1", "Retry-After": "7" }).write("grüß");
      response.end(" dich €");
    });
    const before = systemClock.now();
    const result = await sendOver(open(), secretCall(url));
    expect(seen).toMatchObject([
      {
        method: "POST",
        path: "/user?code=hush-query",
        body: "code=hush-body",
        headers: {
          client_secret: "hush-header",
          "accept-encoding": "identity",
          "cache-control": "no-store",
        },
      },
    ]);
    expect(result).toMatchObject({ type: "answer", status: 201, text: "grüß dich €" });
    expect(result).toMatchObject({ headers: { "x-one": "1", "retry-after": "7" } });
    if (result.type !== "answer") throw new Error(result.type);
    expect(before <= result.sentAt && result.sentAt <= result.receivedAt).toBe(true);
  });

  it("reads the answer in a process without the global Headers, as with --no-experimental-fetch", async () => {
    const { url } = await serve((response) => response.end("{}"));
    const transport = open();
    onTestFinished(() => void vi.unstubAllGlobals());
    vi.stubGlobal("Headers", undefined);
    expect(await sendOver(transport, secretCall(url))).toMatchObject({ type: "answer", text: "{}" });
  });

  it("joins several headers of one name", async () => {
    const { url } = await serve((response) => response.writeHead(200, { "x-many": ["a", "b"] }).end());
    expect(await sendOver(open(), secretCall(url))).toMatchObject({ headers: { "x-many": "a, b" } });
  });

  it("joins an answer whose characters are cut between chunks", async () => {
    const bytes = Buffer.from('{"a":"€"}');
    const { url } = await serve((response) => {
      response.write(bytes.subarray(0, 7));
      setImmediate(() => response.end(bytes.subarray(7)));
    });
    expect(await sendOver(open(), secretCall(url))).toMatchObject({ text: '{"a":"€"}' });
  });

  it.each([
    ["iso-8859-1", 'text/plain; charset="ISO-8859-1"', Buffer.from("Grüße", "latin1"), "Grüße"],
    [
      "windows-1252",
      "application/fhir+json;fhirVersion=4.0; Charset = windows-1252",
      Buffer.from("O\u0092Brien, 5 \u0080", "latin1"),
      "O’Brien, 5 €",
    ],
    ["utf-16le", "text/plain; charset=utf-16le", Buffer.from("Grüße", "utf16le"), "Grüße"],
    ["shift_jis", "text/plain;charset=shift_jis", Buffer.from([0x83, 0x4f]), "グ"],
    ["UTF-8", "text/plain;charset=UTF-8", Buffer.from("Grüße"), "Grüße"],
    ["utf8", "text/plain; charset=utf8", Buffer.from("Grüße"), "Grüße"],
    ["ASCII, which it is not", "text/plain; charset=us-ascii", Buffer.from("Grüße"), "Grüße"],
    ["nothing", "text/plain", Buffer.from("Grüße"), "Grüße"],
    ["an empty charset", "text/plain; charset=", Buffer.from("Grüße"), "Grüße"],
    ["a parameter that ends like it", "text/plain; accept-charset=iso-8859-1", Buffer.from("Grüße"), "Grüße"],
    ["an unknown charset, and is ASCII", "text/plain; charset=klingon", Buffer.from("Gruss"), "Gruss"],
  ])("reads an answer that declares %s, however it is cut", async (_, type, bytes, text) => {
    const { url } = await serve((response) => {
      response.writeHead(200, { "content-type": type });
      response.write(bytes.subarray(0, 3));
      setImmediate(() => response.end(bytes.subarray(3)));
    });
    expect(await sendOver(open(), secretCall(url))).toMatchObject({ type: "answer", text });
  });

  it("gives an answer up whose characters are of a charset that it does not know", async () => {
    const { url } = await serve((response) =>
      response.writeHead(200, { "content-type": "text/plain; charset=klingon" }).end("Grüße"),
    );
    const result = await sendOver(open(), secretCall(url));
    expect(outcome(result)).toBe("lost ANSWER_CHARSET");
    expect(String(result.type === "lost" && result.cause)).not.toContain("klingon");
  });

  it("knows a refused connection as not sent", async () => {
    const result = await sendOver(open(), secretCall(`http://127.0.0.1:${await deadPort()}`));
    expect(outcome(result)).toMatch(/^notSent (ECONNREFUSED|CONNECT_FAILED)$/); // the latter on Deno
  });

  it("knows a connection that ends after the request was read as lost", async () => {
    const { url, seen } = await serve((_, __, request) => request.socket.destroy());
    expect((await sendOver(open(), secretCall(url))).type).toBe("lost");
    expect(seen).toHaveLength(1);
  });

  it("knows a body that is cut as lost", async () => {
    const { url } = await serve((response, _, request) => {
      response.writeHead(200, { "content-length": "100" }).write("{");
      setTimeout(() => request.socket.destroy(), 20);
    });
    expect((await sendOver(open(), secretCall(url))).type).toBe("lost");
  });

  it("sends nothing once the deadline has passed", async () => {
    const { url, seen } = await serve((response) => response.end());
    const result = await sendOver(open(), secretCall(url), { notAfter: systemClock.monotonic() - 1 });
    expect(outcome(result)).toBe("notSent DEADLINE_PASSED");
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(seen).toHaveLength(0);
  });

  it("gives an answer up when the time is over", async () => {
    const { url } = await serve((response, { body }) => (body === "first" ? response.end() : undefined));
    const transport = await connected(open(), url);
    expect(outcome(await sendOver(transport, secretCall(url), { timeoutMs: 40 }))).toBe("lost TIMEOUT");
  });

  it("gives a body up that stops half-way", async () => {
    const { url } = await serve((response, { body }) =>
      body === "first" ? response.end() : response.write("{"),
    );
    const transport = await connected(open(), url);
    expect(outcome(await sendOver(transport, secretCall(url), { timeoutMs: 40 }))).toBe("lost TIMEOUT");
  });

  it("names a 100 Continue that came without being asked", async () => {
    const { url } = await serve((response) => {
      response.writeContinue();
      response.end("{}");
    });
    const result = await sendOver(open(), secretCall(url));
    const reads = "Deno" in globalThis && open !== undiciTransport; // Deno's fetch reads on
    expect(outcome(result)).toBe(reads ? "answer 200" : "lost CONTINUE_UNASKED");
    expect(nextStepAfter({ code: "CONTINUE_UNASKED", status: null })).toMatch(/sends 100 Continue/);
  });

  it("does not follow a redirect", async () => {
    const { url, seen } = await serve((response) => response.writeHead(302, { location: "/login" }).end());
    expect(outcome(await sendOver(open(), secretCall(url)))).toBe("answer 302");
    expect(seen).toHaveLength(1);
  });

  it("reads a body up to the limit and gives a longer one up", async () => {
    const { url } = await serve((response) => response.end("x".repeat(50_000)));
    expect(outcome(await sendOver(open(), secretCall(url), { maxBytes: 50_000 }))).toBe("answer 200");
    const result = await sendOver(open(), secretCall(url), { maxBytes: 49_999 });
    expect(outcome(result)).toBe("lost ANSWER_TOO_BIG");
    expect(result).toMatchObject({
      cause: { message: "Cannot read the answer: its body must not exceed 49999 bytes" },
    });
  });

  it("ends the wait when the caller's signal aborts, with the signal's reason", async () => {
    const stop = new AbortController();
    const { url } = await serve(() => stop.abort("enough"));
    await expect(sendOver(open(), secretCall(url), { signal: stop.signal })).rejects.toBe("enough");
  });

  it("sends a call without a body", async () => {
    const { url, seen } = await serve((response) => response.end("[]"));
    const call = secretCall(url, { method: "GET" });
    const { body, ...bare } = call;
    expect(body).toBeDefined();
    expect(await sendOver(open(), bare)).toMatchObject({ status: 200, text: "[]" });
    expect(seen).toMatchObject([{ method: "GET", body: "" }]);
  });
});

describe("undiciTransport()", () => {
  it("does not send a call that was aborted or late while it waited for a connection", async () => {
    let release: (() => void) | undefined;
    const { url, seen } = await serve((response) => (release = () => void response.end("{}")));
    const transport = undiciTransport({ connections: 1 });
    const first = sendOver(transport, secretCall(url), { timeoutMs: 120_000 });
    await vi.waitFor(() => expect(release).toBeDefined());
    const waiting = sendOver(transport, secretCall(url), { timeoutMs: 100 });
    const late = sendOver(transport, secretCall(url), { notAfter: systemClock.monotonic() + 30 });
    expect(outcome(await waiting)).toBe("notSent CONNECTIONS_BUSY");
    release?.();
    expect(outcome(await first)).toBe("answer 200");
    expect(outcome(await late)).toBe("notSent DEADLINE_PASSED");
    expect(seen).toHaveLength(1);
  });

  it("goes on after a connection was given up", async () => {
    const { url } = await serve((response, { body }) => (body === "quiet" ? undefined : response.end("{}")));
    const transport = await connected(undiciTransport({ connections: 1 }), url);
    expect(outcome(await sendOver(transport, secretCall(url, { body: "quiet" }), { timeoutMs: 40 }))).toBe(
      "lost TIMEOUT",
    );
    expect(outcome(await sendOver(transport, secretCall(url)))).toBe("answer 200");
  });

  it("never pipelines a POST, whatever the dispatcher allows", async () => {
    let under = 0;
    let most = 0;
    const { url } = await serve((response) => {
      most = Math.max(most, ++under);
      setTimeout(() => response.end("{}", () => under--), 10);
    });
    const dispatcher = new Agent({ connections: 1, pipelining: 10 });
    onTestFinished(() => dispatcher.close());
    const transport = undiciTransport({ dispatcher });
    await Promise.all([1, 2, 3].map(() => sendOver(transport, secretCall(url))));
    expect(most).toBe(1);
  });

  it("refuses a dispatcher that dispatches nothing, as Bun's stand-ins for undici's do", () => {
    const dispatcher = {} as Pick<Dispatcher, "dispatch">; // what Bun's Agent has
    expect(() => undiciTransport({ dispatcher })).toThrow(
      "Cannot create a transport: dispatcher must be an object with the method dispatch, got ",
    );
  });

  it("uses a dispatcher that is given and leaves it open", async () => {
    const { url } = await serve((response) => response.end("{}"));
    const dispatcher = new Agent();
    onTestFinished(() => dispatcher.close());
    const transport = undiciTransport({ dispatcher });
    await sendOver(transport, secretCall(url));
    await transport.close?.();
    expect(outcome(await sendOver(transport, secretCall(url)))).toBe("answer 200");
  });

  it("knows a host without an address as not sent", async () => {
    const error = Object.assign(new Error("hush"), { code: "ENOTFOUND" });
    const dispatcher = new Agent({ connect: { lookup: (_host, _options, done) => done(error, "", 4) } });
    onTestFinished(() => dispatcher.close());
    const result = await sendOver(undiciTransport({ dispatcher }), secretCall("https://nowhere.invalid"));
    expect(outcome(result)).toBe("notSent ENOTFOUND");
  });

  it("works with undici's own MockAgent", async () => {
    const dispatcher = new MockAgent();
    dispatcher.disableNetConnect();
    const mock = dispatcher.get("https://api.1up.health");
    mock.intercept({ path: "/user?code=hush-query", method: "POST" }).reply(200, "{}");
    const result = await sendOver(undiciTransport({ dispatcher }), secretCall("https://api.1up.health"));
    expect(outcome(result)).toBe("answer 200");
  });

  it("stays with sent when a dispatcher starts a request a second time, too late", async () => {
    let now = 0;
    const clock = { ...systemClock, monotonic: () => now };
    const controller = { aborted: false, paused: false, reason: null, abort() {}, pause() {}, resume() {} };
    const dispatcher: Pick<Dispatcher, "dispatch"> = {
      dispatch(_, handler) {
        handler.onRequestStart?.(controller, null);
        setImmediate(() => ((now = 30), handler.onRequestStart?.(controller, null)));
        return true;
      },
    };
    const how = { transport: undiciTransport({ dispatcher }), clock, timeoutMs: 60_000, maxBytes: 1_000 };
    const { type } = await createSender(how).send(secretCall("https://a.example"), { notAfter: 20 });
    expect(type).toBe("lost");
  });

  it("calls a request that a dispatcher refuses outright not sent", async () => {
    const dispatcher = {
      dispatch: (): boolean => {
        throw new Error("hush");
      },
    };
    const result = await sendOver(undiciTransport({ dispatcher }), secretCall("https://api.1up.health"));
    expect(outcome(result)).toBe("notSent UNKNOWN");
  });

  it.each<UndiciTransportOptions>([{ connections: 0 }, { connections: 1.5 }, { connections: NaN }])(
    "refuses %j",
    (options) => {
      expect(() => undiciTransport(options)).toThrow(/connections must be a whole number from 1, got/);
    },
  );
});

/** Node's error after it tried several addresses of a name. */
function ofAddresses(...syscalls: string[]): AggregateError {
  const errors = syscalls.map((syscall) => Object.assign(new Error("x"), { code: "ENETUNREACH", syscall }));
  return Object.assign(new AggregateError(errors), { code: "ENETUNREACH" });
}

describe("fetchTransport()", () => {
  const answering = (answer: () => Promise<Response>): Transport => fetchTransport(answer);
  const call = secretCall("https://api.1up.health");

  it.each(["send", "stream"] as const)(
    "%s() has no connection kept: Bun's fetch repeats calls on it",
    async (verb) => {
      const fetch = vi.fn<typeof globalThis.fetch>(async () => new Response(""));
      const { signal } = new AbortController();
      const request = {
        method: "PUT",
        url: call.url,
        headers: {},
        signal,
        maxBytes: 9,
        onSending: () => true,
      } as const;
      await fetchTransport(fetch)[verb]?.(request);
      expect(fetch).toHaveBeenCalledWith(call.url, expect.objectContaining({ keepalive: false }));
    },
  );

  it("reads a redirect that a browser hides as 302", async () => {
    const hidden = new Response("");
    Object.defineProperties(hidden, { type: { value: "opaqueredirect" }, status: { value: 0 } });
    expect(
      outcome(
        await sendOver(
          answering(async () => hidden),
          call,
        ),
      ),
    ).toBe("answer 302");
  });

  it.each([
    ["never answers", (): Promise<Response> => new Promise(() => {}), false],
    ["begins a body and stalls", async (body: ReadableStream): Promise<Response> => new Response(body), true],
  ])("waits no longer than it may for a fetch that does not listen and %s", async (_, answer, isRead) => {
    let cancelled = false;
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(new Uint8Array([123])),
      cancel: () => void (cancelled = true),
    });
    expect(
      outcome(
        await sendOver(
          answering(() => answer(body)),
          call,
          { timeoutMs: 20 },
        ),
      ),
    ).toBe("lost TIMEOUT");
    expect(cancelled).toBe(isRead);
  });

  it.each([
    [
      "Deno's words",
      new TypeError("error sending request for url: client error (Connect): tcp"),
      "notSent CONNECT_FAILED",
    ],
    ["Bun's code", Object.assign(new Error("x"), { code: "ConnectionRefused" }), "notSent ConnectionRefused"],
    [
      "a failed system call",
      Object.assign(new Error("x"), { code: "ENETUNREACH", syscall: "connect" }),
      "notSent ENETUNREACH",
    ],
    [
      "no way to any of several addresses",
      new TypeError("fetch failed", { cause: ofAddresses("connect", "connect") }),
      "notSent ENETUNREACH",
    ],
    [
      "several errors, one of them of a connection that was open",
      new TypeError("fetch failed", { cause: ofAddresses("connect", "read") }),
      "lost ENETUNREACH",
    ],
    ["several errors that are none", Object.assign(new AggregateError([]), { code: "x1" }), "lost x1"],
    [
      "a handshake that the server ends",
      new TypeError("fetch failed", {
        cause: Object.assign(
          new Error("Client network socket disconnected before secure TLS connection was established"),
          { code: "ECONNRESET" },
        ),
      }),
      "notSent ECONNRESET",
    ],
    [
      "an unknown host",
      new TypeError("fetch failed", { cause: Object.assign(new Error("x"), { code: "ENOTFOUND" }) }),
      "notSent ENOTFOUND",
    ],
    [
      "a certificate that is not trusted",
      new TypeError("fetch failed", {
        cause: Object.assign(new Error("x"), { code: "DEPTH_ZERO_SELF_SIGNED_CERT" }),
      }),
      "notSent DEPTH_ZERO_SELF_SIGNED_CERT",
    ],
    ...[
      "INVALID_PURPOSE",
      "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION",
      "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL", // 43 characters
    ].map((code): [string, Error, string] => [
      `a handshake that fails with ${code}`,
      new TypeError("fetch failed", { cause: Object.assign(new Error("x"), { code }) }),
      `notSent ${code}`,
    ]),
    [
      "a handshake that fails on newer OpenSSL",
      new TypeError("fetch failed", {
        cause: Object.assign(new Error("x"), { code: "ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE" }),
      }),
      "notSent ERR_SSL_SSL_TLS_ALERT_HANDSHAKE_FAILURE",
    ],
    [
      "an alert that may follow a request that was written",
      Object.assign(new Error("x"), { code: "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED" }),
      "lost ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED",
    ],
    [
      "Deno's words about one",
      new TypeError(
        "client error (Connect): invalid peer certificate: certificate expired: verification time x",
      ),
      "notSent CERT_HAS_EXPIRED",
    ],
    [
      "a proxy that grants no tunnel",
      new TypeError("fetch failed", { cause: new Error("Proxy response (502) !== 200 when HTTP Tunneling") }),
      "notSent proxy_502",
    ],
    [
      "a port that fetch calls never",
      new TypeError("fetch failed", { cause: new Error("bad port") }),
      "notSent BAD_PORT",
    ],
    ["a reset", Object.assign(new Error("x"), { code: "ECONNRESET" }), "lost ECONNRESET"],
    [
      "Deno's words about one",
      new TypeError("client error (SendRequest): connection error: Connection reset by peer (os error 104)"),
      "lost ECONNRESET",
    ],
    ["an unknown error", new TypeError("fetch failed"), "lost UNKNOWN"],
  ])("judges %s", async (_, error, expected) => {
    expect(
      outcome(
        await sendOver(
          answering(() => Promise.reject(error)),
          call,
        ),
      ),
    ).toBe(expected);
  });

  it("knows a TLS handshake that a balancer ends as not sent", async () => {
    const balancer = createServer((socket) => socket.once("data", () => socket.end()).on("error", () => {}));
    await new Promise<void>((resolve) => balancer.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void balancer.close());
    const { port } = balancer.address() as { readonly port: number };
    const result = await sendOver(fetchTransport(), secretCall(`https://127.0.0.1:${port}`));
    expect(outcome(result)).toMatch(/^notSent (ECONNRESET|CONNECT_FAILED)$/); // the latter on Deno
  });
});
