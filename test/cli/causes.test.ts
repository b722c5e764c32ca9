import { createSandbox, type SandboxServer } from "oneup-lifecycle/sandbox";
import type { ServerResponse } from "node:http";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { serve } from "../http/local-server.ts";
import { afterwards, folder } from "../support/scene.ts";
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
  expect(out).toMatch(/3 users waiting, next attempt (?:due since )?2/);
  const { causes } = JSON.parse((await operator.run(["status", "--json"])).out) as { causes: object[] };
  expect(causes[0]).toMatchObject({ users: 3, cause: { code: "ECONNREFUSED", host: "127.0.0.1:9" } });
});

it("status and inspect have one instruction while 1upHealth refuses the client for all", async () => {
  const credentials = { clientId: "sandbox-client", clientSecret: "a-wrong-one" };
  const refused = await operator.open({ credentials });
  await refused.onboard("zoe", { waitMs: 3_000 }).catch(() => {}); // CREDENTIALS_REFUSED
  await refused.close();
  const env = { ONEUP_CLIENT_SECRET: credentials.clientSecret };
  for (const words of [["status"], ["inspect", "zoe"], ["status", "--json"]]) {
    const { out } = await operator.run(words, env);
    expect(out.replaceAll(/\s+/g, " ")).toContain(
      "with 1upHealth's console, then run oneup-lifecycle reopen",
    );
    expect(out).not.toContain("alone; then");
    expect(out).not.toContain("account.reopen()");
  }
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

it("status names the cause while the next attempt is in flight", async () => {
  const responses: ServerResponse[] = [];
  const { url } = await serve((response) => {
    if (responses.push(response) === 1) response.writeHead(503, { "retry-after": "1" }).end();
  });
  const place = { type: "lmdb", path: folder("in-flight") } as const;
  const { open, run } = operatorAt(place, createSandbox(), server);
  const lifecycle = await open({ endpoints: { api: url, auth: url }, graceMs: 0 });
  afterwards(() => lifecycle.close());
  lifecycle.onboard("ada", { waitMs: 60_000 }).catch(() => {}); // it is closed meanwhile
  await vi.waitFor(() => expect(responses).toHaveLength(2), 30_000);
  const { out } = await run(["status"]);
  expect(out).toMatch(/causes {5}createUser at 127\.0\.0\.1:\d+ failed: http_503\n/);
  expect(out).toMatch(/1 user waiting, next attempt (?:2|due since 2|under way)/);
  responses[1]?.writeHead(503).end();
});
