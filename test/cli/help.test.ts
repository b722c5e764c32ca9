import { spawnSync } from "node:child_process";
import { existsSync, openSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { allCommands, commandGroups } from "../../src/cli/command-table.ts";
import { failureOf, optionsOf, usageOf } from "../../src/cli/command.ts";
import { readArguments } from "../../src/cli/arguments.ts";
import { performed } from "./operator.ts";
import { runs } from "../support/built.ts";
import { start } from "../support/started.ts";

const main = "src/cli/main.ts";
const commands = allCommands.map(({ name }) => name);

describe("cli help", () => {
  it.each([[[]], [["help"]], [["--help"]]])("%j lists the commands", async (words) => {
    const { code, out, err } = await performed(words);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    for (const name of commands) expect(out).toMatch(new RegExp(`^ {2}${name}\\s+\\w`, "m"));
    expect(out).not.toContain("demo-worker");
    for (const line of out.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  it.runIf(existsSync("/dev/full"))("ends with 1 and says so if the disk takes no output", () => {
    const full = openSync("/dev/full", "w");
    const words = [...runs(main), "diagram"];
    const { status, stderr } = spawnSync(process.execPath, words, { stdio: ["ignore", full, "pipe"] });
    expect(status).toBe(1);
    expect(stderr.toString()).toBe("Cannot write the output: ENOSPC\n");
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

  it.each(commands)("%s --help shows an example and the exit codes, within 80 columns", async (name) => {
    const { code, out } = await performed([...name.split(" "), "--help"]);
    expect(code).toBe(0);
    expect(out).toMatch(/^Exit codes: 0 (?:done|stopped by Ctrl-C or SIGTERM); 1 failed/m);
    expect(out).toMatch(new RegExp(`^Example: oneup-lifecycle ${name}\\b`, "m"));
    for (const line of out.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  it.each(allCommands)("the example of $name is one that it takes", (command) => {
    const words = command.example.split(" ").slice(command.name.split(" ").length);
    expect(readArguments(command, words).command).toBe(command);
  });

  it("the guide has a row for each command, and a section for each group", () => {
    const guide = readFileSync(new URL("../../docs/commands.md", import.meta.url), "utf8");
    const rows = guide
      .split("\n")
      .filter((line) => /^\| `[a-z]/.test(line))
      .map((line) => line.replaceAll(/ +/g, " "));
    const shared = new Set([
      "store",
      "key-file",
      "limit",
      "window",
      "api",
      "auth",
      "change-origin",
      "json",
      "help",
    ]);
    expect(rows).toEqual(
      allCommands.map((command) => {
        const own = Object.keys(optionsOf(command)).filter(
          (option) => !shared.has(option) || command.options?.[option],
        );
        const flags = own.map((option) => `\`--${option}\``).join(" ");
        return `| \`${usageOf(command)}\` | ${command.description} | ${flags === "" ? "" : `${flags} `}| ${failureOf(command)} |`;
      }),
    );
    const endless = allCommands.filter(({ isEndless }) => isEndless === true).map(({ name }) => name);
    const stopped = guide.split("\n").find((line) => line.startsWith("| 0 ")) ?? "";
    expect(stopped.match(/(?<=`)[a-z]+(?=`)/g)?.toSorted()).toEqual(endless.toSorted());
    for (const { about } of commandGroups) expect(guide).toContain(`\n## ${about}\n`);
  });

  it("--version prints the package's version", async () => {
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
    expect((await start(main, ["--version"]).ended).out).toBe(`${version}\n`);
  });

  it.each([
    [["statsu"], 'Unknown command "statsu": did you mean status?'],
    [["reauth", "ada"], 'Unknown command "reauth": did you mean reauthorize?'],
    [["keys", "rotat"], 'Unknown command "keys rotat": did you mean keys rotate?'],
    [["keys"], 'Unknown command "keys": use one of keys list, keys fingerprint, keys rotate, keys retire'],
    [["users", "--stat", "failed"], 'Unknown option "--stat": did you mean --state?'],
    [["help", "statsu"], 'Unknown command "statsu": did you mean status?'],
    [["help", "vacuum"], 'Unknown command "vacuum": use one of'],
    [["vacuum"], `Unknown command "vacuum": use one of ${commands.join(", ")}, help, --version`],
    [["--verbose"], `Unknown option "--verbose": use one of ${commands.join(", ")}, help, --version`],
    [["demo", "now"], "One argument too many: demo takes --keep,"],
    [["demo", "--user", "ada"], "Option --user is only valid with --live"],
    [["demo", "--keep=yes"], "Option --keep takes no value"],
  ])("%j ends with 2 and says what there is", async (words, message) => {
    const { code, out, err } = await performed(words);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain(message);
  });

  it.each([
    [["onboard", "users.csv", "--name", "--dry-run"], "--name NAME, and --dry-run follows"],
    [["leave", "--receipts", "r", "--by", "--dry-run"], "--by NAME, and --dry-run follows"],
    [["move", "--to", "--json"], "--to PLACE, and --json follows"],
    [["work", "--store", "--quiet"], "--store PLACE, and --quiet follows"],
    [["onboard", "users.csv", "--name", "--"], "--name NAME, and a word that begins with -- follows"],
    [["onboard", "users.csv", "--name", ""], "--name NAME\n"],
    [["onboard", "users.csv", "--name="], "--name NAME\n"],
  ])("%j lacks a value: the word behind the option is not taken for it", async (words, message) => {
    const { code, out, err } = await performed(words);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain(`needs a value: ${message}`);
  });

  it.each([
    [["onboard", "--user", "Andr\uFFFD@clinic"], "--user"],
    [["offboard", "Andr\uFFFD@clinic", "--yes"], "ID"],
    [["inspect", "Andr\uFFFD@clinic"], "ID"],
    [["rename", "ada", "Andr\uFFFD@clinic"], "NEW-ID"],
    [["work", "--store", "./Andr\uFFFD"], "--store"],
  ])("%j was not UTF-8: two people would be one user, so it is refused", async (words, place) => {
    const { code, out, err } = await performed(words);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain(`Cannot read ${place}: it must be text in UTF-8`);
  });

  it("readArguments() takes a value that begins with -- if it is written behind =", () => {
    const [command] = allCommands.filter(({ name }) => name === "onboard");
    if (command === undefined) throw new Error("there is no onboard");
    const { texts, switches } = readArguments(command, ["users.csv", "--name=--dry-run"]);
    expect(Object.fromEntries(texts)).toEqual({ name: "--dry-run" });
    expect([...switches]).toEqual([]);
  });
});
