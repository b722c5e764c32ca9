import dns, { type LookupOptions } from "node:dns";
import { createServer } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Agent, interceptors } from "undici";
import { expect, it, onTestFinished, vi } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { describeCall } from "../../src/http/call.ts";
import { createSender } from "../../src/http/send.ts";
import type { Transport, TransportError, TransportRequest } from "../../src/http/transport.ts";
import { undiciTransport } from "../../src/http/undici-transport.ts";
import { nextStepAfter } from "../../src/next-step.ts";
import { serve } from "./local-server.ts";

function requestTo(url: string): TransportRequest {
  return {
    method: "GET",
    url: `${url}/user`,
    headers: {},
    signal: new AbortController().signal,
    maxBytes: 100,
    onSending: () => true,
  };
}

it("undiciTransport() goes on after it was closed while its first call loaded undici", async () => {
  const { url } = await serve((response) => response.end("{}"));
  const transport = undiciTransport();
  const request: TransportRequest = {
    method: "GET",
    url: `${url}/user`,
    headers: {},
    signal: AbortSignal.timeout(60_000),
    maxBytes: 100,
    onSending: () => true,
  };
  const first = transport.send(request).catch(() => "refused"); // or answered: both are right
  await transport.close?.();
  await first;
  expect(await transport.send(request)).toMatchObject({ status: 200, text: "{}" });
  await transport.close?.();
});

it("undiciTransport() names undici where it cannot be loaded, and goes on once it can", async () => {
  const { url } = await serve((response) => response.end("{}"));
  vi.resetModules();
  vi.doMock("undici", () => ({})); // as a bundler leaves it
  const { undiciTransport } = await import("../../src/http/undici-transport.ts");
  const transport = undiciTransport();
  const request = (): TransportRequest => requestTo(url);
  await expect(transport.send(request())).rejects.toMatchObject({ code: "UNDICI_MISSING", sent: false });
  vi.doUnmock("undici");
  expect(await transport.send(request())).toMatchObject({ status: 200 });
  await transport.close?.();
});

it("undiciTransport() names --jitless where WebAssembly is missing: undici would end the process", async () => {
  const { url, seen } = await serve((response) => response.end("{}"));
  const transport = undiciTransport();
  const { WebAssembly: own } = globalThis;
  onTestFinished(() => void Object.assign(globalThis, { WebAssembly: own }));
  Reflect.deleteProperty(globalThis, "WebAssembly");
  const refused = { code: "WASM_MISSING", sent: false, message: expect.stringContaining("--jitless") };
  await expect(transport.send(requestTo(url))).rejects.toMatchObject(refused);
  expect(seen).toEqual([]);
  expect(nextStepAfter({ code: "WASM_MISSING", status: null })).toContain("without --jitless");
});

it("a dispatcher of an application may change the headers of one call, and those of the next are as they were", async () => {
  const { url, seen } = await serve((response) => response.end("{}"));
  const agent = new Agent();
  const dispatcher: Pick<Agent, "dispatch"> = {
    dispatch(options, handler) {
      if (seen.length === 0)
        Object.assign(options.headers ?? {}, { "x-trace": "one", authorization: "Bearer other" });
      return agent.dispatch(options, handler);
    },
  };
  const transport = undiciTransport({ dispatcher });
  const headers = Object.freeze({ authorization: "Bearer own" }); // as calls with one token share them
  for (let call = 0; call < 2; call++) await transport.send({ ...requestTo(url), headers });
  await agent.close();
  const arrived = seen.map(({ headers }) => [headers["x-trace"], headers.authorization]);
  expect(arrived).toEqual([
    ["one", "Bearer other"],
    [undefined, "Bearer own"],
  ]);
});

it("a cache in the dispatcher of an application gives one user's answer to no other", async () => {
  const { url } = await serve((response, { headers }) =>
    response.writeHead(200, { "cache-control": "max-age=60, must-revalidate" }).end(headers.authorization),
  );
  const agent = new Agent();
  const transport = undiciTransport({ dispatcher: agent.compose(interceptors.cache()) });
  const answers: string[] = [];
  for (const authorization of ["Bearer ada", "Bearer bob"])
    answers.push((await transport.send({ ...requestTo(url), headers: { authorization } })).text);
  await agent.close();
  expect(answers).toEqual(["Bearer ada", "Bearer bob"]);
});

