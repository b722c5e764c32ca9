import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { compiled, programsIn, ran } from "./programs.ts";
import { read, root, tracked } from "./repository.ts";

/** The guides beside the code, and what each of their programs prints. */
const guides = {
  "machines/README.md": [
    /^expiring \[\s*\{\s*call: ["']refreshToken["'],\s*description: [^]*stateDiagram-v2\n$/,
  ],
  "adapters/README.md": [/^true true\n$/],
};

const programs = Object.entries(guides).flatMap(([path, prints]) =>
  programsIn(path).map((code, index) => ({
    path,
    index,
    code,
    said: prints[index] ?? /^what it prints$/,
  })),
);

/** The source files of a room, but for its entry point. */
function filesOf(room: string): readonly string[] {
  return readdirSync(join(root, room)).filter((name) => name.endsWith(".ts") && name !== "index.ts");
}

describe("the guides", () => {
  it("and README.md and docs/ hold code that compiles", () => {
    const docs = tracked().filter((path) => path.startsWith("docs/") && path.endsWith(".md"));
    const others = ["README.md", ...docs].flatMap((path) => programsIn(path));
    expect(others.length).toBeGreaterThan(7);
    expect(compiled([...programs.map(({ code }) => code), ...others])).toBe("");
  });

  it.each(programs)("$path: program $index runs", ({ code, said }) => {
    const { stdout, stderr } = ran(code);
    expect(stderr).toBe("");
    expect(stdout).toMatch(said);
  });

  it("name every file of their rooms", () => {
    for (const file of filesOf("machines")) expect(read("machines/README.md")).toContain(`| \`${file}\` `);
    for (const file of filesOf("adapters"))
      expect(read("adapters/README.md")).toContain(`\`${file.replace(".ts", "(")}`);
  });
});
