/**
 * `oneup-lifecycle sandbox`: runs a local 1upHealth on this machine, for programs in any language, until Ctrl-C.
 *
 * The command's options describe its users, its clock and its faults. Its state may outlive the process in a file.
 *
 * @module
 */
import { readFile, rename, writeFile } from "node:fs/promises";
import { sleep, systemClock } from "../../clock.ts";
import { controlRoutes } from "../../sandbox/http/control-routes.ts";
import {
  type JournalEntry,
  type Sandbox,
  createSandbox,
  createVirtualClock,
  type Fault,
  type SandboxCredentials,
  type SandboxOptions,
  type VirtualClock,
  type SandboxSnapshot,
} from "../../sandbox/index.ts";
import { whole, cannotListen, portOption, duration, UsageError } from "../arguments.ts";
import { flag, option, type Command, type Given } from "../command.ts";
import { paintFor, printError } from "../screen.ts";
import { describeEntry, controlLines, introduction } from "./introduction.ts";
import { isObject } from "../../checks.ts";
import { isLifecycleError } from "../../errors.ts";
import { endless } from "../../sandbox/faults/fault.ts";
import { idsIn } from "../list-file.ts";
import { reasonOf, isSystemError } from "../system-error.ts";

export const sandbox: Command = {
  name: "sandbox",
  description: "a local 1upHealth to develop and test against, in any language",
  more: [
    "Listens on 127.0.0.1 and behaves as 1upHealth's documentation describes: users, codes, tokens, FHIR,",
    "the limit on management calls. Prints every call with secrets masked. Ctrl-C stops it and discards",
    "its data, unless --state is given.",
    "",
    "Programs on this machine can inspect and control it with the calls below, which do not count toward",
    "the limit. Send POST and PUT bodies as JSON, with content-type: application/json:",
    "",
    ...controlLines(controlRoutes, paintFor({}, { NO_COLOR: "1" })),
    "",
    "Control calls from web pages of other origins are refused, and so is any host but localhost,",
    "127.0.0.1 and [::1], because the state contains the client secret.",
  ],
  example: "sandbox --port 8080 --seed-users 100",
  json: null,
  isEndless: true,
  options: {
    ...portOption,
    "client-id": option("ID", "accepted client id (default: sandbox-client)"),
    "client-secret": option("SECRET", "accepted client secret (default: sandbox-secret)"),
    limit: option("N", "management calls per window (default: 300)"),
    window: option("TIME", "length of the window, e.g. 90s or 30m (default: 1h)"),
    latency: option("MS", "delay of each call in ms: 80, or 40-120 (default: 0)"),
    "seed-users": option("N", "users to create at start: user-1 to user-N, or the ids in a file"),
    clock: option("TIME", "the sandbox's time: 2026-01-01T00:00:00Z, or +2h from now (default: now)"),
    stopped: flag("start with a stopped clock that moves only when advanced"),
    faults: option("FILE", 'a JSON list of faults, e.g. [{ "call": "createUser", "status": 500 }]'),
    state: option(
      "FILE",
      "save the state and clock to FILE each second and at the end, and load them at the next start",
    ),
  },
  /** Runs the sandbox until `signal` aborts. */
  async run(given, signal) {
    const { texts } = given;
    const port = whole("port", texts.get("port") ?? "0", 0, 65_535);
    const { sandbox: world, state } = await begin(given, signal);
    const server = await world.listen({ port }).catch((error: unknown) => {
      throw cannotListen(port, error);
    });
    const paint = paintFor(process.stdout);
    const limit = { calls: texts.get("limit") ?? "300", window: texts.get("window") ?? "1h" };
    try {
      await state?.keep(world); // fails at once if the file cannot be written
      console.log(introduction(world, server, limit, paint));
      await follow(world, state, signal, (entry) => console.log(describeEntry(entry, paint)));
    } finally {
      await server.close();
    }
    const failure = await state?.keep(world).catch(messageOf);
    if (failure === undefined) return 0;
    printError(`${failure}; what happened since the last save is lost`);
    return 1;
  },
};

/** How often the journal is polled, in ms. */
const pollMs = 50;
/** How often a changed state is saved with `--state`, in ms. */
const keepMs = 1_000;

