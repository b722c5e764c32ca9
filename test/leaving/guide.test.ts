import { expect, it } from "vitest";
import { programsIn, ran } from "../house/programs.ts";

it("the programs in leaving.md print what their comments promise", () => {
  const programs = programsIn("docs/leaving.md");
  expect(programs).toHaveLength(2);
  for (const code of programs) {
    const promised = [...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, line]) => line);
    expect(ran(code).stdout.trimEnd().split("\n")).toEqual(promised);
  }
});
