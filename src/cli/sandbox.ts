/**
 * `oneup-lifecycle sandbox`: a local 1upHealth on this machine, until Ctrl-C.
 *
 * @module
 */
import { sleep, systemClock } from "../clock.ts";
import { createSandbox } from "../sandbox/index.ts";
import type { JournalEntry, Sandbox, SandboxOptions, SandboxServer } from "../sandbox/index.ts";
import { UsageError } from "./arguments.ts";
import { duration, whole } from "./amounts.ts";
import type { CommandHelp, Given } from "./arguments.ts";
import { paintFor } from "./paint.ts";
import type { Paint } from "./paint.ts";
import { visible } from "./visible.ts";

/** What `help` says. */
export const sandboxHelp: CommandHelp = {
  name: "sandbox",
  says: "a local 1upHealth to develop and test against",
  more: [
    "Listens on 127.0.0.1 and behaves as 1upHealth is documented: users, codes, tokens, FHIR,",
    "the limit of management calls. Prints every call with its secrets masked. Ctrl-C ends it,",
    "and everything in it is gone.",
  ],
  options: {
    port: { type: "string", value: "N", says: "where to listen (any free port)" },
    "client-id": { type: "string", value: "ID", says: "what the sandbox accepts (sandbox-client)" },
    "client-secret": { type: "string", value: "SECRET", says: "what the sandbox accepts (sandbox-secret)" },
    limit: { type: "string", value: "N", says: "management calls in a window (300)" },
    window: { type: "string", value: "TIME", says: "length of that window: 90s, 30m, 1h (1h)" },
    latency: { type: "string", value: "MS", says: "delay of each call: 80, or 40-120 (0)" },
  },
};

/** How often the journal is looked at, ms. */
const lookMs = 50;

/** Runs the sandbox until `signal` aborts. */
export async function sandbox({ texts }: Given, signal: AbortSignal): Promise<number> {
  const port = whole("port", texts.get("port") ?? "0", 0, 65_535);
  const window = texts.get("window") ?? "1h";
  const options = readOptions(texts, window);
  const world = createSandbox(options);
  const server = await listen(world, port);
  const paint = paintFor(process.stdout);
  try {
    console.log(introduction(world, server, window, options, paint));
    await follow(world, signal, (entry) => console.log(describeEntry(entry, paint)));
  } finally {
    await server.close();
  }
  return 0;
}

async function listen(world: Sandbox, port: number): Promise<SandboxServer> {
  try {
    return await world.listen({ port });
  } catch (error) {
    const why = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new UsageError(`Cannot listen on port ${port}: ${why}; without --port any free one is taken`);
  }
}

function readOptions(texts: ReadonlyMap<string, string>, window: string): SandboxOptions {
  const clientId = texts.get("client-id");
  const clientSecret = texts.get("client-secret");
  return {
    ...(clientId !== undefined && { clientId }),
    ...(clientSecret !== undefined && { clientSecret }),
    limit: {
      calls: whole("limit", texts.get("limit") ?? "300", 1, Number.MAX_SAFE_INTEGER),
      windowMs: duration("window", window),
    },
    latencyMs: latency(texts.get("latency") ?? "0"),
  };
}

function latency(text: string): readonly [number, number] {
  const [, least, most = least] = /^(\d{1,6})(?:-(\d{1,6}))?$/.exec(text) ?? [];
  if (least !== undefined && Number(least) <= Number(most)) return [Number(least), Number(most)];
  throw new UsageError(
    `--latency must be milliseconds such as 80, or a range such as 40-120, got ${JSON.stringify(text)}`,
  );
}

function introduction(
  { credentials }: Sandbox,
  { url }: SandboxServer,
  window: string,
  { limit }: SandboxOptions,
  paint: Paint,
): string {
  const row = (name: string, value: string): string => `  ${name.padEnd(15)} ${value}`;
  const header = (name: string, value: string): string => quoted(`${name}: ${value}`);
  const control = (call: string, body: string, says: string): string =>
    `  ${call.padEnd(24)} ${body.padEnd(24)} ${paint.quiet(says)}`.trimEnd();
  return [
    paint.strong("A local 1upHealth is listening"),
    "",
    row("api and auth", url),
    row("client_id", credentials.clientId),
    row("client_secret", credentials.clientSecret),
    row("limit", `${limit?.calls} management calls in any ${window}`),
    "",
    paint.strong("Create a user"),
    `  curl ${url}/user-management/v1/user -d app_user_id=bilbo \\`,
    `    -H ${header("client_id", credentials.clientId)} -H ${header("client_secret", credentials.clientSecret)}`,
    "",
    paint.strong("Look and steer"),
    control("GET  /_sandbox/journal", "", "every call, secrets masked"),
    control("GET  /_sandbox/users", "", "who is here"),
    control("POST /_sandbox/clock", '{"advanceMs":7200000}', "two hours later"),
    control("POST /_sandbox/revoke", '{"appUserId":"bilbo"}', "end bilbo's tokens"),
    control("POST /_sandbox/faults", '{"call":"createUser","status":500,"commit":true}', ""),
    control("POST /_sandbox/behave", '{"exists":404}', '"already exists" with 404'),
    control("POST /_sandbox/reset", "", "forget everything"),
    "",
    paint.strong("Calls as they come") + paint.quiet(" (Ctrl-C ends the sandbox)"),
    paint.quiet(columns("#", "time", "call", "status", "outcome", "user")),
  ].join("\n");
}

/** One word for a shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** Hands every new entry of the journal to `use`, until `signal` aborts. */
async function follow(
  world: Sandbox,
  signal: AbortSignal,
  use: (entry: JournalEntry) => void,
): Promise<void> {
  let seen = 0;
  while (!signal.aborted) {
    const count = world.journal.count();
    if (count < seen) seen = 0; // it was reset
    if (count > seen) for (const entry of world.journal.entries().slice(seen)) use(entry);
    seen = count;
    await sleep(systemClock, lookMs, signal).catch(() => {}); // the loop's condition sees the abort
  }
}

function describeEntry(
  { n, at, call, status, outcome, appUserId, fault }: JournalEntry,
  paint: Paint,
): string {
  const time = new Date(at).toISOString().slice(11, 19);
  const tone = status === "dropped" || status >= 400 ? paint.bad : status >= 300 ? paint.busy : paint.good;
  const line = columns(
    String(n),
    time,
    call,
    tone(String(status).padEnd(statusWidth)),
    outcome,
    appUserId === undefined ? "" : visible(appUserId),
  );
  return fault === undefined ? line : `${line} ${paint.busy(`(${fault})`)}`;
}

const statusWidth = 7;

function columns(
  n: string,
  time: string,
  call: string,
  status: string,
  outcome: string,
  user: string,
): string {
  return `  ${n.padStart(4)}  ${time.padEnd(8)}  ${call.padEnd(15)} ${status.padEnd(statusWidth)} ${outcome.padEnd(13)} ${user}`.trimEnd();
}
