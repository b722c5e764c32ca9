import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { start } from "../support/started.ts";

const main = "src/cli/main.ts";

describe.concurrent("cli help", () => {
  it.each([[[]], [["help"]], [["--help"]]])("%j lists the commands", async (words) => {
    const { code, out, err } = await start(main, words).ended;
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(/^ {2}demo .*\n {2}onboard .*\n {2}migrate .*\n {2}sandbox /m);
    expect(out).not.toContain("demo-worker");
  });

  it("describes every option of a command", async () => {
    const [asked, helped] = await Promise.all([
      start(main, ["sandbox", "--help"]).ended,
      start(main, ["help", "sandbox"]).ended,
    ]);
    expect(asked.out).toBe(helped.out);
    for (const name of ["port", "client-id", "client-secret", "limit", "window", "latency", "help"]) {
      expect(asked.out).toContain(`  --${name} `);
    }
  });

  it("--version prints the package's version", async () => {
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
    expect((await start(main, ["--version"]).ended).out).toBe(`${version}\n`);
  });

  it.each([
    [["import"], 'Unknown command "import": there are demo, onboard, migrate, sandbox, help, --version'],
    [["--verbose"], 'Unknown option "--verbose": there are demo, onboard, migrate, sandbox, help, --version'],
    [["demo", "now"], 'Unknown argument "now": demo takes --keep,'],
    [["demo", "--user", "ada"], "Option --user goes with --live only"],
    [["demo", "--keep=yes"], "Option --keep takes no value"],
  ])("%j ends with 2 and says what there is", async (words, message) => {
    const { code, out, err } = await start(main, words).ended;
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain(message);
  });
});
