/**
 * What a command is: its name, flags, help, example and exit codes in one place, from which the shell, the help, the
 * suggestions and the guide are made.
 *
 * @module
 */

/** An option of a command. */
export interface OptionHelp {
  readonly type: "boolean" | "string";
  /** Placeholder for the value, e.g. `N`. */
  readonly value?: string;
  readonly description: string;
}

/** An option with a value, of which `value` is the placeholder. */
export function option(value: string, description: string): OptionHelp {
  return { type: "string", value, description };
}

/** An option without a value. */
export function flag(description: string): OptionHelp {
  return { type: "boolean", description };
}

/** Options by their names. */
export type Options = Readonly<Record<string, OptionHelp>>;

/**
 * How a command opens the store.
 * - `look`: to read only
 * - `tend`: to change what is stored, without calls to 1upHealth
 * - `act`: to make calls for users that are there
 * - `work`: to make calls, and the store is created if it is missing
 */
export type Way = "look" | "tend" | "act" | "work";

/** A command. */
export interface Command {
  /** One word, or two: `keys rotate`. */
  readonly name: string;
  readonly description: string;
  /** Longer description, one line each; shown in the command's own help. */
  readonly more?: readonly string[];
  /** Placeholders of the positional arguments, e.g. `ID`. One in brackets may be missing. */
  readonly takes?: readonly string[];
  /** An example: the words after `oneup-lifecycle`. */
  readonly example: string;
  /** Its own options; see {@link optionsOf}. */
  readonly options?: Options;
  /** How it opens the store, if it does. `place`: it needs the place alone, neither credentials nor a key. */
  readonly opens?: Way | "place";
  /** What `--json` prints; `null` if there is no such option. @default "object" */
  readonly json?: "object" | "lines" | null;
  /** Whether it asks before it acts, unless `--yes` is given. */
  readonly asks?: boolean;
  /** It has no end of its own: Ctrl-C and SIGTERM end it with exit code 0, as supervisors of services expect. */
  readonly isEndless?: boolean;
  /** Once its standard output cannot be written, it goes on without it. */
  readonly outputIsOptional?: boolean;
  /** What exit code 1 means, beside an error. */
  readonly fails?: string;
  /**
   * Runs until it is done or `signal` aborts, and returns the exit code, if it is not 0. `self` is the path of the main
   * module, from which a command starts processes of its own.
   */
  run(given: Given, signal: AbortSignal, self: string): Promise<number | undefined>;
}

/** The parsed command line: string values and flags by option name. */
export interface Given {
  readonly command: Command;
  /** The first positional argument; `""` if it may be missing and is. */
  readonly argument: string;
  /** The second one. */
  readonly second: string;
  readonly texts: ReadonlyMap<string, string>;
  readonly switches: ReadonlySet<string>;
}

const place: Options = {
  store: option("PLACE", "folder, redis://…, postgres://… (default: ONEUP_STORE)"),
};

export const keyOption: Options = {
  "key-file": option("FILE", "file with the encryption key (default: ONEUP_KEY_FILE)"),
};

const limit: Options = {
  limit: option("N", "management calls per window (default: the recorded limit, or 300 with --window)"),
  window: option("TIME", "length of the window, e.g. 30m (default: the recorded one, or 1h with --limit)"),
};

const endpoints: Options = {
  api: option("URL", "e.g. of a sandbox (default: ONEUP_API, else https://api.1up.health)"),
  auth: option(
    "URL",
    "(default: that of --api, unless it is 1upHealth's own; else ONEUP_AUTH, else https://auth.1up.health)",
  ),
  "change-origin": flag("move the store there, though it was used with another origin"),
};

const opening: Readonly<Record<Way | "place", Options>> = {
  place,
  look: { ...place, ...keyOption, ...limit },
  tend: { ...place, ...keyOption },
  act: { ...place, ...keyOption, ...limit, ...endpoints },
  work: { ...place, ...keyOption, ...limit, ...endpoints },
};

const shapes = { object: "print one JSON object", lines: "print one JSON object per line" } as const;

/** All options of a command: its own, those of opening the store, and those that commands share. */
export function optionsOf({ options, opens, json = "object", asks = false }: Command): Options {
  return {
    ...options,
    ...(opens && opening[opens]),
    ...(json && { json: flag(shapes[json]) }),
    ...(asks && { yes: flag("act without asking first") }),
    help: flag("show this help"),
  };
}

/** A command as it is called: `inspect ID`. */
export function usageOf({ name, takes = [] }: Command): string {
  return [name, ...takes].join(" ");
}

const environment: readonly string[] = [
  "Credentials, store and key come from the environment: ONEUP_CLIENT_ID, ONEUP_CLIENT_SECRET,",
  "ONEUP_STORE, ONEUP_KEY_FILE or ONEUP_KEY; ONEUP_API and ONEUP_AUTH name other endpoints. PLACE is a folder, redis://…, postgres://…, or a module",
  "(.js, .mjs; .ts on Node 22.18 and later) whose default export is a store adapter. Put a URL with a",
  "password into the environment: other users of this machine can see command lines.",
];

const tails: Readonly<Record<Way | "place", readonly string[]>> = {
  place: [],
  look: [
    "Read-only: it makes no calls, starts no worker and changes nothing, so it is safe beside workers.",
    ...environment,
  ],
  tend: ["It makes no calls to 1upHealth, and is safe beside workers.", ...environment],
  act: environment,
  work: environment,
};

/** The longer description, one line each: its own, and that of opening the store. */
export function moreOf({ more = [], opens }: Command): readonly string[] {
  const tail = opens === undefined ? [] : tails[opens];
  return more.length > 0 && tail.length > 0 ? [...more, "", ...tail] : [...more, ...tail];
}

/** What each exit code means. */
export const exitCodes = {
  0: "done",
  1: "failed",
  2: "wrong arguments, options or environment (nothing was done)",
  130: "stopped by Ctrl-C or SIGTERM",
} as const;

/** What exit code 2 also means, for a command that reads a list of users. */
const brokenList = "a list with a line that cannot be an id or CSV (what was done before it stays)";

/** Whether it reads a list of users, of which a column can be chosen. */
function readsList({ options = {} }: Command): boolean {
  return Object.hasOwn(options, "column");
}

/** What each exit code means for this command. */
export function exitCodesOf(command: Command): readonly string[] {
  const codes: Readonly<Record<number, string>> =
    command.isEndless === true ? { 0: exitCodes[130], 1: exitCodes[1], 2: exitCodes[2] } : exitCodes;
  const usage = readsList(command) ? `${exitCodes[2]}, or ${brokenList}` : exitCodes[2];
  return Object.entries({ ...codes, 1: failureOf(command), 2: usage }).map(
    ([code, meaning]) => `${code} ${meaning}`,
  );
}

/** What exit code 1 means for this command. */
export function failureOf({ fails, asks = false }: Command): string {
  const also = [fails, asks ? "the answer was not yes" : undefined].filter((one) => one !== undefined);
  return [exitCodes[1], ...also].join(", or ");
}
