import { expect, it } from "vitest";
import { programsIn, ran } from "../house/programs.ts";

it("the program in leaving.md prints what its comments promise", () => {
  const [code = ""] = programsIn("docs/leaving.md");
  const { stdout } = ran(code);
  expect(stdout).toBe("2 2 0\n1\n");
});
