/**
 * Sends the official examples of FHIR R4 through create, read, update and read of the sandbox, and compares the result
 * with the source, value by value and digit by digit:
 *
 *     npm run examples:r4
 *
 * The examples come from npm (`hl7.fhir.r4.examples`, CC0) into a temporary folder. They are too many for `npm test`.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { parse } from "lossless-json";
import { isLifecycleError, parseFhirJson, stringifyFhirJson, type ResourceOf } from "oneup-lifecycle";
import { createTestLifecycle } from "oneup-lifecycle/testing";

const name = "hl7.fhir.r4.examples@4.0.1";
type Any = ResourceOf<"r4", "Basic">;

const folder = mkdtempSync(join(tmpdir(), "oneup-examples-"));
try {
  execFileSync("npm", ["pack", "--silent", "--pack-destination", folder, name], { stdio: "ignore" });
  const [packed = ""] = readdirSync(folder);
  execFileSync("tar", ["-xzf", join(folder, packed), "-C", folder]);
  await roundTrip(join(folder, "package"));
} finally {
  rmSync(folder, { recursive: true });
}

async function roundTrip(examples: string): Promise<void> {
  const { lifecycle } = await createTestLifecycle({
    lifecycle: { maxAnswerBytes: 256 * 1024 * 1024 }, // a Bundle has 30 MB
    sandbox: { validation: "values" }, // twelve lack an element that is required
  });
  await lifecycle.onboard("ada");
  const fhir = lifecycle.fhir("ada", "r4");
  let equal = 0;
  let unsent = 0; // of types that 1upHealth creates none of, as the sandbox knows
  const others: string[] = [];
  for (const file of readdirSync(examples).toSorted()) {
    const text = file.endsWith(".json") ? readFileSync(join(examples, file), "utf8") : "{}";
    const source = parseFhirJson(text) as Partial<Any>; // whatever its type
    const type = source.resourceType;
    if (type === undefined) continue; // the package's own files
    try {
      const created = await fhir.create<"Basic">(source as Any, { untilReadable: true });
      const id = created.id ?? "";
      await fhir.update<"Basic">(await fhir.read(type, id));
      const after = await fhir.read(type, id);
      if (isDeepStrictEqual(without(stringifyFhirJson(after) ?? ""), without(text))) equal++;
      else others.push(`${file}: differs`);
    } catch (error) {
      if (!isLifecycleError(error)) throw error;
      const isUndeclared = error.code === "FHIR_REFUSED" && error.facts["undeclared"] === true;
      const isKept = isDeepStrictEqual(without(stringifyFhirJson(source) ?? ""), without(text));
      if (isUndeclared && isKept) unsent++;
      else others.push(`${file}: ${error.message}`);
    }
  }
  await lifecycle.close();
  for (const line of others) console.log(line);
  const all = equal + unsent + others.length;
  console.log(
    `${equal} of ${all} examples came back equal in value and digits; ${unsent} of types that 1upHealth creates none of are equal when parsed and written`,
  );
  process.exitCode = others.length === 0 && equal > 0 ? 0 : 1;
}

/** A resource with every digit, and without what the server sets. */
function without(text: string): object {
  const { id: _, meta: __, ...rest } = parse(text.replace(/^\uFEFF/, "")) as Record<string, unknown>; // of a resource
  return rest;
}
