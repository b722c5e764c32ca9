import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { onDeno } from "../support/built.ts";
import { summary } from "../support/left-out.ts";
import { has, needing, pathOf } from "../support/needs.ts";
import { runTests } from "../support/run-inside.ts";
import { folder } from "../support/scene.ts";

/** A machine without any server. */
const nothing = { PATH: "/nowhere" };
/** All of their tests need servers. */
const files = ["test/adapters/valkey.test.ts", "test/adapters/postgres-same.test.ts"];

/** Programs that do nothing, at these paths in a folder. */
function programsAt(...paths: readonly string[]): string {
  const root = folder("programs-of-a-machine");
  for (const path of paths) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), "#!/bin/sh\n");
    chmodSync(join(root, path), 0o755);
  }
  onTestFinished(() => void vi.unstubAllEnvs());
  vi.stubEnv("PATH", join(root, "bin"));
  return root;
}

describe.runIf(!onDeno)("npm test on a machine without servers", () => {
  it.concurrent("passes, in a stranger's CI too, and ends with what was left out and how to get it", async () => {
    const { code, printed } = await runTests([...files, "--maxWorkers=1"], { ...nothing, CI: "true" });
    expect({ code, printed }).toMatchObject({ code: 0, printed: expect.not.stringContaining("No test") });
    expect(printed.slice(printed.indexOf(" Left out"))).toMatch(
      /^ Left out: .*\n\n {3}valkey-server +\d+ tests in 1 file\n {3}postgres +\d+ tests in 1 file\n\n/,
    );
    expect(printed).toContain("sudo apt-get install valkey-server postgresql\n");
    expect(printed).toContain("brew install postgresql@17\n");
    expect(printed).toContain("POSTGRES_URL=postgres://");
    expect(printed.split("Left out")).toHaveLength(2);
    expect(printed).toMatch(/With ONEUP_REQUIRE_SERVERS=1 a missing program is a failure\.\n+$/);
  });

  it.concurrent("fails at once where ONEUP_REQUIRE_SERVERS=1 is set, and names what is missing", async () => {
    const { code, printed } = await runTests(files, { ...nothing, ONEUP_REQUIRE_SERVERS: "1" });
    expect(code).toBe(1);
    expect(printed).toContain(
      "Cannot run the tests: ONEUP_REQUIRE_SERVERS=1 requires programs that are not on this machine: " +
        "redis-server, valkey-server, postgres, pgbouncer, curl, chromium\n",
    );
    expect(printed).toContain(
      "sudo apt-get install redis-server valkey-server postgresql pgbouncer curl chromium\n",
    );
  });
});

describe("needing()", () => {
  it("finds programs in PATH, and where Debian and Homebrew put them beside it", () => {
    const root = programsAt(
      "bin/redis-server",
      "sbin/pgbouncer",
      "lib/postgresql/9/bin/postgres",
      "lib/postgresql/16/bin/postgres",
      "lib/postgresql/16/bin/initdb",
      "opt/valkey/bin/valkey-server",
    );
    expect(pathOf("redis-server")).toBe(join(root, "bin/redis-server"));
    expect(pathOf("postgres")).toBe(join(root, "lib/postgresql/16/bin/postgres"));
    for (const program of ["redis-server", "pgbouncer", "postgres", "valkey-server"] as const) {
      expect(has(program)).toBe(true);
      expect(needing([program])).toEqual({});
    }
  });

  it("skips what needs a program that is not there, or not all of it, or cannot be run", () => {
    const root = programsAt("bin/redis-server", "bin/postgres");
    chmodSync(join(root, "bin/redis-server"), 0o644);
    expect(needing(["redis-server", "postgres"])).toEqual({
      skip: true,
      meta: { lacking: ["redis-server", "postgres"] },
    });
  });

  it("takes a server that runs for a program that is missing", () => {
    programsAt();
    vi.stubEnv("REDIS_URL", undefined);
    const meta = { lacking: ["redis-server"], orServer: "REDIS_URL" };
    expect(needing(["redis-server"], "REDIS_URL")).toEqual({ skip: true, meta });
    vi.stubEnv("REDIS_URL", "redis://127.0.0.1:6379");
    expect(needing(["redis-server"], "REDIS_URL")).toEqual({});
    expect(needing(["redis-server"])).toMatchObject({ skip: true });
  });
});

describe("the end of a run", () => {
  it("is silent where nothing was left out", () => {
    expect(summary([])).toBe("");
  });

  it("counts tests and files by what they lack, and names what would do as well", () => {
    const text = summary([
      { file: "a", lacking: ["redis-server"], orServer: "REDIS_URL" },
      { file: "a", lacking: ["redis-server"] },
      { file: "b", lacking: ["redis-server", "deno"] },
    ]);
    expect(text).toMatch(/\n {3}redis-server +3 tests in 2 files\n {3}deno +1 test in 1 file\n/);
    expect(text).toContain("for 1 of these tests");
    expect(text).toContain("REDIS_URL=redis://127.0.0.1:6379 npm test\n");
    expect(text).not.toContain("POSTGRES_URL");
    expect(text).toContain("npm brings it where ONEUP_REQUIRE_SERVERS=1 is set\n");
  });
});
