import { describe, expect, it } from "vitest";
import { keyv } from "../../adapters/keyv.ts";
import { lmdb } from "../../adapters/lmdb.ts";
import { postgres } from "../../adapters/postgres.ts";
import { redis } from "../../adapters/redis.ts";

/** Values that cannot be made a text, or are none of an option, and how they are named. */
const values: readonly [unknown, string][] = [
  [Object.create(null), "an object"],
  [{ toString: () => expect.fail("it was called") }, "an object"],
  [Symbol("it"), "Symbol(it)"],
  [() => 1, "a function"],
  [null, "null"],
  [[], "an array"],
  [7n, "7n"],
  ["https://user:secret@host", "a text of 24 characters"],
];

const factories = {
  lmdb: [lmdb, "folder", ["maxAccounts", "timeoutMs"]],
  redis: [redis, "redis://host", ["prefix", "timeoutMs"]],
  postgres: [postgres, "postgres://host/name", ["schema", "timeoutMs", "connections"]],
  keyv: [keyv, new Map(), ["timeoutMs", "durable"]],
} as const;

describe.each(Object.entries(factories))("the arguments of %s()", (_, [factory, where, options]) => {
  const made = factory as (where: unknown, options?: unknown) => unknown;
  const refusal = (got: string): unknown =>
    expect.objectContaining({ code: "INVALID_OPTION", message: expect.stringContaining(`not ${got}`) });

  it.each(values.filter(([value]) => typeof value !== "string"))("name a place that is $1", (value, got) => {
    expect(() => made(value)).toThrow(refusal(got));
  });

  it.each(values)("name an option that is $1", (value, got) => {
    for (const option of options) {
      if (option === "prefix" && typeof value === "string") continue; // it may be any text
      expect(() => made(where, { [option]: value })).toThrow(refusal(got));
    }
  });

  it("name options that are no object", () => {
    for (const [value, got] of [
      [null, "null"],
      [5, "5"],
      ["5", '"5"'],
      [[], "an array"],
    ] as const)
      expect(() => made(where, value)).toThrow(refusal(got));
  });

  it("name an option that is mistyped, and those that there are", () => {
    for (const option of options) {
      const typed = option.slice(1);
      expect(() => made(where, { [typed]: 1 })).toThrow(refusal(JSON.stringify(typed)));
      expect(() => made(where, { [typed]: 1 })).toThrow(option);
    }
  });
});

it("keyv() quotes no URL, which may hold a password", () => {
  expect(() => keyv("redis://:secret@host" as never)).toThrow(/not a text of 20 characters$/);
});
