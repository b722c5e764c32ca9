/**
 * `oneup-lifecycle adopt ID`: takes over a user with the refresh token that an application has.
 *
 * @module
 */
import { UsageError, whole } from "../arguments.ts";
import { option, type Command } from "../command.ts";
import { idsIn } from "../list-file.ts";
import { actOnUser, actOptions, isUsable } from "../act-on-user.ts";

const variable = "ONEUP_REFRESH_TOKEN";

export const adopt: Command = {
  name: "adopt",
  description: "take over a user with the refresh token that you have, without a management call",
  more: [
    `ID is the app_user_id. The refresh token is the first line of the standard input, or ${variable}: other`,
    "users of this machine can see command lines. If 1upHealth refuses it, the user is authorized again, for one",
    "management call. A new store is created by the first worker: oneup-lifecycle work.",
  ],
  takes: ["ID"],
  example: "adopt ada@example.org --number 123456",
  opens: "act",
  fails: "the user has no token yet",
  options: {
    number: option("N", "the oneup_user_id, which must be given"),
    ...actOptions,
  },
  async run(given, signal) {
    const { argument: id, texts } = given;
    const number = texts.get("number");
    if (number === undefined)
      throw new UsageError("adopt needs the user's oneup_user_id: oneup-lifecycle adopt ID --number N");
    const oneupUserId = whole("number", number, 1);
    const grant = { oneupUserId, refreshToken: await tokenOf(signal) };
    return actOnUser(given, signal, (lifecycle, act) => lifecycle.adopt(id, grant, act), isUsable);
  },
};

async function tokenOf(signal: AbortSignal): Promise<string> {
  const set = process.env[variable] ?? "";
  if (set !== "") return set;
  if (!process.stdin.isTTY) for await (const line of idsIn({ path: "-", column: null }, signal)) return line;
  throw new UsageError(`adopt needs the refresh token on the standard input, or in ${variable}`);
}
