import { createSandbox, type SandboxServer } from "oneup-lifecycle/sandbox";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { operatorAt, type Operator } from "./operator.ts";

let path: string;
let server: SandboxServer;
let operator: Operator;
const api = "http://127.0.0.1:9"; // nothing listens on the port of "discard"

/** Three users whose calls find no server, and one whose text is kept. */
beforeAll(async () => {
  path = mkdtempSync(join(tmpdir(), "cli-causes-"));
  const sandbox = createSandbox();
  server = await sandbox.listen();
  operator = operatorAt({ type: "lmdb", path }, sandbox, server);
  const lost = await operator.open({ endpoints: { api, auth: api } });
  for (const id of ["ada", "bob", "eve"]) await lost.onboard(id, { waitMs: 0 });
  await lost.close();
  const found = await operator.open({ causes: { text: true } });
  sandbox.fail({ call: "createUser", status: 503, body: { error: "the service naps" } });
  await found.onboard("kim", { waitMs: 0 });
  await found.close();
});

afterAll(async () => {
  await server.close();
  rmSync(path, { recursive: true });
});

it("status names the failed calls because of which users wait, and when the next attempt is", async () => {
  const { out } = await operator.run(["status"]);
  expect(out).toMatch(/causes {5}createUser at 127\.0\.0\.1:9 failed: ECONNREFUSED\n/);
  expect(out).toMatch(/3 users waiting, next attempt 2/);
  const { causes } = JSON.parse((await operator.run(["status", "--json"])).out) as { causes: object[] };
  expect(causes[0]).toMatchObject({ users: 3, cause: { code: "ECONNREFUSED", host: "127.0.0.1:9" } });
});

it("inspect and explain name the call of one user, and explain its text if that is kept", async () => {
  expect((await operator.run(["inspect", "ada"])).out).toMatch(
    /cause {8,}createUser at 127\.0\.0\.1:9 failed: ECONNREFUSED\n/,
  );
  const { out } = await operator.run(["explain", "ada"]);
  expect(out.replaceAll("\n", " ")).toContain("createUser at 127.0.0.1:9 failed: ECONNREFUSED.");
  const kim = (await operator.run(["explain", "kim"])).out.replaceAll("\n", " ");
  expect(kim).toContain("failed: http_503 (16 characters of text, fingerprint ");
  expect(kim).toContain('and the response reads "the service naps".');
  expect((await operator.run(["inspect", "kim"])).out).not.toContain("naps");
});
