/**
 * `oneup-lifecycle export`: exports the FHIR resources of users into a folder.
 *
 * @module
 */
import { systemClock } from "../../clock.ts";
import type { ExportManyOptions, ExportProgress, Lifecycle } from "../../index.ts";
import { capabilitiesOf } from "../../fhir/capabilities.ts";
import { fhirVersions } from "../../fhir/fhir-version.ts";
import { isTypeName } from "../../runtime/leaving/export-folder.ts";
import { momentInWords } from "../../runtime/options/time-in-words.ts";
import { nameFrom, UsageError, versionsIn, wholeIn } from "../arguments.ts";
import { flag, option, type Command, type Given } from "../command.ts";
import { escapeControl, number, plural } from "../format.ts";
import { withStore } from "../open-store.ts";
import { stoppable, type Standing } from "../stopped.ts";
import { checkUsers, listOption, showing, unfinishedLines, unlistableLines, usersOf } from "./list-option.ts";
import { printResult } from "../results.ts";

export const exportUsers: Command = {
  name: "export",
  description: "export the FHIR resources of all users, or of a list, as NDJSON; resumable",
  more: [
    "Writes FOLDER/<oneup_user_id>/<version>.<Type>.ndjson, for the owner of the process only. Each resource is in the",
    "files once. After Ctrl-C, a crash or a full disk, run the same command again to continue.",
    "",
    "Without --types, each of about a hundred types costs a FHIR call a user and version: name those that you use.",
    "Of types that 1upHealth cannot search, such as Binary in r4, it writes what other resources refer to.",
    "An export is identified by its name: another name, in another folder, exports anew.",
  ],
  example: "export --to ./export --types Patient,Observation",
  opens: "act",
  json: "lines",
  fails: "a user is not exported",
  options: {
    to: option("FOLDER", "the folder: new, empty, or of this export"),
    name: option("NAME", "name of the export (default: that of the folder)"),
    versions: option("WHAT", "some of dstu2,stu3,r4 (default: all)"),
    types: option("TYPES", "resource types, e.g. Patient,Observation"),
    "allow-short": flag(
      "finish files with fewer resources than 1upHealth counts, or without what it refuses",
    ),
    concurrency: option("N", "users at once, 1 to 64 (default: 8)"),
    ...listOption,
  },
  async run(given, signal) {
    const options = { ...optionsOf(given), ...showing(given, lineOf), signal };
    await checkUsers(given, signal);
    const users = usersOf(given, signal);
    const use = async (lifecycle: Lifecycle): Promise<number> => {
      const summary = await lifecycle.exportMany(users, options);
      const {
        exported,
        present,
        waiting,
        failed,
        resources,
        files,
        short,
        dangling,
        unlistable,
        unfinished,
      } = summary;
      const left = waiting + failed;
      printResult(given, summary, [
        `${plural(exported, "user")} exported, ${number(present)} before: ${plural(resources, "resource")} in ${plural(files, "file")}`,
        ...(short > 0 ? [`${plural(short, "file")} with fewer resources than 1upHealth counts`] : []),
        ...(dangling > 0 ? [`${plural(dangling, "reference")} to what 1upHealth does not have or show`] : []),
        ...unlistableLines(unlistable, "only those are exported that other resources refer to"),
        ...(left > 0 ? [`${plural(left, "user")} not exported:`, ...unfinishedLines(unfinished, left)] : []),
      ]);
      return left > 0 ? 1 : 0;
    };
    return stoppable(
      given,
      signal,
      () => standing,
      () => withStore(given, use),
    );
  },
};

const standing: Standing = { line: "what was exported is kept. Run the same command to continue." };

function optionsOf(given: Given): ExportManyOptions {
  const { switches, texts } = given;
  const to = texts.get("to");
  if (to === undefined) throw new UsageError("No folder given: use --to FOLDER");
  const versions = texts.get("versions");
  return {
    name: texts.get("name") ?? nameFrom(to),
    write: to,
    versions: versions === undefined ? undefined : versionsIn("versions", versions),
    types: typesIn(texts.get("types")),
    allowShort: switches.has("allow-short"),
    concurrency: wholeIn(given, "concurrency", 1, 64),
  };
}

/** @throws {UsageError} that quotes the first word that is no type */
function typesIn(text: string | undefined): readonly string[] | undefined {
  const types = text?.split(",");
  const wrong = types?.find((type): boolean => !isTypeName(type));
  if (wrong === undefined) return types;
  const known = fhirVersions.flatMap((version) => [...capabilitiesOf(version).types.keys()]);
  const meant = known.find((type) => type.toLowerCase() === wrong.trim().toLowerCase());
  const hint = meant === undefined ? "e.g. Patient,Observation, without spaces" : `did you mean ${meant}?`;
  throw new UsageError(
    `--types must be resource types, which begin with a capital letter, got ${JSON.stringify(escapeControl(wrong))}: ${hint}`,
  );
}

function lineOf({ of, exported, present, waiting, failed, resources, endsAt }: ExportProgress): string {
  const done = `${number(exported + present)}${of === null ? "" : ` of ${number(of)}`} users exported`;
  const more = [
    plural(resources, "resource"),
    ...(waiting > 0 ? [`${number(waiting)} waiting`] : []),
    ...(failed > 0 ? [`${number(failed)} failed`] : []),
    ...(endsAt === null ? [] : [`until ${momentInWords(endsAt, systemClock.now())}`]),
  ];
  return `${done} (${more.join(", ")})`;
}
