import { AssertionError } from "node:assert";
import { Buffer } from "node:buffer";
import { inspect } from "node:util";
import { gzipSync } from "node:zlib";
import { assertNoSecrets, createTestLifecycle } from "oneup-lifecycle/testing";
import "oneup-lifecycle/testing/vitest";
import type { Sandbox } from "oneup-lifecycle/sandbox";
import { describe, expect, it } from "vitest";
import { failures } from "../support/failures.ts";

describe("assertNoSecrets() and toContainNoSecrets()", () => {
  /** Each secret of a sandbox. */
  function secrets(sandbox: Sandbox): readonly string[] {
    const { grants, credentials } = sandbox.snapshot();
    return [
      credentials.clientSecret,
      ...grants.codes.map(({ code }) => code),
      ...grants.accessTokens.map(({ token }) => token),
      ...grants.refreshTokens.map(({ token }) => token),
    ];
  }

  /** An object that shows a text in JSON alone. */
  function shownByJson(secret: string): object {
    return { [inspect.custom]: () => "[redacted]", toJSON: () => ({ secret }) };
  }

  function shared(text: string): SharedArrayBuffer {
    const bytes = Buffer.from(text);
    const memory = new SharedArrayBuffer(bytes.length);
    new Uint8Array(memory).set(bytes);
    return memory;
  }

  const hidingPlaces: readonly [string, (secret: string) => unknown][] = [
    ["a text", (secret) => `GET /x Bearer ${secret}\n`],
    ["bytes", (secret) => Buffer.from(`..${secret}..`)],
    ["base64", (secret) => Buffer.from(secret).toString("base64")],
    ["a Basic header", (secret) => `Basic ${Buffer.from(`a:${secret}`).toString("base64")}`],
    ["base64 of more", (secret) => Buffer.from(JSON.stringify({ at: 1, secret })).toString("base64")],
    ["base64, behind one byte", (secret) => Buffer.from(`:${secret}:`).toString("base64")],
    ["base64, behind two bytes", (secret) => `Basic ${Buffer.from(`u:${secret}`).toString("base64")}`],
    ["base64, behind three bytes", (secret) => Buffer.from(`id:${secret}\n`).toString("base64url")],
    ["bytes in an object", (secret) => ({ body: { parts: [Buffer.from(`..${secret}`)] } })],
    ["bytes in a map", (secret) => new Map([["body", new TextEncoder().encode(secret).buffer]])],
    ["bytes in the cause of an error", (secret) => new Error("cut", { cause: Buffer.from(secret) })],
    ["an error", (secret) => new Error(`refused ${secret}`)],
    ["the cause of an error", (secret) => new Error("refused", { cause: new Error(secret) })],
    [
      "a field of an error",
      (secret) => Object.assign(new Error("refused"), { request: { headers: { secret } } }),
    ],
    ["a key", (secret) => ({ a: [{ [secret]: 1 }] })],
    ["a map in a set", (secret) => new Set([new Map([["token", secret]])])],
    ["what JSON shows", shownByJson],
    ["a circle", (secret) => Object.assign([] as unknown[], [secret]).concat({ big: 1n })],
    ["what JSON shows beside a big integer", (secret) => ({ session: shownByJson(secret), n: 1n })],
    [
      "what JSON shows in a circle",
      (secret) => {
        const log: Record<string, unknown> = { session: shownByJson(secret) };
        return (log["log"] = log);
      },
    ],
    ["shared bytes", (secret) => ({ shared: shared(secret) })],
    ["bytes on a function", (secret) => Object.assign(() => {}, { bytes: Buffer.from(secret) })],
    ["deep down", (secret) => ({ a: { b: { c: { d: { e: { f: { g: secret } } } } } } })],
  ];

  it.each(hidingPlaces)("find every secret in %s", async (_, hide) => {
    const world = await createTestLifecycle();
    await world.lifecycle.onboard("ada");
    await world.clock.advance("2h");
    await world.lifecycle.accessToken("ada");
    const all = secrets(world.sandbox);
    expect(all.length).toBeGreaterThanOrEqual(6);
    for (const secret of all) {
      const given = hide(secret);
      expect(() => assertNoSecrets(given)).toThrow(AssertionError);
      const said = failures(
        () => assertNoSecrets(given),
        () => expect(given).toContainNoSecrets(),
      );
      expect(said).not.toContain(secret);
      expect(given).not.toContainNoSecrets(world.sandbox);
    }
    await world.close();
  });

  const escaped: readonly [string, (secret: string) => unknown][] = [
    ["a field", (secret) => ({ secret })],
    ["a list", (secret) => [`log: ${secret}`]],
    ["a line of JSON", (secret) => JSON.stringify({ secret })],
    ["a printed line of JSON", (secret) => [`it's \`${JSON.stringify({ secret })}`]],
    ["JSON in a line of JSON", (secret) => JSON.stringify({ msg: JSON.stringify({ secret }) })],
    ["a printed line of JSON in JSON", (secret) => [JSON.stringify({ msg: JSON.stringify({ secret }) })]],
    ["a line of JSON in base64", (secret) => Buffer.from(JSON.stringify({ secret })).toString("base64")],
    ["a form", (secret) => new URLSearchParams({ client_secret: secret }).toString()],
    ["an address", (secret) => `/x?secret=${encodeURIComponent(secret)}`],
  ];

  it.each(escaped)("find a client secret with backslashes and quotes in %s", async (_, hide) => {
    for (const clientSecret of ["back\\slash-0123", 'quo"te-0123', "quo'te-0123", "all\\\"'`-of-them+"]) {
      const world = await createTestLifecycle({ sandbox: { clientSecret } });
      const given = hide(clientSecret);
      const said = failures(
        () => assertNoSecrets(given),
        () => expect(given).toContainNoSecrets(),
      );
      expect(said).toContain("the client secret");
      expect(said).not.toContain(clientSecret);
      await world.close();
    }
  });

  it("knows a client secret that was replaced", async () => {
    const { sandbox } = await createTestLifecycle();
    const { clientSecret } = sandbox.credentials;
    for (const secret of ["another-secret-0123", "a-third-secret-4567"])
      sandbox.setCredentials({ clientSecret: secret });
    for (const secret of [clientSecret, "another-secret-0123", "a-third-secret-4567"])
      expect(() => assertNoSecrets(`client_secret=${secret}`)).toThrow(AssertionError);
    sandbox.restore(sandbox.snapshot());
    expect(() => assertNoSecrets(`client_secret=${clientSecret}`)).toThrow("a former client secret");
  });

  it("find none in the bytes of others that share a pool, nor a client secret of a letter in any base64", async () => {
    const world = await createTestLifecycle({ sandbox: { clientSecret: "~" } });
    await world.lifecycle.onboard("ada");
    const pool = Buffer.from(`${await world.lifecycle.accessToken("ada")}, and the text behind it`);
    expect({ body: pool }).not.toContainNoSecrets();
    expect({ body: pool.subarray(42) }).toContainNoSecrets();
    expect(Buffer.from("Happy families are all alike").toString("base64")).toContainNoSecrets(world.sandbox);
    await world.close();
  });

  it("find none where there is none", async () => {
    const world = await createTestLifecycle();
    const status = await world.lifecycle.onboard("ada");
    const circle: unknown[] = [status, world.sandbox.journal.entries(), await world.lifecycle.health()];
    circle.push(circle);
    for (const value of [status, circle, "", null, undefined, new Error("refused"), world.lifecycle])
      expect(value).toContainNoSecrets();
    const store = await world.store.open({ account: "other", clock: world.clock });
    expect(await store.counts()).toContainNoSecrets();
    await world.close();
  });

  it("name what was found and where, without the secret", async () => {
    const world = await createTestLifecycle();
    await world.lifecycle.onboard("ada");
    const token = await world.lifecycle.accessToken("ada");
    const logged = { level: "info", headers: { authorization: `Bearer ${token}` }, client: "sandbox-secret" };
    expect(
      failures(
        () => assertNoSecrets(logged),
        () => expect(logged).toContainNoSecrets(),
      ),
    ).toMatchInlineSnapshot(`
      "Expected to find no secret, but found

        the client secret: …n: 'Bearer █████' }, client: '█████' }…
        an access token of "ada": …ers: { authorization: 'Bearer █████' }, client: '█████' }…"
    `);
    await world.close();
  });

  it("refuse a promise, whose secrets are not there yet", async () => {
    const { lifecycle, close } = await createTestLifecycle();
    await lifecycle.onboard("ada");
    const promised = lifecycle.accessToken("ada");
    expect(() => assertNoSecrets(promised)).toThrow("Cannot look for secrets in a promise: await it first");
    expect(() => expect(promised).toContainNoSecrets()).toThrow("await it first");
    await promised;
    await close();
  });

  const closedBooks: readonly [string, string, (secret: string) => unknown][] = [
    ["a response", "in a Response: await its text() first", (secret) => Response.json({ secret })],
    [
      "a request",
      "in a Request: await its text() first",
      (secret) => ({ sent: new Request("http://x", { method: "POST", body: secret }) }),
    ],
    ["a blob", "in a Blob: await its text() first", (secret) => [new Blob([secret])]],
    ["a file", "in a File: await its text() first", (secret) => new File([secret], "log.txt")],
    [
      "a file in a form",
      "in a File: await its text() first",
      (secret) => {
        const form = new FormData();
        form.set("log", new Blob([secret]));
        return form;
      },
    ],
    ["a stream", "in a ReadableStream: read it first", (secret) => new Response(secret).body],
    ["gzip", "in gzipped bytes: decompress them first", (secret) => ({ body: gzipSync(secret) })],
  ];

  it.each(closedBooks)("refuse %s, whose text they cannot see", async (_, message, hide) => {
    await using world = await createTestLifecycle();
    const given = hide(world.sandbox.credentials.clientSecret);
    expect(() => assertNoSecrets(given)).toThrow(`Cannot look for secrets ${message}`);
    expect(() => expect(given).not.toContainNoSecrets()).toThrow(message);
    assertNoSecrets([new Response(null), new Request("http://x")]);
    const shown = new Request(`http://x/?${world.sandbox.credentials.clientSecret}`);
    expect(() => assertNoSecrets(shown)).toThrow(AssertionError);
  });

  it("know the secrets from before reset() and restore(), and of closed lifecycles", async () => {
    const world = await createTestLifecycle({ sandbox: { seed: 77 } });
    const empty = world.sandbox.snapshot();
    await world.lifecycle.onboard("ada");
    const first = await world.lifecycle.accessToken("ada");
    world.sandbox.restore(empty);
    expect(() => assertNoSecrets(first, world.sandbox)).toThrow('an access token of "ada"');
    await world.restart();
    world.sandbox.setCredentials({ clientSecret: "of-this-test-0123" });
    world.sandbox.reset();
    for (const secret of [first, "of-this-test-0123"]) {
      expect(() => assertNoSecrets(secret, world.sandbox)).toThrow(AssertionError);
      expect(() => assertNoSecrets(secret)).toThrow(AssertionError);
    }
    await world.close();
    await using _ = await createTestLifecycle();
    for (const secret of [first, "of-this-test-0123"])
      expect(() => assertNoSecrets(secret)).toThrow(AssertionError);
  });

  it("refuse to look where nothing could be found", async () => {
    const another = "../../src/testing/secrets-in.ts?another"; // here, tests may have left theirs open
    const fresh = (await import(
      /* @vite-ignore */ another
    )) as typeof import("../../src/testing/secrets-in.ts");
    const { sandbox } = await createTestLifecycle();
    expect(() => fresh.secretsIn("text")).toThrow(
      "Cannot look for secrets: a test lifecycle must have been created, or a sandbox must be given",
    );
    const end = fresh.lookInto(sandbox);
    expect(fresh.secretsIn("text")).toEqual([]);
    end();
    expect(fresh.secretsIn(sandbox.credentials.clientSecret)).toHaveLength(1);
    assertNoSecrets("text", sandbox);
  });
});
