import { describe, expect, it } from "vitest";
import { drawsBars, paintFor, Screen } from "../../src/cli/screen.ts";

const green = "\u001b[32mfine\u001b[39m";

describe("cli paint", () => {
  it.each([
    ["a terminal", true, {}, green],
    ["a pipe", false, {}, "fine"],
    ["a dumb terminal", true, { TERM: "dumb" }, "fine"],
    ["NO_COLOR on a terminal", true, { NO_COLOR: "1" }, "fine"],
    ["an empty NO_COLOR on a terminal", true, { NO_COLOR: "" }, green],
    ["FORCE_COLOR on a pipe", false, { FORCE_COLOR: "1" }, green],
    ["FORCE_COLOR=0 on a terminal", true, { FORCE_COLOR: "0" }, "fine"],
    ["NO_COLOR and FORCE_COLOR", true, { NO_COLOR: "1", FORCE_COLOR: "1" }, "fine"],
  ])("paintFor() on %s", (_, isTTY, env, expected) => {
    expect(paintFor({ isTTY }, env).good("fine")).toBe(expected);
  });

  it.each([
    ["a terminal", true, {}, true],
    ["a terminal with UTF-8", true, { LC_ALL: "", LANG: "C.UTF-8" }, true],
    ["a pipe", false, {}, false],
    ["a dumb terminal", true, { TERM: "dumb" }, false],
    ["a terminal with LANG=C", true, { LANG: "C" }, false],
    ["a terminal with LC_ALL=POSIX", true, { LC_ALL: "POSIX", LANG: "de_DE.UTF-8" }, false],
  ])("drawsBars() on %s", (_, isTTY, env, expected) => {
    expect(drawsBars({ isTTY }, env)).toBe(expected);
  });
});

describe("cli screen", () => {
  function open(target: { isTTY: boolean; columns?: number; rows?: number }): {
    screen: Screen;
    out: string[];
  } {
    const out: string[] = [];
    return { screen: new Screen({ ...target, write: (text) => out.push(text) }), out };
  }

  it("draw() goes back over the last picture on a terminal", () => {
    const { screen, out } = open({ isTTY: true, columns: 80, rows: 24 });
    screen.draw(["one", "two"]);
    screen.settle(["three", "four"]);
    screen.draw(["five"]);
    expect(out[0]).not.toContain("\u001b[2A");
    expect(out[1]).toContain("\u001b[2A");
    expect(out[2]).not.toContain("A");
  });

  it.each([{ isTTY: false }, { isTTY: true, columns: 60, rows: 24 }])(
    "draw() prints nothing on %j, settle() prints once",
    (target) => {
      const { screen, out } = open(target);
      screen.draw(["one"]);
      screen.settle(["two"]);
      expect(out).toEqual(["two\n"]);
    },
  );
});
