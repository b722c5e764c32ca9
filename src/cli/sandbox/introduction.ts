/**
 * The sandbox's first output: its address, its credentials, example calls, and control calls. Below it, the calls that
 * reach the sandbox, one per line.
 *
 * @module
 */
import { controlBase, controlRoutes, type ControlRoute } from "../../sandbox/http/control-routes.ts";
import type { Sandbox, SandboxServer, JournalEntry } from "../../sandbox/index.ts";
import { number } from "../format.ts";
import { type Paint, width } from "../screen.ts";
import { visibleId } from "../../visible-id.ts";

/** Control calls, one or two lines each. */
export function controlLines(routes: readonly ControlRoute[], paint: Paint): readonly string[] {
  return routes.flatMap(({ method, path, body, description }) => {
    const call = `  ${method.padEnd(6)} ${controlBase}${path}`.padEnd(callWidth);
    const example = body === undefined ? "" : JSON.stringify(body);
    const told = paint.quiet(description);
    if (callWidth + example.length + description.length + 3 > width)
      return [`${call} ${told}`, " ".repeat(Math.min(callWidth + 1, width - example.length)) + example];
    return [example === "" ? `${call} ${told}` : `${call} ${example}  ${told}`];
  });
}

/** The column where a call's example or description starts. */
const callWidth = 28;

/** The introduction. `limit` is given as text. */
export function introduction(
  sandbox: Sandbox,
  { url }: SandboxServer,
  limit: { readonly calls: string; readonly window: string },
  paint: Paint,
): string {
  const { credentials, clock } = sandbox;
  const row = (name: string, value: string): string => `  ${name.padEnd(15)} ${value}`;
  const header = (name: string, value: string): string => quoted(`${name}: ${value}`);
  const users = sandbox.users().length;
  const faults = sandbox.faults().length;
  return [
    paint.strong("A local 1upHealth is listening"),
    "",
    row("api and auth", url),
    row("client_id", credentials.clientId),
    row("client_secret", credentials.clientSecret),
    row("limit", `${limit.calls} management calls in any ${limit.window}`),
    row("clock", `${new Date(clock.now()).toISOString()}${clock.running ? "" : ", stopped"}`),
    ...(users === 0 ? [] : [row("users", number(users))]),
    ...(faults === 0 ? [] : [row("faults", `${number(faults)} waiting`)]),
    "",
    paint.strong("Create a user"),
    `  curl ${url}/user-management/v1/user -d app_user_id=bilbo \\`,
    `    -H ${header("client_id", credentials.clientId)} -H ${header("client_secret", credentials.clientSecret)}`,
    "",
    paint.strong("Exchange the code it returns"),
    `  curl ${url}/oauth2/token -d grant_type=authorization_code \\`,
    `    -d code=… -d ${quoted(`client_id=${credentials.clientId}`)} -d ${quoted(`client_secret=${credentials.clientSecret}`)}`,
    "",
    paint.strong("Inspect and control") + paint.quiet(` (full list: curl ${url}${controlBase})`),
    ...controlLines(
      controlRoutes.filter(({ isUsual }) => isUsual),
      paint,
    ),
    paint.quiet("With curl, as JSON, from this machine:"),
    `  curl ${url}${controlBase}clock \\`,
    `    -H content-type:application/json -d ${quoted(JSON.stringify({ advanceMs: 7_200_000 }))}`,
    "",
    paint.strong("Incoming calls") + paint.quiet(" (Ctrl-C ends the sandbox)"),
    paint.quiet(callTitle),
  ].join("\n");
}

/** Quotes one word for a shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** One call. */
export function describeEntry(
  { n, at, call, status, outcome, appUserId, fault }: JournalEntry,
  paint: Paint,
): string {
  const time = new Date(at).toISOString().slice(11, 19);
  const tone = status === "dropped" || status >= 400 ? paint.bad : status >= 300 ? paint.busy : paint.good;
  const user = appUserId === undefined ? "" : visibleId(appUserId);
  const line = columns(String(n), time, call, tone(String(status).padEnd(statusWidth)), outcome, user);
  return fault === undefined ? line : `${line} ${paint.busy(`(${fault})`)}`;
}

const statusWidth = 7;

/** The column titles. */
const callTitle: string = columns("#", "time", "call", "status", "outcome", "user");

type Cells = readonly [n: string, time: string, call: string, status: string, outcome: string, user: string];

function columns(...[n, time, call, status, outcome, user]: Cells): string {
  return `  ${n.padStart(4)}  ${time.padEnd(8)}  ${call.padEnd(15)} ${status.padEnd(statusWidth)} ${outcome.padEnd(13)} ${user}`.trimEnd();
}
