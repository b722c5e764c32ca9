import { expect, it } from "vitest";
import { programsIn, ran } from "../house/programs.ts";
import { read } from "../house/repository.ts";
import { forgetful, withPostgres } from "../support/postgres.ts";

const [program = "", shapes = ""] = programsIn("docs/transactions.md");

withPostgres("transactions.md", (server) => {
  it("has a program that prints what its comments promise, and the shapes that are tested", async () => {
    const { url } = await server(forgetful);
    process.env["DATABASE_URL"] = url;
    try {
      const { stdout, stderr } = ran(program);
      expect(stderr).toBe("");
      expect(stdout).toMatch(/^expected by \d\d:\d\d\nshe is here already\ntrue\n$/);
    } finally {
      delete process.env["DATABASE_URL"];
    }
    expect(read("test/joining/shapes.ts")).toBe(shapes);
  });
});
