import dns, { type LookupOptions } from "node:dns";
import { expect, it, onTestFinished, vi } from "vitest";
import { sharedLookup } from "../../src/http/streaming/shared-lookup.ts";
import { publicLookup } from "../../src/http/streaming/public-address.ts";
import type { Transport } from "../../src/http/transport.ts";
import { undiciTransport } from "../../src/http/undici-transport.ts";

type Lookup = (name: string, options: LookupOptions, done: (...found: unknown[]) => void) => void;

/** Name servers that answer when they are told to. */
function nameServers(): { readonly asked: string[]; answer(...found: unknown[]): void } {
  const asked: string[] = [];
  const waiting: ((...found: unknown[]) => void)[] = [];
  const lookup: Lookup = (name, { family = 0, all = false }, done) => {
    asked.push(`${name} ${family} ${all}`);
    waiting.push(done);
  };
  const spy = vi.spyOn(dns, "lookup").mockImplementation(lookup as never);
  onTestFinished(() => spy.mockRestore());
  return { asked, answer: (...found) => waiting.splice(0).forEach((done) => done(...found)) };
}

it("a name is asked for once at a time, for each set of options, and again afterwards", () => {
  const { asked, answer } = nameServers();
  const found: unknown[] = [];
  const ask = (options: LookupOptions): void =>
    sharedLookup("a.example", options, (error, address) => found.push(error ?? address));
  ask({});
  ask({});
  ask({ all: true });
  ask({ family: 6 });
  expect(asked).toEqual(["a.example 0 false", "a.example 0 true", "a.example 6 false"]);
  answer(null, "192.0.2.1", 4);
  expect(found).toEqual(["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1"]);
  const error = new Error("no such name");
  ask({});
  ask({});
  answer(error);
  expect([asked.length, found.slice(4)]).toEqual([4, [error, error]]);
});

it("a look-up that cannot begin holds up no other", () => {
  const spy = vi.spyOn(dns, "lookup").mockImplementation(() => {
    throw new Error("not permitted");
  });
  onTestFinished(() => spy.mockRestore());
  for (let call = 0; call < 2; call++)
    expect(() => sharedLookup("a.example", {}, () => {})).toThrow("not permitted");
});

it("publicLookup() shares it, and judges the addresses", () => {
  const { asked, answer } = nameServers();
  const codes: unknown[] = [];
  for (let call = 0; call < 2; call++)
    publicLookup("a.example", { all: true }, (error) => codes.push(error && "code" in error && error.code));
  answer(null, [{ address: "10.0.0.1", family: 4 }]);
  expect([asked.length, codes]).toEqual([1, ["ADDRESS_NOT_PUBLIC", "ADDRESS_NOT_PUBLIC"]]);
});

it.each([
  ["itself", (): Transport => undiciTransport()],
  ["a proxy", (): Transport => undiciTransport({ proxy: "http://a.example" })],
  ["a proxy over TLS", (): Transport => undiciTransport({ proxy: "https://a.example" })],
])("many calls whose host is not found by %s ask the name servers once", async (_, open) => {
  const { asked, answer } = nameServers();
  const transport = open();
  const ends = new AbortController();
  const calls = Array.from({ length: 20 }, () =>
    transport.send({
      method: "GET",
      url: "https://a.example/",
      headers: {},
      signal: ends.signal,
      maxBytes: 1,
      onSending: () => true,
    }),
  );
  const ended = Promise.allSettled(calls);
  await vi.waitUntil(() => asked.length > 0);
  await new Promise((resolve) => setTimeout(resolve, 50)); // for the look-ups of the other connections
  expect(asked).toHaveLength(1);
  answer(Object.assign(new Error("no such name"), { code: "ENOTFOUND" }));
  const codes = (await ended).map((one) => (one as { reason?: { code?: string } }).reason?.code);
  expect(new Set(codes)).toHaveLength(1);
  await transport.close?.();
});
