import { describe, expect, it } from "vitest";
import { programsIn, ran } from "./programs.ts";
import { read } from "./repository.ts";

/** What a stranger reads in five minutes. */
const longest = 200;

const blocks = programsIn("README.md");

describe("README.md", () => {
  it(`has at most ${longest} lines`, () => {
    expect(read("README.md").split("\n").length).toBeLessThanOrEqual(longest);
  });

  it("holds three programs, which compile, as the guides' tests show", () => {
    expect(blocks).toHaveLength(3);
  });

  it("shows a test of at most 12 lines that runs here", () => {
    const test = read("test/testing/interrupted.test.ts");
    expect(blocks).toContain(test);
    expect(test.trimEnd().split("\n").length).toBeLessThanOrEqual(12);
  });

  it("begins with ten lines that work", () => {
    const { stdout, stderr } = ran(blocks[0] ?? "");
    expect(stderr).toBe("");
    expect(stdout).toMatch(/^tokenActive [0-9a-f]{12} 40 1\n$/);
  });
});
