import { mermaid } from "oneup-lifecycle/machines";
import { describe, expect, it } from "vitest";
import { compiled, programsIn, ran } from "./programs.ts";
import { read } from "./repository.ts";

const readme = read("README.md");
const blocks = programsIn("README.md");

describe("README.md", () => {
  it("shows the lifecycle as the machine draws it", () => {
    expect(/```mermaid\n([\s\S]*?)\n```/.exec(readme)?.[1]).toBe(mermaid());
  });

  it("holds code that compiles", () => {
    expect(compiled(blocks)).toBe("");
    expect(blocks).toHaveLength(5);
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
