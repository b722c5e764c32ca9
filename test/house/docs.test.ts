/** The guides in `docs/`, and the links of every page. `guides.test.ts` compiles their programs. */
import { existsSync } from "node:fs";
import { join, posix } from "node:path";
import { mermaid, type UserCall } from "oneup-lifecycle/machines";
import { describe, expect, it } from "vitest";
import { allCommands } from "../../src/cli/command-table.ts";
import { nextSteps } from "../../src/next-step.ts";
import { callNames } from "../../src/sandbox/base/plan.ts";
import { programsIn, ran } from "./programs.ts";
import { linksIn, read, root, tracked } from "./repository.ts";

const pages = tracked().filter((path) => path.endsWith(".md") && existsSync(join(root, path)));
const guides = pages.filter((path) => path.startsWith("docs/"));

/** The calls that a user's states make. */
const userCalls: Readonly<Record<UserCall, true>> = {
  createUser: true,
  issueAuthCode: true,
  exchangeCode: true,
  refreshToken: true,
  findUser: true,
  updateUser: true,
  purge: true,
};

/** The anchor that a heading gets. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");
}

/** The anchors of a page. */
function anchorsOf(path: string): readonly string[] {
  return Array.from(read(path).matchAll(/^#+ (.*)$/gm), ([, heading = ""]) => anchorOf(heading));
}

/** Links to files of the repository that lead nowhere. */
function brokenLinks(path: string): readonly string[] {
  return linksIn(path).filter((link) => {
    const [file = "", anchor] = link.split("#");
    const target = file === "" ? path : posix.join(posix.dirname(path), file);
    if (!existsSync(join(root, target))) return true;
    return anchor !== undefined && target.endsWith(".md") && !anchorsOf(target).includes(anchor);
  });
}

function byName(one: string, other: string): number {
  return one < other ? -1 : 1;
}

describe("docs", () => {
  it.each(pages)("%s links to files and headings that exist", (path) => {
    expect(brokenLinks(path)).toEqual([]);
  });

  it("lists every guide in its table of contents", () => {
    const index = read("docs/README.md");
    const listed = guides.filter((path) => path !== "docs/README.md");
    expect(listed.length).toBeGreaterThan(9);
    expect(listed.filter((path) => !index.includes(`](${posix.basename(path)})`))).toEqual([]);
  });

  it.each(["interrupted", "first-minute"])("shows in testing.md the test that runs here: %s", (name) => {
    expect(programsIn("docs/testing.md")).toContain(read(`test/testing/${name}.test.ts`));
  });

  it("names in testing.md every call as the sandbox and the machine do, and no other", () => {
    const [, table = ""] = read("docs/testing.md").split("## Names of calls");
    const rows = Array.from(
      table.matchAll(/^\|([^|]*)\|([^|]*)\|[^|]*\|$/gm),
      ([, first = "", second = ""]) =>
        [first, second].map((cell) => Array.from(cell.matchAll(/`([\w.]+)`/g), ([, name = ""]) => name)),
    );
    expect(rows.flatMap(([, inTests = []]) => inTests).toSorted(byName)).toEqual(callNames.toSorted(byName));
    const elsewhere = rows.flatMap(([names = []]) => names);
    expect(Object.keys(userCalls).filter((name) => !elsewhere.includes(name))).toEqual([]);
  });

  it("shows in operations.md programs that run", () => {
    const all = programsIn("docs/operations.md").map((program) => ran(program));
    expect(all.map(({ stdout }) => stdout)).toEqual(["RENAMED\ntrue\ntrue\n", "true\nUSER_UNKNOWN\n"]);
    expect(all.map(({ stderr }) => stderr)).toEqual(["", ""]);
  });

  it("shows in xstate.md programs that run", () => {
    const all = programsIn("docs/xstate.md").map((program) => ran(program));
    expect(all.map(({ stdout }) => stdout)).toEqual(["connected tokenActive\n", "connected\n"]);
    expect(all.map(({ stderr }) => stderr)).toEqual(["", ""]);
  });

  it("draws in concepts.md the lifecycle as the machine does", () => {
    expect(/```mermaid\n([\s\S]*?)\n```/.exec(read("docs/concepts.md"))?.[1]).toBe(mermaid());
  });

  it("lists in errors.md every error code and no other, with its meaning and what to do", () => {
    const meanings = new Map(
      Array.from(
        read("src/errors.ts").matchAll(/^ \* \| `([A-Z_]+)` \| (.*) \|$/gm),
        ([, code = "", meaning = ""]) => [code, meaning] as const,
      ),
    );
    const steps: Readonly<Record<string, string>> = nextSteps;
    expect([...meanings.keys()].toSorted(byName)).toEqual(Object.keys(steps).toSorted(byName));
    const rows = Array.from(
      read("docs/errors.md").matchAll(/^\| `([A-Z_]+)` (.*)$/gm),
      ([, code = "", rest = ""]) => {
        const [, meaning = "", step = "", command = ""] = rest.split("|").map((cell) => cell.trim());
        return { code, meaning, step, command: command.replaceAll("`", "").replace(/ ID$/, "") };
      },
    );
    expect(rows.map(({ code }) => code)).toEqual([...meanings.keys()]);
    const names = [...allCommands.map(({ name }) => name), "help", ""];
    for (const { code, meaning, step, command } of rows) {
      expect({ code, meaning, step }).toEqual({ code, meaning: meanings.get(code), step: steps[code] });
      expect(names).toContain(command);
    }
  });
});