it("a call that has ended holds on to neither its request nor the headers of its answer", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void; // what the flag brings
  const { url } = await serve((response) => response.end("{}"));
  const agent = new Agent();
  const handlers: unknown[] = []; // as undici's queue holds them
  const refs: WeakRef<object>[] = [];
  const dispatcher: Pick<Agent, "dispatch"> = {
    dispatch(options, handler) {
      handlers.push(handler);
      return agent.dispatch(options, handler);
    },
  };
  const transport = undiciTransport({ dispatcher });
  async function call(): Promise<void> {
    const request = requestTo(url);
    const { headers } = await transport.send(request);
    refs.push(new WeakRef(request), new WeakRef(headers));
  }
  await call();
  await agent.close();
  await new Promise((resolve) => setTimeout(resolve, 10)); // a turn in which what is not held can go
  collect();
  expect(handlers).toHaveLength(1);
  expect(refs.map((ref) => ref.deref())).toEqual([undefined, undefined]);
});

/** undici takes a connection up again a little later. */
const rest = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

/** A request of a stream, and whether it has been written. */
function streamOf(
  url: string,
  signal: AbortSignal,
): TransportRequest & { readonly isWritten: () => boolean } {
  let written = false;
  return {
    method: "GET",
    url: `${url}/file`,
    headers: {},
    signal,
    maxBytes: Infinity,
    onSending: () => (written = true),
    isWritten: () => written,
  };
}

it("undiciTransport() leaves calls their connections while streams are read slowly", async () => {
  const { url } = await serve((response, { path }) => {
    if (path === "/file") response.write("the first piece");
    else response.end("{}");
  });
  const transport = undiciTransport({ connections: 1 });
  const signal = AbortSignal.timeout(5_000);
  const stream = await transport.stream?.(streamOf(url, signal));
  expect(stream?.status).toBe(200);
  expect(await transport.send({ ...streamOf(url, signal), url: `${url}/user` })).toMatchObject({
    text: "{}",
  });
  transport.renew?.();
  expect((await transport.stream?.(streamOf(url, signal)))?.status).toBe(200); // over another connection
  await transport.close?.();
});

it("undiciTransport() says of a stream that waited for a connection that it was not sent", async () => {
  const { url, seen } = await serve((response) => response.write("the first piece"));
  const transport = undiciTransport({ connections: 1 });
  await transport.stream?.(streamOf(url, new AbortController().signal));
  const call = describeCall({
    name: "fhirExportFile",
    endpoint: "fhir",
    method: "GET",
    url: `${url}/file`,
    template: "/{file}",
    headers: {},
  });
  const { stream } = createSender({ transport, clock: systemClock, timeoutMs: 200, maxBytes: 1_000 });
  expect(await stream?.(call, { isWanted: () => true })).toMatchObject({
    type: "notSent",
    cause: { code: "TIMEOUT", sent: false },
  });
  const request = streamOf(url, AbortSignal.timeout(5_000));
  const waiting = transport.stream?.(request).catch((error: unknown) => error);
  expect(request.isWritten()).toBe(false);
  await transport.close?.();
  expect(await waiting).toMatchObject({ sent: false });
  expect(seen).toHaveLength(1);
});

it("a dispatcher that takes only the handlers of undici 7, as that of undici 8, streams answers", async () => {
  const whole = Buffer.alloc(3_000_000, "a file ");
  const { url } = await serve((response) => response.end(whole));
  const agent = new Agent();
  const dispatcher: Pick<Agent, "dispatch"> = {
    dispatch(options, handler) {
      if (handler.onRequestStart === undefined) throw new Error("invalid onRequestStart method");
      return agent.dispatch(options, handler);
    },
  };
  const transport = undiciTransport({ dispatcher });
  const stream = await transport.stream?.(streamOf(url, AbortSignal.timeout(5_000)));
  const pieces: Uint8Array[] = [];
  for await (const piece of stream?.body ?? []) pieces.push(piece);
  expect(Buffer.concat(pieces).equals(whole)).toBe(true);
  await agent.close();
});

it("a stream whose connection is cut before it is read throws once it is read, and not before", async () => {
  const { url } = await serve((response) => {
    response.write("the first piece");
    setTimeout(() => response.destroy(), 20);
  });
  const transport = undiciTransport();
  const stream = await transport.stream?.(streamOf(url, AbortSignal.timeout(5_000)));
  await new Promise((resolve) => setTimeout(resolve, 100));
  const reading = (async () => {
    for await (const _ of stream?.body ?? []);
  })();
  await expect(reading).rejects.toMatchObject({ code: "UND_ERR_SOCKET" });
  await transport.close?.();
});

