import { describe, expect, it } from "vitest";
import type { ErrorCode } from "oneup-lifecycle";
import { agentsPage } from "../reference/agents.ts";
import { read } from "./repository.ts";

describe("AGENTS.md", () => {
  it("is what `npm run agents` writes from the guides", () => {
    expect(read("AGENTS.md")).toBe(agentsPage());
  });

  it("has ten recipes, all entry points, and what to do about each error", () => {
    const page = agentsPage();
    expect(page.match(/^```ts$/gm)).toHaveLength(10);
    for (const name of ["oneup-lifecycle", "oneup-lifecycle/adapters/postgres", "oneup-lifecycle/testing"])
      expect(page).toMatch(new RegExp(`^- \`${name}\`: [A-Z].*\\.$`, "m"));
    const codes = [...read("docs/errors.md").matchAll(/^\| `([A-Z_]+)`/gm)].map(
      ([, code]) => code as ErrorCode,
    );
    expect(codes.length).toBeGreaterThan(20);
    for (const code of codes) expect(page).toMatch(new RegExp(`^- \`${code}\`: .+ To do: .+\\.$`, "m"));
  });
});
