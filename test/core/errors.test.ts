import { inspect } from "node:util";
import { describe, expect, expectTypeOf, it, onTestFinished, vi } from "vitest";
import { inWords, isLifecycleError, LifecycleError, underneath, withoutWords } from "../../src/errors.ts";
import { networkError } from "../../src/http/transport.ts";

describe("errors", () => {
  it("LifecycleError carries code, message and cause, and is an Error", () => {
    const cause = new TypeError("underneath");
    const error = new LifecycleError("UNAVAILABLE", "Cannot refresh the token of user #ada: HTTP 503", {
      cause,
      retryable: true,
      retryAfterMs: 5_000,
      status: 503,
      facts: { call: "refreshToken" },
    });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      name: "LifecycleError",
      code: "UNAVAILABLE",
      message: "Cannot refresh the token of user #ada: HTTP 503",
      cause,
      retryable: true,
      retryAfterMs: 5_000,
      status: 503,
      facts: { call: "refreshToken" },
    });
    expect(String(error)).toBe("LifecycleError: Cannot refresh the token of user #ada: HTTP 503");
    expect(error.stack).toContain("errors.test");
  });

  it("LifecycleError is not retryable, and has no cause and no facts, by default", () => {
    const error = new LifecycleError("CLOSED", "Cannot go on: closed");
    expect(error.retryable).toBe(false);
    expect("cause" in error).toBe(false);
    expect(error.facts).toEqual({});
  });

  it("LifecycleError keeps its name and code where an application has frozen Error.prototype", () => {
    const { prototype } = Error;
    onTestFinished(() => void Object.defineProperty(prototype, "name", { writable: true }));
    Object.defineProperty(prototype, "name", { writable: false });
    expect(new LifecycleError("CLOSED", "Cannot go on")).toMatchObject({
      name: "LifecycleError",
      code: "CLOSED",
    });
  });

  it("isLifecycleError() knows our errors, and the code if one is asked for", () => {
    const error = new LifecycleError("CLOSED", "Cannot go on: closed");
    expect(isLifecycleError(error)).toBe(true);
    expect(isLifecycleError(error, "CLOSED")).toBe(true);
    expect(isLifecycleError(error, "RENAMED")).toBe(false);
  });

  it("isLifecycleError() leaves an error of another code a LifecycleError, in types, too", () => {
    const error: unknown = new LifecycleError("CLOSED", "Cannot go on: closed");
    if (!isLifecycleError(error)) throw error;
    if (isLifecycleError(error, "RENAMED")) expectTypeOf(error.code).toEqualTypeOf<"RENAMED">();
    else expectTypeOf(error).toEqualTypeOf<LifecycleError>();
    expect(error.retryable).toBe(false);
  });

  it("isLifecycleError() knows errors of another copy of the library", async () => {
    vi.resetModules();
    const copy = await import("../../src/errors.ts");
    expect(copy.LifecycleError).not.toBe(LifecycleError);
    const error = new copy.LifecycleError("RENAMED", "Cannot find the user: it was renamed");
    expect(error).not.toBeInstanceOf(LifecycleError);
    expect(isLifecycleError(error, "RENAMED")).toBe(true);
    expect(isLifecycleError(error, "CLOSED")).toBe(false);
  });

  it("isLifecycleError() knows a subclass", () => {
    class Special extends LifecycleError {}
    expect(isLifecycleError(new Special("CLOSED", "Cannot go on: closed"), "CLOSED")).toBe(true);
  });

  for (const [name, other] of Object.entries({
    "another error": new Error("CLOSED"),
    "an object that looks like one": { name: "LifecycleError", code: "CLOSED", retryable: false },
    null: null,
    undefined: undefined,
    "a text": "CLOSED",
    "a number": 7,
    "a function": () => {},
  })) {
    it(`isLifecycleError() is false for ${name}`, () => {
      expect(isLifecycleError(other)).toBe(false);
      expect(isLifecycleError(other, "CLOSED")).toBe(false);
    });
  }

  it("LifecycleError shows no brand when it is listed or serialised", () => {
    const error = new LifecycleError("CLOSED", "Cannot go on: closed");
    expect(Object.getOwnPropertySymbols(Object.assign({}, error))).toEqual([]);
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      name: "LifecycleError",
      code: "CLOSED",
      retryable: false,
      facts: {},
      failedCall: null,
    });
  });
});