/** The message of an error about the state file. @throws any other error */
function messageOf(error: unknown): string {
  if (error instanceof UsageError) return error.message;
  throw error;
}

/** Saves the state; once that fails, prints so, and later that it works again. The sandbox needs the file only to start. */
function patientlyKept(world: Sandbox, state: StateFile): () => Promise<void> {
  let isKept = true;
  return async () => {
    const failure = await state.keep(world).catch(messageOf);
    if (failure !== undefined && isKept)
      printError(`${failure}; the sandbox goes on, and tries each second to save its state`);
    if (failure === undefined && !isKept) printError("The state is saved again");
    isKept = failure === undefined;
  };
}

/** Passes every new entry of the journal to `use`, and saves the state, until `signal` aborts. */
async function follow(
  world: Sandbox,
  state: StateFile | null,
  signal: AbortSignal,
  use: (entry: JournalEntry) => void,
): Promise<void> {
  const keep = state === null ? null : patientlyKept(world, state);
  let seen = 0;
  let keptAt = systemClock.monotonic();
  while (!signal.aborted) {
    const count = world.journal.count();
    if (count < seen) seen = 0; // it was reset
    if (count > seen) for (const entry of world.journal.entries().slice(seen)) use(entry);
    seen = count;
    if (keep !== null && systemClock.monotonic() - keptAt >= keepMs) {
      await keep();
      keptAt = systemClock.monotonic();
    }
    await sleep(systemClock, pollMs, signal).catch(() => {}); // the loop's condition sees the abort
  }
}

/** Builds the sandbox, and its state file if there is one. @throws {UsageError} with the option, the rule and the value; the signal's reason */
async function begin(given: Given, signal: AbortSignal) {
  const { texts } = given;
  const path = texts.get("state");
  const limit = `${texts.get("limit") ?? "300"} in ${texts.get("window") ?? "1h"}`;
  const state = path === undefined ? null : stateFile(path, limit);
  const kept = (await state?.read()) ?? null;
  const clock = clockOf(given, kept?.clock);
  const sandbox = createSandbox({ ...optionsOf(texts), clock });
  if (kept !== null) state?.restore(sandbox, kept);
  sandbox.setCredentials(credentialsOf(texts)); // the stored state has its own
  for await (const id of seeds(texts.get("seed-users"), signal)) sandbox.createUser(id);
  for (const fault of await faultsIn(texts.get("faults"))) script(sandbox, fault);
  return { sandbox, state };
}

function optionsOf(texts: Given["texts"]): SandboxOptions {
  return {
    ...credentialsOf(texts),
    limit: {
      calls: whole("limit", texts.get("limit") ?? "300", 1),
      windowMs: duration("window", texts.get("window") ?? "1h"),
    },
    latencyMs: latency(texts.get("latency") ?? "0"),
  };
}

function credentialsOf(texts: Given["texts"]): Partial<SandboxCredentials> {
  const clientId = texts.get("client-id");
  const clientSecret = texts.get("client-secret");
  return {
    ...(clientId !== undefined && { clientId }),
    ...(clientSecret !== undefined && { clientSecret }),
  };
}

function latency(text: string): readonly [number, number] {
  const [, least, most = least] = /^(\d{1,6})(?:-(\d{1,6}))?$/.exec(text) ?? [];
  if (least !== undefined && Number(least) <= Number(most)) return [Number(least), Number(most)];
  throw new UsageError(
    `--latency must be milliseconds such as 80, or a range such as 40-120, got ${JSON.stringify(text)}`,
  );
}

/** The clock from `--clock`, else from the stored state, else the machine's time. */
function clockOf({ texts, switches }: Given, kept: KeptState["clock"] = { aheadMs: 0 }): VirtualClock {
  const asked = texts.get("clock");
  const keptTime = "stoodAt" in kept ? kept.stoodAt : systemClock.now() + kept.aheadMs;
  const now = asked === undefined ? keptTime : timeOf(asked);
  return createVirtualClock({ now, running: !switches.has("stopped") });
}

function timeOf(text: string): number {
  const [, ahead] = /^\+(.+)$/.exec(text) ?? [];
  if (ahead !== undefined) return systemClock.now() + duration("clock", ahead);
  const at = /^\d{4}-/.test(text) ? Date.parse(text) : NaN;
  if (Number.isFinite(at)) return at;
  throw new UsageError(
    `--clock must be a time such as 2026-01-01T00:00:00Z, or +2h from now, got ${JSON.stringify(text)}`,
  );
}

