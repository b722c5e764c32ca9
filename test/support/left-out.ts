/**
 * Which tests a run left out, because programs that they need are missing or because an everyday run draws some: one block
 * each, after everything else.
 */
import process from "node:process";
import type { TestProject } from "vitest/node";
import { drawnFiles } from "./drawn-files.ts";
import { howToInstall, refuseIfLacking, requirements, type Program, type ServerUrl } from "./needs.ts";

/** Vitest calls it before the first test; what it returns, after the last. */
export function setup({ vitest }: TestProject): () => Promise<void> {
  refuseIfLacking();
  return async () => {
    const modules = vitest.state.getTestModules();
    const files = await vitest.globTestSpecifications();
    if (drawnFiles(files).length === modules.length)
      process.stdout.write(leftToOthers(files.length, modules.length));
    const leftOut = modules.flatMap((file) =>
      [...file.children.allTests("skipped")].flatMap((test) => {
        const { lacking, orServer } = test.meta();
        return lacking === undefined ? [] : [{ file: file.moduleId, lacking, orServer }];
      }),
    );
    process.stdout.write(summary(leftOut));
  };
}

/** What is said of the files that a whole everyday run leaves to the next ones. */
function leftToOthers(files: number, played: number): string {
  if (files === played) return "";
  return [
    ` Drawn: an everyday run plays a part of the test files, ${played} of ${files} this time`,
    "",
    `   ${amount(files - played, "file")} ${files - played === 1 ? "is" : "are"} left to other runs: six sevenths of those that start processes and servers.`,
    "   Each run draws others. All of them: ONEUP_TEST_THOROUGH=1 npm test",
    "\n",
  ].join("\n");
}

/** A test that was left out. */
export interface LeftOut {
  readonly file: string;
  readonly lacking: readonly Program[];
  readonly orServer?: ServerUrl | undefined;
}

/** What is said of them; nothing, if there are none. */
export function summary(leftOut: readonly LeftOut[]): string {
  const missing = new Set(leftOut.flatMap(({ lacking }) => lacking));
  const programs = (Object.keys(requirements) as Program[]).filter((name) => missing.has(name)); // its own keys
  if (programs.length === 0) return "";
  const rows = programs.map((program) => {
    const its = leftOut.filter(({ lacking }) => lacking.includes(program));
    const files = new Set(its.map(({ file }) => file)).size;
    return `   ${program.padEnd(16)}${amount(its.length, "test")} in ${amount(files, "file")}`;
  });
  const urls = [...new Set(leftOut.flatMap(({ orServer }) => orServer ?? []))];
  const byServer = leftOut.filter(({ orServer }) => orServer !== undefined).length;
  const byUrl = [
    `   A server of yours, for ${byServer} of these tests, which remove what they write:`,
    `     ${urls.map((name) => exampleOf[name]).join(" ")} npm test`,
  ];
  return [
    " Left out: these tests need programs that are not on this machine",
    "",
    ...rows,
    "",
    ...howToInstall(programs),
    ...(urls.length === 0 ? [] : byUrl),
    "",
    "   The tests start servers of their own on free ports of 127.0.0.1, and end them.",
    "   With ONEUP_REQUIRE_SERVERS=1 a missing program is a failure.",
    "\n",
  ].join("\n");
}

const exampleOf: Readonly<Record<ServerUrl, string>> = {
  REDIS_URL: "REDIS_URL=redis://127.0.0.1:6379",
  POSTGRES_URL: "POSTGRES_URL=postgres://postgres@127.0.0.1:5432/postgres",
};

function amount(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
