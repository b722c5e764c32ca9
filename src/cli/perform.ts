/**
 * The list of commands, and the function that runs one.
 *
 * @module
 */
import { readArguments, UsageError } from "./arguments.ts";
import type { CommandHelp, Given } from "./arguments.ts";
import { demo, demoHelp } from "./demo/demo.ts";
import { runWorker, workerCommand } from "./demo/worker.ts";
import { diagram, diagramHelp } from "./commands/diagram.ts";
import { isLifecycleError } from "../errors.ts";
import { explain, explainHelp } from "./commands/explain.ts";
import { forecast, forecastHelp } from "./commands/forecast.ts";
import { describeCommand, overview } from "./help.ts";
import { inspect, inspectHelp } from "./commands/inspect.ts";
import { limits, limitsHelp } from "./commands/limits.ts";
import { migrate, migrateHelp } from "./commands/migrate.ts";
import { onboard, onboardHelp } from "./commands/onboard.ts";
import { resume, resumeHelp } from "./commands/resume.ts";
import { retry, retryHelp } from "./commands/retry.ts";
import { sandbox, sandboxHelp } from "./sandbox/sandbox.ts";
import { status, statusHelp } from "./commands/status.ts";
import { users, usersHelp } from "./commands/users.ts";
import { version } from "./commands/version.ts";
import { work, workHelp } from "./commands/work.ts";

/** A command. */
interface Command {
  readonly help: CommandHelp;
  /**
   * Runs until it is done or `signal` aborts, and returns the exit code. `self` is the path of the main module, from which
   * a command starts processes of its own.
   */
  run(given: Given, signal: AbortSignal, self: string): Promise<number>;
}

const commands: readonly Command[] = [
  { help: demoHelp, run: (given, signal, self) => demo(given, self, signal) },
  { help: sandboxHelp, run: sandbox },
  { help: onboardHelp, run: onboard },
  { help: statusHelp, run: status },
  { help: usersHelp, run: users },
  { help: inspectHelp, run: inspect },
  { help: explainHelp, run: explain },
  { help: forecastHelp, run: forecast },
  { help: limitsHelp, run: limits },
  { help: workHelp, run: work },
  { help: resumeHelp, run: resume },
  { help: retryHelp, run: retry },
  { help: diagramHelp, run: diagram },
  { help: migrateHelp, run: migrate },
];

/** Width of help texts, also on a pipe. */
const width = Math.min(100, Math.max(80, process.stdout.columns ?? 80));

async function run(words: readonly string[], signal: AbortSignal, self: string): Promise<number> {
  const [name = "help", ...rest] = words;
  if (name === workerCommand) return runWorker(signal);
  if (name === "--version" || name === "-v") return say(version());
  const command = commands.find(({ help }) => help.name === name);
  if (command !== undefined) {
    const given = readArguments(command.help, rest);
    return given.switches.has("help")
      ? say(describeCommand(command.help, width))
      : command.run(given, signal, self);
  }
  if (name !== "help" && name !== "--help" && name !== "-h") {
    const known = [...commands.map(({ help }) => help.name), "help", "--version"].join(", ");
    const kind = name.startsWith("-") ? "option" : "command";
    throw new UsageError(`Unknown ${kind} ${JSON.stringify(name)}: use one of ${known}`);
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

/**
 * Runs the command that `words` name until it is done or `signal` aborts, and prints errors. `self` is the path of the
 * main module.
 *
 * @returns the exit code: 0, 1 = failed, 2 = invalid arguments, 130 = stopped
 */
export async function perform(words: readonly string[], signal: AbortSignal, self: string): Promise<number> {
  try {
    return await run(words, signal, self);
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(`${error.message}\nTry: oneup-lifecycle help`);
      return 2;
    }
    if (isLifecycleError(error)) {
      console.error(`${error.message} [${error.code}]`);
      return error.code === "INVALID_OPTION" ? 2 : 1;
    }
    if (signal.aborted) return 130;
    throw error;
  }
}
