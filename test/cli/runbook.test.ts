/** The commands of `docs/runbook.md`, on a store with users. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { needing } from "../support/needs.ts";
import { commandsIn, symptomOf } from "../support/runbook.ts";
import { untilPaused } from "../support/scene.ts";
import { operatorStage, type OperatorStage } from "./operator.ts";

/** The words of a line, as a shell splits them. */
function wordsIn(line: string): readonly string[] {
  return Array.from(line.matchAll(/"([^"]*)"|(\S+)/g), ([, quoted, bare]) => quoted ?? bare ?? "");
}

/** Runs one entry's commands for Ada; what they printed. */
async function followed(heading: string, { operator, server, path }: OperatorStage): Promise<string> {
  let env: Readonly<Record<string, string>> = { ONEUP_API: server.url };
  const lifecycle = await operator.open();
  const alias = lifecycle.alias("ada").slice(1);
  await lifecycle.close();
  const printed: string[] = [];
  for (const line of commandsIn().get(heading) ?? []) {
    const [program = "", name = "", ...words] = wordsIn(
      line
        .replaceAll("ada@example.org", "ada")
        .replace("1a2b3c4d5e6f708192a3", alias)
        .replace("./copy-of-the-store", join(path, "copy"))
        .replace("./lifecycle.key", join(path, "key")),
    );
    if (program === "unset") {
      env = {};
      continue;
    }
    expect([program, name]).toEqual(["npx", "oneup-lifecycle"]);
    const { code, out, err } = await operator.run(words, env);
    expect({ line, code, err }).toEqual({ line, code: 0, err: "" });
    printed.push(out);
  }
  return printed.join("\n");
}

/** Eve signs up, and waits. */
async function asked({ operator }: OperatorStage): Promise<void> {
  const lifecycle = await operator.open();
  await untilPaused(lifecycle, "eve", (wait) => lifecycle.onboard("eve", wait));
  await lifecycle.close();
}

/** How the account comes to what the entry begins with, for Eve; other entries are run on an account that is well. */
const played: Readonly<Record<string, (stage: OperatorStage) => Promise<void>>> = {
  "`management`": async (stage) => {
    stage.sandbox.fail({ call: "createUser", status: 429, headers: { "retry-after": "60" } });
    await asked(stage);
  },
  "`secret`": async (stage) => {
    stage.sandbox.fail({ status: 401, body: { error: "invalid_client" }, times: Infinity });
    await asked(stage);
    stage.sandbox.clearFaults();
  },
  "`paused`": async (stage) => {
    await stage.act("pause", "--reason", "a bill");
    await asked(stage);
  },
};

describe("the runbook", () => {
  const headings = [...commandsIn().keys()];

  it("has commands for each of its entries", () => {
    expect(headings.length).toBeGreaterThan(30);
  });

  it.each(headings.filter((heading) => heading !== "`region`"))("%s: its commands run", async (heading) => {
    const stage = await operatorStage();
    await played[heading]?.(stage);
    if (heading in played) {
      const [status, explain] = [await stage.act("status"), await stage.act("explain", "eve")];
      expect(`${status.out} ${explain.out}`.replaceAll(/\s+/g, " ")).toContain(symptomOf(heading));
    }
    await followed(heading, stage);
  });

  it("`region`: curl tells 1upHealth from a page, and the gate opens", needing(["curl"]), async () => {
    const { server, act } = await operatorStage();
    const [curl = "", reopen = ""] = commandsIn().get("`region`") ?? [];
    const env = { PATH: process.env["PATH"], ONEUP_API: server.url };
    const { stdout } = await promisify(execFile)("sh", ["-c", curl], { env }); // the sandbox runs in this process
    expect(stdout).toMatch(/^40\d application\/json/);
    expect((await act(...wordsIn(reopen).slice(2))).code).toBe(0);
  });
});
