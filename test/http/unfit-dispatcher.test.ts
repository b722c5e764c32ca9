import {
  Agent,
  BalancedPool,
  Client,
  EnvHttpProxyAgent,
  interceptors,
  MockAgent,
  Pool,
  ProxyAgent,
  RetryAgent,
  type Dispatcher,
} from "undici";
import { expect, it } from "vitest";
import { nextStepAfter } from "../../src/next-step.ts";
import { undiciTransport } from "../../src/http/undici-transport.ts";
import { serve } from "./local-server.ts";

const origin = "http://127.0.0.1:1";

it.each<[string, () => Dispatcher]>([
  ["Client", () => new Client(origin)],
  ["Pool", () => new Pool(origin)],
  ["BalancedPool", () => new BalancedPool([origin])],
  ["Pool with interceptors", () => new Pool(origin).compose(interceptors.dns())],
  ["pool of a MockAgent", () => new MockAgent().get(origin)],
])("a %s, which would send the secret to one origin alone, is refused", (_, dispatcher) => {
  expect(() => undiciTransport({ dispatcher: dispatcher() })).toThrow(
    "Cannot create a transport: dispatcher must be one that sends each call to the origin of the call, such as an Agent, got a Client or Pool",
  );
});

it.each<[string, () => Dispatcher]>([
  ["Agent", () => new Agent()],
  ["Agent with interceptors", () => new Agent().compose(interceptors.retry())],
  ["ProxyAgent", () => new ProxyAgent(origin)],
  ["EnvHttpProxyAgent", () => new EnvHttpProxyAgent()],
  ["RetryAgent", () => new RetryAgent(new Agent())],
  [
    "RetryAgent of undici 8",
    () => Object.assign(new RetryAgent(new Agent()), { [Symbol("url")]: undefined }),
  ],
  ["MockAgent", () => new MockAgent()],
])("a %s is taken", (_, dispatcher) => {
  expect(() => undiciTransport({ dispatcher: dispatcher() })).not.toThrow();
});

it("a dispatcher of undici 6 is refused", () => {
  const dispatch = (): boolean => false;
  const message = /dispatcher must be one of undici 7 or later, got one of undici 6/;
  class DispatcherBase {
    readonly dispatch = dispatch;
    get [Symbol("Intercepted Dispatch")](): unknown {
      return undefined;
    }
  }
  for (const dispatcher of [{ dispatch, [Symbol("dispatch interceptors")]: [] }, new DispatcherBase()])
    expect(() => undiciTransport({ dispatcher })).toThrow(message);
});

it("one of undici 6 that is hidden by a wrapper is told by its error", async () => {
  const { url } = await serve((response) => response.end("{}"));
  const dispatch = (): boolean => {
    throw Object.assign(new Error("invalid onError method"), { code: "UND_ERR_INVALID_ARG" });
  };
  const sent = undiciTransport({ dispatcher: { dispatch } }).send({
    method: "GET",
    url: `${url}/user`,
    headers: {},
    signal: new AbortController().signal,
    maxBytes: 100,
    onSending: () => true,
  });
  await expect(sent).rejects.toMatchObject({ sent: false, code: "UND_ERR_INVALID_ARG" });
  expect(nextStepAfter({ code: "UND_ERR_INVALID_ARG", status: null })).toMatch(/dispatcher of .* version 7/);
});
