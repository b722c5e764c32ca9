import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSandbox, type Sandbox, type SandboxServer } from "../../src/sandbox/index.ts";
import { start, type Ended } from "../support/started.ts";

let sandbox: Sandbox;
let server: SandboxServer;
let folder: string;

beforeEach(async () => {
  sandbox = createSandbox({ readLagMs: 200, clientSecret: "a-secret-of-its-own" });
  server = await sandbox.listen();
  folder = await mkdtemp(join(tmpdir(), "cli-live-"));
});

afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

function live(words: readonly string[] = [], secret = "a-secret-of-its-own"): Promise<Ended> {
  return start(
    "src/cli/main.ts",
    ["demo", "--live", "--api", server.url, "--auth", server.url, "--store", folder, ...words],
    // A variable that is made from a file often ends with a line break.
    { ONEUP_CLIENT_ID: "sandbox-client\n", ONEUP_CLIENT_SECRET: secret },
  ).ended;
}

describe("cli demo --live", () => {
  it("onboards one user, creates and reads its Patient, and shows no secret", async () => {
    const { code, out, err } = await live();
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(/created\n.* codeIssued\n.* tokenActive\n/);
    expect(out).toMatch(/oneup-lifecycle-demo-\w+ is tokenActive after 1 management call\n$/);
    expect(sandbox.journal.entries().map(({ call }) => call)).toEqual(
      expect.arrayContaining(["createUser", "exchangeCode", "fhir.create", "fhir.read"]),
    );
    expect(out).not.toMatch(/a-secret-of-its-own|[0-9a-f]{40}/);
  });

  it("goes on with the same user when it is run again", async () => {
    await live();
    const { code, out } = await live();
    expect(code).toBe(0);
    expect(out).toContain("Continuing with oneup-lifecycle-demo-");
    expect(sandbox.users()).toHaveLength(1);
    expect(sandbox.journal.spent().management).toBe(1);
  });

  it("takes the user's id from --user", async () => {
    const { code } = await live(["--user", "ada"]);
    expect(code).toBe(0);
    expect(sandbox.users().map(({ appUserId }) => appUserId)).toEqual(["ada"]);
  });

  it("prints in one line that the credentials are refused, and ends with 1", async () => {
    const { code, out } = await live([], "a-wrong-secret");
    expect(code).toBe(1);
    expect(out).toMatch(/1upHealth refuses the client id and secret.*\[CREDENTIALS_REFUSED\]\n$/);
    expect(out).not.toContain("a-wrong-secret");
  });

  it("ends with 2 and one clear line without credentials", async () => {
    const { code, out, err } = await start("src/cli/main.ts", ["demo", "--live"]).ended;
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toMatch(
      /^Cannot start: the environment variable ONEUP_CLIENT_ID must be set, and it is not.*\n$/,
    );
  });
});