it.each([
  ["POST", ["started", "aborted"]],
  ["PUT", ["started", "aborted"]],
  ["GET", ["started", "started"]],
] as const)("a %s that a dispatcher starts again after it was sent is %j", async (method, expected) => {
  const starts: string[] = [];
  const dispatcher: Pick<Agent, "dispatch"> = {
    dispatch(_, handler) {
      for (let start = 0; start < 2; start++) {
        const controller = { aborted: false, paused: false, reason: null, pause() {}, resume() {} };
        let how = "started";
        const abort = (): unknown => (how = "aborted");
        handler.onRequestStart?.({ ...controller, abort }, null); // as undici 8 does after REFUSED_STREAM
        starts.push(how);
      }
      handler.onResponseError?.({} as never, Object.assign(new Error("closed"), { code: "UND_ERR_SOCKET" }));
      return true;
    },
  };
  const transport = undiciTransport({ dispatcher });
  const lost = { sent: true, code: method === "GET" ? "UND_ERR_SOCKET" : "SENT_AGAIN" };
  const request = { ...requestTo("https://a.example"), method };
  await expect(transport.send(request)).rejects.toMatchObject(lost);
  await expect(transport.stream?.(request)).rejects.toMatchObject(lost);
  expect(starts).toEqual([...expected, ...expected]);
});

it.each([5_000, -5_000])(
  "a call after the clock went %d ms leaves over a new connection: the process may have been frozen",
  async (ms) => {
    let now = Date.now();
    const clock = vi.spyOn(systemClock, "now").mockImplementation(() => now);
    onTestFinished(() => clock.mockRestore());
    const ports: (number | undefined)[] = [];
    const { url } = await serve((response, _, { socket }) => {
      ports.push(socket.remotePort);
      response.end("{}");
    });
    const transport = undiciTransport();
    onTestFinished(() => transport.close?.());
    const call = async (): Promise<void> => {
      await transport.send(requestTo(url));
      const stream = await transport.stream?.(streamOf(url, AbortSignal.timeout(5_000)));
      for await (const _ of stream?.body ?? []);
      await new Promise(setImmediate); // undici takes a connection up again at the end of the turn
    };
    await call();
    now += 3_900;
    await call();
    now += ms;
    await call();
    await call();
    expect(ports.map((port) => ports.indexOf(port))).toEqual([0, 1, 0, 1, 4, 5, 4, 5]);
  },
);

it("responseError() of undici makes no lost answer of a refusal", async () => {
  let says: Record<string, string> = {};
  let body = '{"error":"invalid_grant"}';
  const { url } = await serve((response) => response.writeHead(400, says).end(body));
  const agent = new Agent();
  onTestFinished(() => agent.close());
  const transport = undiciTransport({ dispatcher: agent.compose(interceptors.responseError()) });
  const stream = async (): Promise<unknown> => {
    const opened = await transport.stream?.(streamOf(url, AbortSignal.timeout(5_000)));
    const pieces: Uint8Array[] = [];
    for await (const piece of opened?.body ?? []) pieces.push(piece);
    return { status: opened?.status, text: Buffer.concat(pieces).toString() };
  };
  for (const [type, text] of [
    ["application/json", body],
    ["text/plain", body],
    ["application/fhir+json", ""], // it drops that body
  ] as const) {
    says = { "content-type": type };
    expect(await transport.send(requestTo(url))).toMatchObject({ status: 400, text });
    expect(await stream()).toEqual({ status: 400, text });
  }
  [says, body] = [{ "content-length": "0" }, ""];
  expect(await transport.send(requestTo(url))).toMatchObject({ status: 400, text: "" });
  [says, body] = [{ "content-type": "text/html" }, "<html>a page of a gateway</html>"];
  const error = { sent: true, code: "ANSWER_INTERCEPTED" };
  await expect(transport.send(requestTo(url))).rejects.toMatchObject(error);
  await expect(stream()).rejects.toMatchObject(error);
  expect(nextStepAfter({ code: error.code, status: null })).toMatch(
    /take interceptors\.responseError\(\) out/,
  );
});

