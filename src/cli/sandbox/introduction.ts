/**
 * What the sandbox says first: where it is, what it accepts, what to try, how to steer it.
 *
 * @module
 */
import { controlBase, controlRoutes } from "../../sandbox/control-routes.ts";
import type { ControlRoute } from "../../sandbox/control-routes.ts";
import type { Sandbox, SandboxServer } from "../../sandbox/index.ts";
import { number } from "../prose.ts";
import type { Paint } from "../paint.ts";
import { width } from "../screen.ts";
import { callTitle } from "./calls.ts";

/** Control calls, a line or two each. */
export function controlLines(routes: readonly ControlRoute[], paint: Paint): readonly string[] {
  return routes.flatMap(({ method, path, body, says }) => {
    const call = `  ${method.padEnd(6)} ${controlBase}${path}`.padEnd(callWidth);
    const example = body === undefined ? "" : JSON.stringify(body);
    const apart = callWidth + example.length + says.length + 3 > width;
    if (apart)
      return [
        `${call} ${paint.quiet(says)}`,
        " ".repeat(Math.min(callWidth + 1, width - example.length)) + example,
      ];
    return [example === "" ? `${call} ${paint.quiet(says)}` : `${call} ${example}  ${paint.quiet(says)}`];
  });
}

/** Where what a call takes begins. */
const callWidth = 28;

/** The introduction. `limit`: in words. */
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
    row("clock", `${new Date(clock.now()).toISOString()}${clock.running ? "" : ", standing still"}`),
    ...(users === 0 ? [] : [row("users", number(users))]),
    ...(faults === 0 ? [] : [row("faults", `${number(faults)} waiting`)]),
    "",
    paint.strong("Create a user"),
    `  curl ${url}/user-management/v1/user -d app_user_id=bilbo \\`,
    `    -H ${header("client_id", credentials.clientId)} -H ${header("client_secret", credentials.clientSecret)}`,
    "",
    paint.strong("Exchange the code it answers"),
    `  curl ${url}/oauth2/token -d grant_type=authorization_code \\`,
    `    -d code=… -d ${quoted(`client_id=${credentials.clientId}`)} -d ${quoted(`client_secret=${credentials.clientSecret}`)}`,
    "",
    paint.strong("Look and steer") + paint.quiet(` (all of it: curl ${url}${controlBase})`),
    ...controlLines(
      controlRoutes.filter(({ isUsual }) => isUsual),
      paint,
    ),
    "",
    paint.strong("Calls as they come") + paint.quiet(" (Ctrl-C ends the sandbox)"),
    paint.quiet(callTitle),
  ].join("\n");
}

/** One word for a shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
