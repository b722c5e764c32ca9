import { describe, expect, it } from "vitest";
import { plain } from "./plain-store.ts";

describe("plain()", () => {
  it("leaves of a value what JSON would, frozen through and through", () => {
    const value = {
      at: new Date(0),
      none: undefined,
      list: [1, undefined, NaN, { deep: true, gone: undefined }],
      nothing: null,
      text: "t",
    };
    const copy = plain(value);
    expect(copy).toStrictEqual(JSON.parse(JSON.stringify(value)));
    expect(copy).not.toBe(value);
    for (const part of [copy, copy.list, copy.list[3]]) expect(Object.isFrozen(part)).toBe(true);
  });

  it("copies nothing that it has made, and trusts no object to be frozen", () => {
    const copy = plain({ inner: { a: 1 } });
    expect(plain({ again: copy }).again).toBe(copy);
    expect(plain(Object.freeze({ none: undefined }))).toStrictEqual({});
  });
});
