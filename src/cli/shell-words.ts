/**
 * Translates the library's messages for a shell: the id that was typed, the names of flags, variables and commands.
 *
 * @module
 */
import type { Given } from "./command.ts";
import { visibleId } from "../visible-id.ts";

/** The methods that are commands of a name. Those with `ID` take one. */
const commands: Readonly<Record<string, string>> = {
  onboard: "onboard --user ID",
  retry: "retry ID",
  reauthorize: "reauthorize ID",
  rename: "rename ID NEW-ID",
  offboard: "offboard ID",
  forget: "forget ID",
  adopt: "adopt ID",
  reconcile: "reconcile",
  exportMany: "export",
  offboardMany: "leave",
  work: "work",
  rotateKeys: "keys rotate",
  "keys.list": "keys list",
  "account.reopen": "reopen",
  "account.setLimits": "limits",
  "account.pause": "pause",
  "account.unpause": "unpause",
  hold: "hold ID",
  unhold: "unhold ID",
  explain: "explain ID",
  health: "status",
};

const method = new RegExp(
  `\\b(call )?(${Object.keys(commands).join("|").replaceAll(".", "\\.")})\\(\\)( it\\b)?`,
  "g",
);

/** What an option of the library is called here, in the order of precedence. */
const settings: Readonly<Record<string, readonly string[]>> = {
  waitMs: ["--wait"],
  pollMs: ["--poll"],
  "refresh.policy": ["--refresh"],
  "limits.management.calls": ["--limit"],
  "limits.management.windowMs": ["--window"],
  "management.calls": ["--calls"],
  "management.windowMs": ["--window-ms"],
  "token.calls": ["--calls"],
  "token.windowMs": ["--window-ms"],
  "fhir.calls": ["--calls"],
  "fhir.windowMs": ["--window-ms"],
  "endpoints.api": ["--api", "ONEUP_API"],
  "endpoints.auth": ["--auth", "--api", "ONEUP_AUTH", "ONEUP_API"],
  pageSize: ["--page-size"],
  "encryption.keys[0]": ["ONEUP_KEY"],
  "credentials.clientId": ["ONEUP_CLIENT_ID"],
  "credentials.clientSecret": ["ONEUP_CLIENT_SECRET"],
  oneupUserId: ["--number"],
  onlyAfterExport: ["--only-after-export"],
};

/** Phrases that name a method or an option in the middle of a sentence. */
const phrases: readonly (readonly [RegExp, string])[] = [
  [
    /Any process that calls work\(\), or that asks/,
    "Any worker (oneup-lifecycle work), or process that asks",
  ],
  [
    /as soon as a process calls work\(\) or asks for this user/,
    "as soon as there is a worker (oneup-lifecycle work), or a process asks for this user",
  ],
  [/when a process that calls work\(\) takes it up/, "when a worker (oneup-lifecycle work) takes it up"],
  [/onboard\(\) of the same id/, "onboard()"],
  [/call migrate\(\) of the adapter once, or run/, "run"],
  [/encryption, e\.g\. keyFile\(.*\)$/, "a key: set ONEUP_KEY_FILE or ONEUP_KEY, or use --key-file FILE"],
  [
    /and it holds none(: .*)?$/,
    "and it holds none$1; if users were in it, stop the workers and restore its backup; check ONEUP_STORE and ONEUP_CLIENT_ID; the first worker begins a new store: oneup-lifecycle work",
  ],
  [/its `encryption` does not hold/, "ONEUP_KEY_FILE or ONEUP_KEY here does not hold"],
  [/account\.unpause\(\{ lane: "(\w+)" \}\)/, "oneup-lifecycle unpause --lane $1"],
  [/allowShort: true/, "--allow-short"],
  [/allowPartialExport: true/, "--allow-partial-export"],
  [/changeOrigin: true moves/, "--change-origin moves"],
  [
    /the option `events: (\{.*\})` turns them on/,
    "ONEUP_EVENTS_KEEP=7d turns them on, or the option `events: $1`",
  ],
  [/`events: false` turns/, "ONEUP_EVENTS_KEEP=off turns"],
  [/storeMustExist is set/, "ONEUP_STORE_MUST_EXIST is 1"],
  [/start once without storeMustExist/, "start once with ONEUP_STORE_MUST_EXIST=0"],
  [/hideIds must be true, not false/, "ONEUP_HIDE_IDS must be 1, and it is 0"],
  [/hideIds must be false, not true/, "ONEUP_HIDE_IDS must be 0, and it is 1"],
];

type ForCommand = Pick<Given, "command" | "texts">;

/** A text of the library in the words of a shell. Users of `aliases` appear by the ids that were typed. */
export function atShell(
  text: string,
  given: ForCommand,
  aliases: ReadonlyMap<string, string> = new Map(),
): string {
  const [only, ...others] = [...aliases.values()];
  const id = only !== undefined && others.length === 0 && /^[\w.@+-]+$/.test(only) ? only : "ID";
  let told = asCommands(text, id);
  for (const [alias, typed] of aliases) told = told.replaceAll(alias, () => JSON.stringify(visibleId(typed)));
  return told.replace(
    /^(Cannot [^:]+: )([\w.]+(?:\[\d\])?)(?= must be )/,
    (_, start: string, name: string) => {
      return start + settingOf(name, given);
    },
  );
}

/** The same text with commands in place of methods. */
export function asCommands(text: string, id = "ID"): string {
  const told = phrases.reduce((words, [phrase, here]) => words.replace(phrase, here), text);
  return told.replace(method, (_, call: string | undefined, name: string, it: string | undefined) => {
    const command = `oneup-lifecycle ${commands[name]?.replace(/\bID$/, id)}`;
    return call === undefined && it === undefined ? command : `run ${command}`;
  });
}

/** The flag that was given for an option, else the variable that is set, else the first name that it has here. */
function settingOf(name: string, { command, texts }: ForCommand): string {
  if (command.options !== undefined && Object.hasOwn(command.options, name)) return `--${name}`;
  const names = settings[name] ?? [name];
  return (
    names.find((one) => texts.has(one.slice(2))) ??
    names.find((one) => one in process.env) ??
    names[0] ??
    name
  );
}
