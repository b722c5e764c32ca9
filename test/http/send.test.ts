import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { systemClock, type Clock } from "../../src/clock.ts";
import { isLifecycleError } from "../../src/errors.ts";
import type { Call } from "../../src/http/call.ts";
import { createSender, type Sender, type SenderOptions } from "../../src/http/send.ts";
import {
  TransportError,
  type Transport,
  type TransportRequest,
  type TransportResponse,
} from "../../src/http/transport.ts";
import { undiciTransport } from "../../src/http/undici-transport.ts";
import { nextStepAfter } from "../../src/next-step.ts";
import { manualClock } from "../../src/testing/index.ts";
import { hush, secretCall } from "./samples.ts";

const ok: Transport = {
  async send(request) {
    return request.onSending()
      ? { status: 200, headers: {}, text: "{}" }
      : Promise.reject(new Error("held back"));
  },
};

function sender(options: Partial<SenderOptions> = {}): Sender {
  return createSender({ transport: ok, clock: systemClock, timeoutMs: 1000, maxBytes: 1000, ...options });
}

const failing = (error: unknown): Transport => ({ send: () => Promise.reject(error) });

describe("createSender()", () => {
  it.each([
    { timeoutMs: 0 },
    { timeoutMs: NaN },
    { timeoutMs: Infinity },
    { maxBytes: 0 },
    { maxBytes: 1.5 },
  ])("refuses %j", (options) => {
    expect(() => sender(options)).toThrow(/^Cannot create a sender: (timeoutMs|maxBytes) must be .*, got /);
  });

  it("close() closes the transport", async () => {
    let closed = 0;
    await sender({ transport: { ...ok, close: async () => void closed++ } }).close();
    expect(closed).toBe(1);
  });
});

