/**
 * `oneup-lifecycle limits`: shows the account's limits, or changes one for all processes.
 *
 * @module
 */
import type { AccountLimits, Ceiling } from "../../index.ts";
import { spanInFull } from "../../runtime/options/time-in-words.ts";
import { wholeIn, UsageError } from "../arguments.ts";
import { flag, option, type Command, type Given } from "../command.ts";
import { withStore } from "../open-store.ts";
import { plural } from "../format.ts";
import { printResult } from "../results.ts";

export const limits: Command = {
  name: "limits",
  description: "show the account's recorded limits, or change one for all processes",
  more: [
    "Without --calls, --window-ms and --none it is read-only: it makes no calls and changes nothing.",
    "A change applies to all processes within seconds; a process with a limit of its own keeps to the",
    "stricter of the two. Options that are left out keep their recorded values.",
  ],
  example: "limits --calls 600",
  opens: "tend",
  options: {
    calls: option("N", "calls in any window"),
    "window-ms": option("N", "length of the window, in milliseconds"),
    of: option("NAME", "the limit: management, token or fhir (default: management)"),
    none: flag("remove the limit; for token and fhir only"),
  },
  /** Applies the change, if any, and prints the limits. */
  async run(given) {
    const { switches, texts } = given;
    const of = nameIn(texts.get("of") ?? "management");
    const calls = wholeIn(given, "calls", 1);
    const windowMs = wholeIn(given, "window-ms", 1);
    const changes = calls !== undefined || windowMs !== undefined;
    const lifts = switches.has("none");
    if (lifts && changes) throw new UsageError("limits takes --none, or --calls and --window-ms, not both");
    if (lifts && of === "management") throw new UsageError("limits --none needs --of token or --of fhir");
    if (!changes && !lifts)
      return show(given, await withStore(given, (it) => it.account.limits(), { way: "look" }));

    const [before, after] = await withStore(given, async ({ account }) => {
      const found = await account.limits();
      const next = lifts ? null : changed(found[of], { calls, windowMs }, of);
      await account.setLimits({ [of]: next });
      return [found, await account.limits()] as const;
    });
    if (!switches.has("json")) console.log(`${of} until now: ${inWords(before[of])}`);
    return show(given, after);
  },
};

const names = ["management", "token", "fhir"] as const;
type Name = (typeof names)[number];

function nameIn(text: string): Name {
  const name = names.find((each) => each === text);
  if (name !== undefined) return name;
  throw new UsageError(`--of must be one of ${names.join(", ")}, got ${JSON.stringify(text)}`);
}

/** The limit with the given values; a new limit needs both. */
function changed(
  before: Ceiling | null,
  asked: Readonly<Record<keyof Ceiling, number | undefined>>,
  of: Name,
): Ceiling {
  const { calls = before?.calls, windowMs = before?.windowMs } = asked;
  if (calls !== undefined && windowMs !== undefined) return { calls, windowMs };
  throw new UsageError(`There is no limit of ${of} yet: a new one needs --calls N and --window-ms N`);
}

function show(given: Given, found: AccountLimits): number {
  const lines = names.map((name) => `${name.padEnd(10)}  ${inWords(found[name])}`);
  printResult(given, found, lines);
  return 0;
}

function inWords(ceiling: Ceiling | null): string {
  if (ceiling === null) return "no limit";
  return `${plural(ceiling.calls, "call")} in any ${spanInFull(ceiling.windowMs)}`;
}