it("answers have headers of up to 64 kB, and one that cannot be read is no fault of this machine's network", async () => {
  const { url } = await serve((response, { path }, { socket }) => {
    if (path === "/user") response.writeHead(200, { "x-long": "a".repeat(60_000) }).end("{}");
    else if (path === "/long") response.writeHead(200, { "x-long": "a".repeat(70_000) }).end("{}");
    else if (path === "/short")
      socket.end("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\n{}");
    else socket.end("SSH-2.0-OpenSSH_9.2\r\n");
  });
  const transport = undiciTransport();
  onTestFinished(() => transport.close?.());
  expect(await transport.send(requestTo(url))).toMatchObject({ status: 200, text: "{}" });
  for (const path of ["long", "short", "ssh"]) {
    const request = { ...requestTo(url), url: `${url}/${path}` };
    const error = (await transport.send(request).catch((error: unknown) => error)) as TransportError;
    expect(error).toMatchObject({ sent: true, code: expect.stringMatching(/^(UND_ERR_|HTTPParserError$)/) });
    expect(nextStepAfter({ code: error.code, status: null })).toMatch(/cannot be read as a response/);
  }
});

it("after renew() a dispatcher of an application closes its connections after one answer, for a minute", async () => {
  const connections: unknown[] = [];
  const { url, seen } = await serve((response, request) => {
    connections.push(response.socket);
    response.end(request.path === "/file" ? "the file" : "{}");
  });
  const agent = new Agent({ connections: 1 });
  const transport = undiciTransport({ dispatcher: agent });
  const call = async (): Promise<string | undefined> => {
    await transport.send(requestTo(url));
    await rest();
    return seen.at(-1)?.headers.connection;
  };
  expect([await call(), await call()]).toEqual(["keep-alive", "keep-alive"]);
  transport.renew?.();
  expect([await call(), await call()]).toEqual(["close", "close"]); // the first still over the former connection
  const stream = await transport.stream?.(streamOf(url, AbortSignal.timeout(5_000)));
  for await (const piece of stream?.body ?? []) expect(String(piece)).toBe("the file");
  expect(seen.at(-1)?.headers.connection).toBe("close");
  await rest();
  const now = systemClock.monotonic();
  vi.spyOn(systemClock, "monotonic").mockReturnValue(now + 60_000);
  onTestFinished(() => void vi.restoreAllMocks());
  expect([await call(), await call()]).toEqual(["keep-alive", "keep-alive"]);
  expect(new Set(connections)).toHaveLength(4);
  await agent.close();
});

it("close() ends calls and streams whose connections were left, too", async () => {
  const ended: string[] = [];
  const { url, seen } = await serve((response, { path }) => {
    response.on("close", () => ended.push(path));
    if (path === "/file") response.write("the first piece");
  });
  const transport = undiciTransport();
  const stream = await transport.stream?.(streamOf(url, AbortSignal.timeout(5_000)));
  const call = transport.send(requestTo(url)).catch((error: unknown) => error);
  await vi.waitUntil(() => seen.length === 2);
  const reading = (async () => {
    for await (const piece of stream?.body ?? []) expect(String(piece)).toBe("the first piece");
  })();
  void reading.catch(() => {});
  transport.renew?.();
  await transport.close?.();
  expect(await call).toMatchObject({ sent: true, code: "UND_ERR_DESTROYED" });
  await expect(reading).rejects.toMatchObject({ code: "UND_ERR_DESTROYED" });
  await vi.waitUntil(() => ended.length === 2);
});

it("a call over a dispatcher that was closed names it", async () => {
  const dispatcher = new Agent();
  const transport = undiciTransport({ dispatcher });
  for (const close of [() => dispatcher.close(), () => dispatcher.destroy()]) {
    await close();
    const error: TransportError = await transport.send(requestTo("http://127.0.0.1:9")).catch((e) => e);
    expect(error).toMatchObject({ sent: false, code: expect.stringMatching(/^UND_ERR_(CLOSED|DESTROYED)$/) });
    expect(nextStepAfter({ code: error.code, status: null })).toMatch(/what closes the transport/);
  }
});

function readCall(url: string): ReturnType<typeof describeCall> {
  const at = { url: `${url}/r4/Patient/1`, template: "/r4/Patient/{id}" };
  return describeCall({ name: "fhirRead", endpoint: "fhir", method: "GET", headers: {}, ...at });
}

