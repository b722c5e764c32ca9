import { expect, it } from "vitest";
import { programsIn, ran } from "../house/programs.ts";

it("the program in moving.md prints what its comments promise", () => {
  const [code = ""] = programsIn("docs/moving.md");
  const { stdout, stderr } = ran(code);
  expect(stderr).toBe("");
  expect(stdout).toBe("1 true\nstill valid\nSTORE_MOVED\ntrue\n");
});
