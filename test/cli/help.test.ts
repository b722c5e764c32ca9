import { spawnSync } from "node:child_process";
import { existsSync, openSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { performed } from "./operator.ts";
import { onDeno, runs } from "../support/built.ts";
import { start } from "../support/started.ts";

const main = "src/cli/main.ts";
const commands = [
  "demo",
  "sandbox",
  "onboard",
  "status",
  "users",
  "inspect",
  "explain",
  "forecast",
  "limits",
  "work",
  "resume",
  "retry",
  "diagram",
  "migrate",
];

describe("cli help", () => {
  it.each([[[]], [["help"]], [["--help"]]])("%j lists the commands", async (words) => {
    const { code, out, err } = await performed(words);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    for (const name of commands) expect(out).toMatch(new RegExp(`^ {2}${name} .`, "m"));
    expect(out).not.toContain("demo-worker");
    for (const line of out.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  it.runIf(existsSync("/dev/full"))("ends with 1 and says so if the disk takes no output", () => {
    const full = openSync("/dev/full", "w");
    const words = [...runs(main), "diagram"];
    const { status, stderr } = spawnSync(process.execPath, words, { stdio: ["ignore", full, "pipe"] });
    expect(status).toBe(1);
    // Deno's own console throws, and says it in its own words.
    expect(stderr.toString()).toMatch(onDeno ? /No space left/ : /^Cannot write the output: ENOSPC\n$/);
  });

  it("describes every option of a command", async () => {
    const asked = await performed(["sandbox", "--help"]);
    expect((await performed(["help", "sandbox"])).out).toBe(asked.out);
    for (const name of [
      "port",
      "client-id",
      "client-secret",
      "limit",
      "window",
      "latency",
      "state",
      "help",
    ]) {
      expect(asked.out).toContain(`  --${name} `);
    }
    expect(asked.out).toContain("POST   /_sandbox/clock");
  });

  it.each(commands)("%s --help fits into 80 columns", async (name) => {
    const { code, out } = await performed([name, "--help"]);
    expect(code).toBe(0);
    for (const line of out.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  it("--version prints the package's version", async () => {
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
    expect((await start(main, ["--version"]).ended).out).toBe(`${version}\n`);
  });

  it.each([
    [["import"], `Unknown command "import": use one of ${commands.join(", ")}, help, --version`],
    [["--verbose"], `Unknown option "--verbose": use one of ${commands.join(", ")}, help, --version`],
    [["demo", "now"], 'Unknown argument "now": demo takes --keep,'],
    [["demo", "--user", "ada"], "Option --user is only valid with --live"],
    [["demo", "--keep=yes"], "Option --keep takes no value"],
  ])("%j ends with 2 and says what there is", async (words, message) => {
    const { code, out, err } = await performed(words);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain(message);
  });
});
