/**
 * The commands, and how one is run: what it prints, and with which code it ends.
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
import { sandbox, sandboxHelp } from "./sandbox/sandbox.ts";
import { status, statusHelp } from "./status.ts";
import { users, usersHelp } from "./users.ts";
import { version } from "./version.ts";
import { work, workHelp } from "./work.ts";

/** A command. */
interface Command {
  readonly help: CommandHelp;
  /**
   * Runs to its end, or until `signal` aborts; gives the exit code. `self` is the address of the main module, for processes
   * of its own.
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
  { help: workHelp, run: work },
  { help: resumeHelp, run: resume },
  { help: retryHelp, run: retry },
  { help: diagramHelp, run: diagram },
  { help: migrateHelp, run: migrate },
];

/** Of what help says, on a pipe too. */
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

/**
 * Runs the command that these words name, to its end or until `signal` aborts, and prints what went wrong. `self` is the
 * address of the main module.
 *
 * @returns the exit code: 0, 1 = it did not work out, 2 = the words cannot be understood, 130 = it was stopped
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