/** Sends so many calls at once, and counts their outcomes, and those that tell something about the endpoint. */
async function burst(
  transport: Transport,
  url: string,
  calls: number,
): Promise<{ outcomes: Record<string, number>; seen: number }> {
  let seen = 0;
  const outcomes: Record<string, number> = {};
  const limits = { timeoutMs: 300, maxBytes: 1_000 };
  const sender = createSender({ transport, clock: systemClock, ...limits, seen: () => seen++ });
  const sending = Array.from({ length: calls }, async () => {
    const { type, ...rest } = await sender.send(readCall(url));
    const name = "cause" in rest ? `${type} ${(rest.cause as TransportError).code}` : type;
    outcomes[name] = (outcomes[name] ?? 0) + 1;
  });
  await Promise.all(sending);
  await sender.close();
  return { outcomes, seen };
}

it("a burst of more calls than connections carry is no outage", async () => {
  const { url } = await serve(() => {}); // 1upHealth is slow
  const { outcomes, seen } = await burst(undiciTransport({ connections: 2 }), url, 9);
  // A connection that is given up may serve one more call before that is given up, too.
  expect(Object.keys(outcomes).toSorted()).toEqual(["lost TIMEOUT", "notSent CONNECTIONS_BUSY"]);
  expect(seen).toBe(outcomes["lost TIMEOUT"]);
  expect(nextStepAfter({ code: "CONNECTIONS_BUSY", status: null })).toMatch(/raise connections/);
});

it("calls that are given up while they wait for a connection leave the connections open", async () => {
  let answers = (): void => {};
  const slow = new Promise<void>((resolve) => (answers = resolve));
  const connections = new Set<unknown>();
  const { url, seen } = await serve((response) => {
    connections.add(response.socket);
    void slow.then(() => response.end("{}"));
  });
  const transport = undiciTransport({ connections: 1 });
  const leaves = new AbortController();
  const given = (): TransportRequest => ({ ...requestTo(url), signal: leaves.signal });
  const held = (): TransportRequest => ({ ...requestTo(url), onSending: () => false });
  const first = transport.send(requestTo(url));
  await vi.waitUntil(() => seen.length > 0);
  const waiting = [given(), held(), given()].map((request) => transport.send(request));
  const last = transport.send(requestTo(url));
  const refused = Promise.allSettled(waiting);
  leaves.abort();
  answers();
  expect(await first).toMatchObject({ status: 200 });
  expect(await last).toMatchObject({ status: 200 });
  const codes = (await refused).map((one) => (one as { reason?: TransportError }).reason?.code);
  expect(codes).toEqual(["CONNECTIONS_BUSY", "DEADLINE_PASSED", "CONNECTIONS_BUSY"]);
  expect({ connections: connections.size, calls: seen.length }).toEqual({ connections: 1, calls: 2 });
  await transport.close?.();
});

it("a call whose connection does not open is no burst, however many calls the others serve meanwhile", async () => {
  let answers = (): void => {};
  const slow = new Promise<void>((resolve) => (answers = resolve));
  const { url, seen } = await serve((response) => {
    if (seen.length === 2) void slow.then(() => response.end("{}"));
    else response.end("{}");
  });
  let lookups = 0;
  const lookup = (_: string, __: LookupOptions, found: (...found: unknown[]) => void): void => {
    if (++lookups === 1) found(null, [{ address: "127.0.0.1", family: 4 }]); // the second never answers
  };
  vi.spyOn(dns, "lookup").mockImplementation(lookup as never);
  onTestFinished(() => void vi.restoreAllMocks());
  const request = requestTo(url.replace("127.0.0.1", "a.example"));
  const transport = undiciTransport({ connections: 3 });
  await transport.send(request);
  await rest();
  const second = transport.send(request);
  await vi.waitUntil(() => seen.length === 2);
  const leaves = new AbortController();
  const waiting = transport.send({ ...request, signal: leaves.signal }).catch((error: unknown) => error);
  await vi.waitUntil(() => lookups === 2);
  answers();
  await second;
  for (let call = 0; call < 6; call++) {
    await rest();
    await transport.send(request);
  }
  leaves.abort();
  expect(await waiting).toMatchObject({ sent: false, code: "ABORTED" });
  await transport.close?.();
});

it("calls that wait for a connection that never opens are one", async () => {
  const server = createServer(() => {}); // a proxy that never answers
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as { readonly port: number };
  const transport = undiciTransport({ connections: 2, proxy: `http://127.0.0.1:${port}` });
  expect(await burst(transport, "https://a.example", 9)).toEqual({
    outcomes: { "notSent TIMEOUT": 9 },
    seen: 9,
  });
});
