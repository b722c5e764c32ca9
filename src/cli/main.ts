#!/usr/bin/env node
/**
 * The command `oneup-lifecycle`.
 *
 * @module
 */
import { readArguments, UsageError } from "./arguments.ts";
import type { CommandHelp, Given } from "./arguments.ts";
import { demo, demoHelp } from "./demo/demo.ts";
import { runWorker, workerCommand } from "./demo/worker.ts";
import { diagram, diagramHelp } from "./diagram.ts";
import { isLifecycleError } from "../errors.ts";
import { explain, explainHelp } from "./explain.ts";
import { forecast, forecastHelp } from "./forecast.ts";
import { describeCommand, overview } from "./help.ts";
import { inspect, inspectHelp } from "./inspect.ts";
import { migrate, migrateHelp } from "./migrate.ts";
import { onboard, onboardHelp } from "./onboard.ts";
import { resume, resumeHelp } from "./resume.ts";
import { retry, retryHelp } from "./retry.ts";
import { sandbox, sandboxHelp } from "./sandbox.ts";
import { status, statusHelp } from "./status.ts";
import { users, usersHelp } from "./users.ts";
import { version } from "./version.ts";
import { work, workHelp } from "./work.ts";

interface Command {
  readonly help: CommandHelp;
  /** Runs to its end, or until `signal` aborts; gives the exit code. */
  run(given: Given, signal: AbortSignal): Promise<number>;
}

const commands: readonly Command[] = [
  { help: demoHelp, run: (given, signal) => demo(given, import.meta.url, signal) },
  { help: sandboxHelp, run: sandbox },
  { help: onboardHelp, run: onboard },
  { help: statusHelp, run: status },
  { help: usersHelp, run: users },
  { help: inspectHelp, run: inspect },
  { help: explainHelp, run: explain },
  { help: forecastHelp, run: forecast },
  { help: workHelp, run: work },
  { help: resumeHelp, run: resume },
  { help: retryHelp, run: retry },
  { help: diagramHelp, run: diagram },
  { help: migrateHelp, run: migrate },
];

/** Of what help says, on a pipe too. */
const width = Math.min(100, Math.max(80, process.stdout.columns ?? 80));

async function run(words: readonly string[], signal: AbortSignal): Promise<number> {
  const [name = "help", ...rest] = words;
  if (name === workerCommand) return runWorker(signal);
  if (name === "--version" || name === "-v") return say(version());
  const command = commands.find(({ help }) => help.name === name);
  if (command !== undefined) {
    const given = readArguments(command.help, rest);
    return given.switches.has("help")
      ? say(describeCommand(command.help, width))
      : command.run(given, signal);
  }
  if (name !== "help" && name !== "--help" && name !== "-h") {
    const known = [...commands.map(({ help }) => help.name), "help", "--version"].join(", ");
    const kind = name.startsWith("-") ? "option" : "command";
    throw new UsageError(`Unknown ${kind} ${JSON.stringify(name)}: there are ${known}`);
  }
  const about = commands.find(({ help }) => help.name === rest[0]);
  return say(
    about === undefined
      ? overview(
          commands.map(({ help }) => help),
          width,
        )
      : describeCommand(about.help, width),
  );
}

function say(text: string): number {
  console.log(text);
  return 0;
}

const stopping = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) {
  process.once(name, () => stopping.abort()); // a second one ends the process at once
}
process.stdout.on("error", () => stopping.abort()); // nobody reads any more: `demo | head`

try {
  process.exitCode = await run(process.argv.slice(2), stopping.signal);
} catch (error) {
  if (error instanceof UsageError) {
    console.error(`${error.message}\nTry: oneup-lifecycle help`);
    process.exitCode = 2;
  } else if (isLifecycleError(error)) {
    console.error(`${error.message} [${error.code}]`);
    process.exitCode = error.code === "INVALID_OPTION" ? 2 : 1;
  } else if (stopping.signal.aborted) {
    process.exitCode = 130;
  } else {
    throw error;
  }
}