/** `user-1`, `user-2`, …; or the ids of a file. */
async function* seeds(text: string | undefined, signal: AbortSignal): AsyncGenerator<string, void> {
  if (text === undefined) return;
  if (!/^\d+$/.test(text)) return yield* idsIn({ path: text, column: undefined }, signal);
  const count = whole("seed-users", text, 1, 1_000_000);
  for (let n = 1; n <= count; n++) yield `user-${n}`;
}

async function faultsIn(path: string | undefined): Promise<readonly Fault[]> {
  if (path === undefined) return [];
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw new UsageError(`Cannot read ${path}: ${reasonOf(error)}`);
  });
  try {
    const list: unknown = JSON.parse(text);
    if (Array.isArray(list) && list.every(isObject)) return list; // fail() checks each
  } catch {} // it is no JSON
  throw new UsageError(`Cannot read ${path}: it must be a JSON list of faults`);
}

function script(sandbox: Sandbox, fault: Fault): void {
  try {
    sandbox.fail(endless(fault));
  } catch (error) {
    if (isLifecycleError(error)) throw new UsageError(`Cannot use a fault of --faults: ${error.message}`);
    throw error;
  }
}

/** The content of the file. */
export interface KeptState {
  /** How far the sandbox's clock was ahead of the machine's, in ms; for a stopped clock, its time. */
  readonly clock: { readonly aheadMs: number } | { readonly stoodAt: number };
  /** The limit that the stored quota counts against. */
  readonly limit: string;
  readonly world: SandboxSnapshot;
}

/**
 * Reads and writes the file. It holds the sandbox's secrets in clear; they are valid nowhere else. `limit` names the
 * current limit: a stored quota of another limit is discarded.
 */
function stateFile(path: string, limit: string) {
  let written = "";

  function strange(): UsageError {
    return new UsageError(`Cannot use ${path}: it must be a file written by --state`);
  }

  return {
    /** The stored state; `null` if the file does not exist yet. @throws {UsageError} if it holds something else */
    async read(): Promise<KeptState | null> {
      try {
        const kept: unknown = JSON.parse(await readFile(path, "utf8"));
        if (isKept(kept)) return kept;
      } catch (error) {
        if (isSystemError(error)) {
          if (error.code === "ENOENT") return null;
          throw new UsageError(`Cannot read ${path}: ${error.code}`);
        }
      }
      throw strange();
    },

    /** Restores the state. @throws {UsageError} if it is not valid */
    restore(sandbox: Sandbox, { world, limit: counted }: KeptState): void {
      const { quota } = sandbox.snapshot(); // nothing is counted yet
      try {
        sandbox.restore(counted === limit ? world : { ...world, quota });
      } catch (error) {
        if (isLifecycleError(error)) throw strange();
        throw error;
      }
    },

    /** Saves the state if it has changed: to a draft that is then renamed, so that no reader sees half a file. */
    async keep(sandbox: Sandbox): Promise<void> {
      const { clock } = sandbox;
      const now = clock.now();
      const kept: KeptState = {
        // Rounded to a second: the difference between the clocks jitters, and would make an equal state look changed.
        clock: clock.running
          ? { aheadMs: Math.round((now - systemClock.now()) / 1_000) * 1_000 }
          : { stoodAt: now },
        limit,
        world: sandbox.snapshot(),
      };
      const text = `${JSON.stringify(kept)}\n`;
      if (text === written) return;
      const draft = `${path}.new`;
      try {
        await writeFile(draft, text, { mode: 0o600 });
        await rename(draft, path);
      } catch (error) {
        throw new UsageError(`Cannot write ${path}: ${reasonOf(error)}`);
      }
      written = text;
    },
  };
}

/** See {@link stateFile}. */
export type StateFile = ReturnType<typeof stateFile>;

function isKept(value: unknown): value is KeptState {
  if (!isObject(value) || !("world" in value)) return false;
  const { clock, limit } = value;
  if (!isObject(clock) || typeof limit !== "string") return false;
  return Number.isFinite("aheadMs" in clock ? clock["aheadMs"] : clock["stoodAt"]);
}