describe("send()", () => {
  it.each([
    "https://api.1up.health",
    "http://localhost:1",
    "http://127.0.0.1:1",
    "http://127.8.9.1",
    "http://[::1]:1",
  ])("sends to %s", async (base) => {
    expect(await sender().send(secretCall(base))).toMatchObject({ type: "answer" });
  });

  it.each([
    "http://api.1up.health",
    "http://localhost.example.org",
    "http://127.0.0.1.example.org",
    "http://127.0.0.1@example.org",
    "https://user:hush@api.1up.health",
    "ftp://127.0.0.1",
    "https://",
    "/relative",
    "",
  ])("refuses to send to %j", async (base) => {
    const error: unknown = await sender()
      .send(secretCall(base))
      .catch((reason: unknown) => reason);
    expect(isLifecycleError(error, "INVALID_OPTION")).toBe(true);
    expect(inspect(error)).not.toContain(hush);
  });

  it.each(["https://api.1up.health", "https://api.1up.health?code=hush/", "https://api.1up.health#/"])(
    "refuses %j, where the path is missing, also after a good call",
    async (url) => {
      const one = sender();
      await one.send(secretCall("https://api.1up.health"));
      await expect(one.send(secretCall("", { url }))).rejects.toThrow(
        /its URL must have a path after its host, got/,
      );
    },
  );

  it.each(["a\r\nx: y", "a\nb", "a\0b", "ключ"])(
    "refuses the header value %j without showing it",
    async (value) => {
      const call = secretCall("https://api.1up.health", { headers: { client_id: value } });
      await expect(sender().send(call)).rejects.toThrow(
        /^Cannot send createUser: the value of header "client_id" must be one line of Latin-1, got another character$/,
      );
    },
  );

  it("takes the time of sending from the tick of the write", async () => {
    let time = 100;
    const clock: Clock = { ...systemClock, now: () => time };
    const transport: Transport = {
      async send(request) {
        time = 200;
        request.onSending();
        time = 300;
        return { status: 200, headers: {}, text: "" };
      },
    };
    expect(await sender({ clock, transport }).send(secretCall("https://a.example"))).toMatchObject({
      sentAt: 200,
      receivedAt: 300,
    });
  });

  it("takes a call whose transport does not tell when it left for one that left as early as it can have", async () => {
    const clock: Clock = { ...systemClock, now: () => 5_000 };
    const transport: Transport = { send: async () => ({ status: 200, headers: {}, text: "" }) };
    const answer = await sender({ clock, transport }).send(secretCall("https://a.example"));
    expect(answer).toMatchObject({ sentAt: 4_000, receivedAt: 5_000 });
  });

  it("refuses the write when the deadline passes between send() and the write", async () => {
    let time = 0;
    const clock: Clock = { ...systemClock, monotonic: () => time };
    const allowed: boolean[] = [];
    const transport: Transport = {
      async send(request) {
        for (time of [10, 11]) allowed.push(request.onSending());
        throw new TransportError("x", { sent: false, code: "X" });
      },
    };
    await sender({ clock, transport }).send(secretCall("https://a.example"), { notAfter: 10 });
    expect(allowed).toEqual([true, false]);
  });

  it("throws the reason of a signal that was aborted before, and sends nothing", async () => {
    let sends = 0;
    const transport: Transport = { send: (request) => (sends++, ok.send(request)) };
    const signal = AbortSignal.abort("enough");
    await expect(sender({ transport }).send(secretCall("https://a.example"), { signal })).rejects.toBe(
      "enough",
    );
    expect(sends).toBe(0);
  });

  it("leaves no listener on the caller's signal and no timer behind", async () => {
    const { signal } = new AbortController();
    const listeners = new Set<unknown>();
    signal.addEventListener = (_: string, listener: unknown) => void listeners.add(listener);
    signal.removeEventListener = (_: string, listener: unknown) => void listeners.delete(listener);
    let timers = 0;
    const clock: Clock = { ...systemClock, timer: () => (timers++, () => void timers--) };
    await sender({ clock }).send(secretCall("https://a.example"), { signal });
    await sender({ clock, transport: failing(new Error("x")) }).send(secretCall("https://a.example"), {
      signal,
    });
    expect([listeners.size, timers]).toEqual([0, 0]);
  });

  it("aborts the signal of the transport when the time is over", async () => {
    let over: (() => void) | undefined;
    const clock: Clock = { ...systemClock, timer: (_, task) => ((over ??= task), () => {}) };
    const seen: boolean[] = [];
    const transport: Transport = {
      async send(request) {
        request.signal.addEventListener("abort", () => seen.push(request.signal.aborted));
        over?.();
        over?.();
        seen.push(request.signal.aborted);
        seen.push(request.onSending());
        throw new TransportError("x", { sent: false, code: "X" });
      },
    };
    const result = await sender({ clock, transport }).send(secretCall("https://a.example"));
    expect(seen).toEqual([true, true, false]);
    expect(result).toMatchObject({ type: "notSent", cause: { code: "TIMEOUT", sent: false } });
  });

  it("gives the transport a request that it may copy", async () => {
    const sent: TransportRequest[] = [];
    const transport: Transport = {
      async send(request) {
        sent.push(request, { ...request });
        throw new TransportError("x", { sent: false, code: "X" });
      },
    };
    await sender({ transport }).send(secretCall("https://a.example"));
    const copy = sent[1];
    expect(copy?.signal).toBeInstanceOf(AbortSignal);
    expect(copy?.signal).toBe(sent[0]?.signal);
    expect(copy?.onSending()).toBe(true);
  });

  describe("over a transport made of undici's", () => {
    const silent = { dispatch: () => true };
    const inner = undiciTransport({ dispatcher: silent });
    const patched = undiciTransport({ dispatcher: silent });
    const { send } = patched;
    patched.send = (request) => send({ ...request });
    const passingOn = (made: (request: TransportRequest) => TransportRequest): Transport => ({
      ...inner,
      send: (request) => inner.send(made(request)),
    });

    it.each<[string, Transport]>([
      ["that passes on copies of its requests", passingOn((request) => ({ ...request }))],
      ["that passes on proxies of them", passingOn((request) => new Proxy(request, {}))],
      ["that passes on heirs of them", passingOn((request) => Object.create(request) as TransportRequest)],
      ["whose send() was replaced", patched],
    ])("%s, ends in time", async (_, transport) => {
      const result = await sender({ transport, timeoutMs: 40 }).send(secretCall("https://a.example"));
      expect(result).toMatchObject({ type: "notSent", cause: { code: "TIMEOUT" } });
    });
  });

  it("ends a call whose transport hears of no abort, soon after its time, and ignores a late answer", async () => {
    const clock = manualClock();
    let answer = (_: TransportResponse): void => {};
    const transport: Transport = {
      send(request) {
        request.onSending();
        return new Promise((resolve) => (answer = resolve));
      },
    };
    const stop = new AbortController();
    const over = sender({ clock, transport }).send(secretCall("https://a.example"));
    const stopped = sender({ clock, transport }).send(secretCall("https://a.example"), {
      signal: stop.signal,
    });
    const reason = stopped.catch((error: unknown) => error);
    stop.abort("enough");
    await clock.advance(2_000);
    answer({ status: 200, headers: {}, text: "{}" });
    expect(await over).toMatchObject({ type: "lost", cause: { code: "TIMEOUT" } });
    expect(await reason).toBe("enough");
    expect(clock.timers).toBe(0);
  });

  it("aborts a signal that the transport reads before or after the caller stops waiting", async () => {
    const stop = new AbortController();
    const seen: boolean[] = [];
    const transport: Transport = {
      async send(request) {
        const copy = { ...request };
        stop.abort("enough");
        seen.push(request.signal.aborted, { ...request }.signal.aborted, copy.signal.aborted);
        throw new TransportError("x", { sent: false, code: "X" });
      },
    };
    const sent = sender({ transport }).send(secretCall("https://a.example"), { signal: stop.signal });
    await expect(sent).rejects.toBe("enough");
    expect(seen).toEqual([true, true, true]);

    const late = new AbortController();
    const reading: Transport = {
      async send(request) {
        late.abort("late");
        seen.push(request.signal.aborted); // never read before
        throw new TransportError("x", { sent: false, code: "X" });
      },
    };
    await expect(
      sender({ transport: reading }).send(secretCall("https://a.example"), { signal: late.signal }),
    ).rejects.toBe("late");
    expect(seen.at(-1)).toBe(true);
  });

  it("counts an error that is not the transport's own as lost", async () => {
    const result = await sender({ transport: failing("boom") }).send(secretCall("https://a.example"));
    expect(result).toMatchObject({ type: "lost", cause: { code: "UNKNOWN", sent: true } });
  });

  it.each<[string, Transport, Partial<Call>]>([
    [
      "a foreign error",
      failing(Object.assign(new Error(`${hush} at https://x/?${hush}`), { code: hush + "!" })),
      {},
    ],
    ["a chain of causes", failing(new Error(hush, { cause: { code: "ECONNRESET", body: hush } })), {}],
    ["a path that undici refuses", undiciTransport(), { url: `https://127.0.0.1:1/${hush} ${hush}` }],
    ["a header name that undici refuses", undiciTransport(), { headers: { [`${hush} x`]: hush } }],
    ["no connection", undiciTransport(), { url: `http://127.0.0.1:1/?${hush}` }],
  ])("lets no secret into the cause: %s", async (_, transport, more) => {
    const result = await sender({ transport }).send(secretCall("https://127.0.0.1:1", more));
    expect(result.type).not.toBe("answer");
    expect(inspect(result, { depth: 9, showHidden: true }) + JSON.stringify(result)).not.toContain(hush);
  });
});

it("an answer that came, and could not be read, is no fault of the network", async () => {
  const answer = {
    status: 200,
    headers: {},
    get text(): string {
      throw new RangeError("hush");
    },
  };
  const transport: Transport = { send: async () => answer };
  const sender = createSender({ transport, clock: systemClock, timeoutMs: 1_000, maxBytes: 1_000 });
  const cause = { code: "READING_FAILED", message: expect.stringMatching(/failed with RangeError$/) };
  expect(await sender.send(secretCall("https://api.1up.health"))).toMatchObject({ type: "lost", cause });
  await sender.close();
  expect(nextStepAfter({ code: "READING_FAILED", status: null })).toMatch(/this process lacks/);
});
