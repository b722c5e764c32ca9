import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { capabilitiesOf } from "../../src/fhir/capabilities.ts";
import { fhirVersions } from "../../src/fhir/fhir-version.ts";
import { differences, type Digests, digestsOf, readStatement, statementIn } from "./statement.ts";

const kept = JSON.parse(readFileSync(new URL("digests.json", import.meta.url), "utf8")) as Readonly<
  Record<string, Digests>
>; // test/capabilities/main.ts wrote it

describe.each(fhirVersions)("the table of %s", (version) => {
  it("holds what the statement declares of the server and of each type, no more and no less", async () => {
    expect(digestsOf(statementIn(capabilitiesOf(version)))).toEqual(kept[version]);
  });
});

describe("the comparison of a statement", () => {
  const sent = {
    rest: [
      {
        interaction: [{ code: "history-system" }],
        operation: [{ name: "$meta" }],
        resource: [
          { type: "Patient", interaction: [{ code: "read" }], operation: [{ name: "everything" }] },
          { type: "Group", searchParam: [{ name: "code" }] },
        ],
      },
    ],
  };

  it("names each difference", () => {
    const other = {
      rest: [{ resource: [{ type: "Patient", interaction: [{ code: "vread" }] }, { type: "List" }] }],
    };
    expect(differences(readStatement(sent), readStatement(sent))).toEqual([]);
    expect(differences(readStatement(sent), readStatement(other))).toEqual([
      "the server: interactions -history-system",
      "the server: operations -meta",
      "Patient: interactions +vread -read",
      "Patient: operations -everything",
      "Group: the statement lacks it",
      "List: the table lacks it",
    ]);
  });

  it("gives each part a digest of its own", () => {
    const { "": server, Patient, Group } = digestsOf(readStatement(sent));
    expect(new Set([server, Patient, Group]).size).toBe(3);
  });
});