describe("errors of others", () => {
  /** As HTTP and Redis libraries throw them. */
  const telling = Object.assign(
    new TypeError('connect redis://me:planted@host:1/0 failed, {"password":"planted"} token=planted', {
      cause: Object.assign(new Error("GET https://u:planted@h/x"), { headers: { authorization: "planted" } }),
    }),
    { code: "ECONNREFUSED", command: { name: "auth", args: ["planted"] }, config: { headers: "planted" } },
  );

  it("inWords() names them by kind and code, and prints ours in full", () => {
    expect(inWords(telling)).toBe("TypeError ECONNREFUSED");
    expect(inWords(new SyntaxError("Unexpected token 'p', \"planted\" is not valid JSON"))).toBe(
      "SyntaxError",
    );
    expect(inWords("planted")).toBe("a thrown string");
    expect(inWords(Object.assign(new Error("planted"), { name: "planted secret", code: "a b" }))).toBe(
      "Error",
    );
    expect(inWords(new LifecycleError("CLOSED", "Cannot go on: closed"))).toBe(
      "LifecycleError: Cannot go on: closed",
    );
  });

  it("underneath() keeps kind, message, code and stack, and nothing that a library hung on them", () => {
    const shown = underneath(telling);
    expect(shown).toMatchObject({ name: "TypeError", code: "ECONNREFUSED" });
    expect(shown.message).toBe('connect redis://***@host:1/0 failed, {"password":"***"} token=***');
    expect(shown.cause).toMatchObject({ message: "GET https://***@h/x" });
    expect(shown.stack).toContain("errors.test");
    expect(inspect(shown, { depth: Infinity, showHidden: true })).not.toContain("planted");
    expect(inspect(underneath({ planted: 1 }))).toContain("a thrown object");
    const endless = new Error("a");
    endless.cause = endless;
    expect(inspect(underneath(endless), { depth: Infinity })).toContain("Error: a");
  });

  it.each([
    ["connect ECONNREFUSED redis://app:p@planted@db:6379", "connect ECONNREFUSED redis://***@db:6379"],
    ["getaddrinfo ENOTFOUND mysql://app:pa/planted@db:3306", "getaddrinfo ENOTFOUND mysql://***@db:3306"],
    ["connection failed, PGPASSWORD=planted host=db", "connection failed, PGPASSWORD=*** host=db"],
    ["dial: Password=pl,an;ted Host=db", "dial: Password=*** Host=db"],
    [
      "grant_type=client_credentials&client_secret=planted",
      "grant_type=client_credentials&client_secret=***",
    ],
    ["GET https://kms/keys?access_token=planted 403", "GET https://kms/keys?access_token=*** 403"],
    ["headers Authorization: Bearer planted, Accept: *", "headers Authorization: Bearer ***, Accept: *"],
    ['["authorization","Bearer planted"]', '["authorization","Bearer ***"]'],
    ["sent Basic cGxhbnRlZA== to kms", "sent Basic *** to kms"],
    ['{"x-api-key":"a \\" planted","n":1}', '{"x-api-key":"***","n":1}'],
    ['{\\"password\\":\\"planted it\\",\\"n\\":1}', '{\\"password\\":\\"***\\",\\"n\\":1}'],
    ["at file:///app/node_modules/@redis/client/a.js", "at file:///app/node_modules/@redis/client/a.js"],
  ])("underneath() masks the secrets of %s", (message, shown) => {
    expect(underneath(new Error(message)).message).toBe(shown);
  });

  it("underneath() takes no time for a long text", () => {
    const before = process.cpuUsage();
    for (const one of ["//", "/a", "key=", 'key="\\', "Bearer ", "aut", ":// "])
      underneath(new Error(one.repeat(400_000 / one.length)));
    const { user } = process.cpuUsage(before);
    expect(user / 1e6, "s of CPU; with the square of the length, minutes").toBeLessThan(30);
  });

  it.each([
    ["underneath()", underneath],
    ["withoutWords()", withoutWords],
    ["networkError()", (error: Error): Error => networkError(error, true)],
  ])(
    "%s keeps the code where a library has replaced Error.prepareStackTrace, or made a message of something else",
    (_, copied) => {
      const { prepareStackTrace: before } = Error;
      onTestFinished(() => void Object.assign(Error, { prepareStackTrace: before }));
      Error.prepareStackTrace = (_error, sites) => sites;
      const error = Object.assign(new Error("a"), { code: "ECONNREFUSED" });
      expect(copied(error)).toMatchObject({ code: "ECONNREFUSED" });
      const odd = Object.assign(new Error("a"), { code: "ECONNREFUSED", message: Symbol("a") });
      expect(copied(odd)).toMatchObject({ code: "ECONNREFUSED" });
    },
  );

  it("withoutWords() keeps kinds, code and places", () => {
    const shown = withoutWords(telling);
    expect(shown).toMatchObject({ message: "TypeError ECONNREFUSED", code: "ECONNREFUSED" });
    expect(shown.cause).toMatchObject({ message: "Error" });
    expect(shown.stack).toContain("errors.test");
    expect(inspect(shown, { depth: Infinity, showHidden: true })).not.toMatch(/planted|redis:|failed/);
  });
});
