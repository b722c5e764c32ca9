import { Console } from "node:console";
import { Writable } from "node:stream";
import { format, inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { Secret } from "../../src/secret.ts";

const text = "s3cr3t-text";
const secret = new Secret(text);

/** What `console.log` prints. */
function printed(...values: readonly unknown[]): string {
  let out = "";
  const stdout = new Writable({
    write(chunk: Buffer, _, done) {
      out += chunk.toString();
      done();
    },
  });
  new Console({ stdout }).log(...values);
  return out;
}

describe("secret", () => {
  it("reveal() gives the string", () => {
    expect(secret.reveal()).toBe(text);
    expect(new Secret("").reveal()).toBe("");
  });

  it("Secret throws in a template and where it is joined to a string", () => {
    // What the compiler refuses, JavaScript code does all the same.
    const loose = secret as unknown as string;
    for (const join of [
      () => `Bearer ${loose}`,
      () => "Bearer " + loose,
      () => loose + 1,
      () => Number(loose),
      () => loose > "a",
      () => ["Bearer", loose].join(" "),
    ]) {
      expect(join).toThrow(TypeError);
      expect(join).not.toThrow(text);
    }
  });

  it("toString() and toJSON() give [redacted]", () => {
    expect(secret.toString()).toBe("[redacted]");
    expect(JSON.stringify({ token: secret, list: [secret] })).toBe(
      '{"token":"[redacted]","list":["[redacted]"]}',
    );
  });

  it("String() of a secret does not give it away", () => {
    const said = ((): string => {
      try {
        return String(secret);
      } catch (error) {
        return String(error);
      }
    })();
    expect(said).not.toContain(text);
  });

  it("inspect() shows [redacted], however deep and with everything switched on", () => {
    expect(inspect(secret)).toBe("[redacted]");
    const nested = { user: { tokens: new Map([["access", [secret]]]) } };
    const shown = inspect(nested, { depth: null, showHidden: true, getters: true });
    expect(shown).toContain("[redacted]");
    expect(shown).not.toContain(text);
    expect(inspect(secret, { customInspect: false, showHidden: true, depth: null })).not.toContain(text);
  });

  it("console.log() of nested objects, lists and errors shows [redacted]", () => {
    const error = Object.assign(new Error("Cannot go on"), { token: secret });
    for (const value of [secret, { a: { b: secret } }, [[secret]], new Set([secret]), error]) {
      const out = printed(value);
      expect(out).toContain("[redacted]");
      expect(out).not.toContain(text);
    }
    expect(printed("%o %O %j", secret, { secret }, { secret })).not.toContain(text);
    expect(format("%j", { secret })).toBe('{"secret":"[redacted]"}');
  });

  it("Secret answers to the inspection symbols of Node and Deno", () => {
    for (const name of ["nodejs.util.inspect.custom", "Deno.customInspect"]) {
      const show: unknown = Reflect.get(secret, Symbol.for(name));
      expect(typeof show === "function" && show.call(secret)).toBe("[redacted]");
    }
  });

  it("Secret has no property, own or enumerable, that holds the string", () => {
    expect(Reflect.ownKeys(secret)).toEqual([]);
    const seen: unknown[] = [];
    for (const key in secret) seen.push(Reflect.get(secret, key));
    expect(seen).not.toContain(text);
    expect(Object.entries(secret)).toEqual([]);
    expect(JSON.stringify(structuredClone(secret))).not.toContain(text);
  });
});
