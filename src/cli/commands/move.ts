/**
 * `oneup-lifecycle move`: moves all users to another store.
 *
 * @module
 */
import { clientIdFromEnv, keysFromEnv } from "../../env.ts";
import { abortMove, keyFile, moveStore, type Encryption, type MoveOptions } from "../../index.ts";
import { isFenced } from "../../runtime/moving/move-store.ts";
import { UsageError } from "../arguments.ts";
import { flag, option, keyOption, type Command, type Given } from "../command.ts";
import { plural } from "../format.ts";
import { adapterOf } from "../open-store.ts";
import { Screen } from "../screen.ts";
import { stoppable, type Standing } from "../stopped.ts";
import { printResult } from "../results.ts";

export const move: Command = {
  name: "move",
  description: "move all users, with all that belongs to them, to another store, without a call to 1upHealth",
  more: [
    "Workers may run: once it begins, every process that uses the first store gets STORE_MOVED for all but valid",
    "tokens. Start them again with the other store when it is done. That store must be empty.",
    "",
    "It may be stopped and run again, and goes on from there. --abort opens the first store again, as long as nothing",
    "was written to the other one since.",
    "",
    "ONEUP_CLIENT_ID names the account. ONEUP_STORE and ONEUP_KEY_FILE or ONEUP_KEY are those of the first store,",
    "ONEUP_NEW_STORE and ONEUP_NEW_KEY_FILE or ONEUP_NEW_KEY those of the other, which has the same key unless one",
    "is given: then all secrets are sealed anew for it. Put a URL with a password into the environment: other users",
    "of this machine can see command lines.",
  ],
  example: "move --from ./data/lifecycle --to postgres://db/app",
  options: {
    from: option("PLACE", "the store to leave (default: ONEUP_STORE)"),
    to: option("PLACE", "the other one (default: ONEUP_NEW_STORE)"),
    abort: flag("call the move off, and open the first store again"),
    lost: flag("with --abort: although the other store was emptied, or is gone for good"),
    ...keyOption,
    "new-key-file": option("FILE", "file with the other store's key (default: the same)"),
  },
  async run(given, signal) {
    const { switches } = given;
    const from = await adapterOf(given, "from", "ONEUP_STORE");
    const to = await adapterOf(given, "to", "ONEUP_NEW_STORE");
    const screen = new Screen(process.stdout);
    const encryption = keyOf(given, "key-file", "ONEUP_KEY");
    const newEncryption = keyOf(given, "new-key-file", "ONEUP_NEW_KEY");
    const sealing = { ...(encryption && { encryption }), ...(newEncryption && { newEncryption }) };
    const about = { clientId: clientIdFromEnv(), ...sealing };
    const options: MoveOptions = {
      ...about,
      signal,
      onProgress({ phase, users, of, events }) {
        const done = phase === "copy" ? "copied" : "compared";
        const more = events > 0 ? `, ${plural(events, "event")}` : "";
        if (!switches.has("json") && screen.moves)
          screen.draw([`${users} of ${plural(of, "user")}${more} ${done}`]);
      },
    };
    if (switches.has("lost") && !switches.has("abort")) throw new UsageError("--lost goes with --abort");
    const standing = async (): Promise<Standing> => {
      const begun = await isFenced(from, to, about).catch(() => null); // the store may be why it was stopped
      const line = (switches.has("abort") ? notCalledOff : notMoved)(begun);
      return { line, facts: { begun }, isHalfDone: begun !== false };
    };
    return stoppable(given, signal, standing, async () => {
      if (switches.has("abort")) {
        await abortMove(from, to, { ...options, lost: switches.has("lost") });
        printResult(given, { aborted: true }, [`Called off: the ${from.name} store is in use again`]);
        return undefined;
      }
      const moved = await moveStore(from, to, options);
      const { users, events, digest, interruptedMs } = moved;
      printResult(given, moved, [
        `${plural(users, "user")} and ${plural(events, "event")} moved from ${from.name} to ${to.name}, digest ${digest.slice(0, 16)}`,
        `No process could write for ${(interruptedMs / 1_000).toFixed(1)} s. Start all processes with the ${to.name} store now`,
      ]);
      return undefined;
    });
  },
};

/** What is so after a move was stopped. `begun`: whether the first store takes no writes; `null`: that cannot be read. */
function notMoved(begun: boolean | null): string {
  if (begun === false) return "the move has not begun, and every process can use the first store as before.";
  const so =
    begun === null
      ? "the move may have begun; if it has, no process can write the first store"
      : "the move has begun, and no process can write the first store now";
  return `${so}. Run the same command again to continue, or with --abort to call the move off.`;
}

/** The same, of a move that was being called off. */
function notCalledOff(begun: boolean | null): string {
  const first = {
    true: "no process can write the first store yet",
    false: "the first store is in use again",
    null: "the first store may take no writes yet",
  } as const;
  return `${first[`${begun}`]}. Run the same command again to finish calling the move off.`;
}

function keyOf(
  { texts }: Given,
  flag: string,
  variable: "ONEUP_KEY" | "ONEUP_NEW_KEY",
): Encryption | undefined {
  const path = texts.get(flag);
  return path === undefined ? keysFromEnv(variable) : keyFile(path);
}
