/** What is shown of an OperationOutcome: codes and places, and no other word of it. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, dirname } from "node:path";
import { describe, expect, it } from "vitest";
import { elementNames } from "../../src/capabilities/element-names.ts";
import { issuesIn } from "../../src/http/fhir-issue.ts";

function placesShown(...expression: readonly unknown[]): readonly string[] {
  return issuesIn({ resourceType: "OperationOutcome", issue: [{ code: "invalid", expression }] }).flatMap(
    ({ at }) => at,
  );
}

describe("issuesIn()", () => {
  it.each([
    "Patient.name[0].given[12]",
    "Observation.component[1].valueQuantity.value",
    "Bundle.entry[3].resource",
    "/f:Patient/f:birthDate",
    "ImmunizationRecommendation.recommendation",
  ])("shows the place %s", (place) => expect(placesShown(place)).toEqual([place]));

  it.each([
    "Patient.9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
    "Patient.WilhelminaMustermann",
    "wilhelmina",
    "a1B2c3D4e5F6g7H8i9J0",
    "Patient.name[9f86d081]",
    "Patient.name.where(given='Ada')",
    "/f:Patient/f:name[@value='Ada']",
    "Patient..name",
    "",
    7,
  ])("shows nothing of %s", (word) => expect(placesShown(word)).toEqual([]));
});

describe("a severity and a code", () => {
  const shown = (severity: unknown, code: unknown): unknown =>
    issuesIn({ resourceType: "OperationOutcome", issue: [{ severity, code }] });

  it("are shown if FHIR has them", () => {
    expect(shown("error", "not-found")).toEqual([{ severity: "error", code: "not-found", at: [] }]);
  });

  it("are left out if they are any other words", () => {
    expect(shown("gregor", "samsa-has-a-diagnosis")).toEqual([{ at: [] }]);
    expect(shown(["error"], { toString: () => "invalid" })).toEqual([{ at: [] }]);
  });
});

describe("isElementName()", () => {
  it("knows each element of each version, and nothing else", () => {
    const types = dirname(createRequire(import.meta.url).resolve("@types/fhir/package.json"));
    const names = new Set<string>();
    for (const version of ["r2", "r3", "r4"]) {
      const text = readFileSync(join(types, `${version}.d.ts`), "utf8");
      for (const [, name = ""] of text.matchAll(/^\s+([a-z][A-Za-z0-9]*)\??:/gm)) names.add(name);
      for (const [, name = ""] of text.matchAll(/readonly resourceType: '([A-Za-z]+)'/g)) names.add(name);
    }
    expect(names.size).toBeGreaterThan(2_000);
    expect([...names].filter((name) => !elementNames().has(name))).toEqual([]);
    expect([...elementNames()].filter((name) => !names.has(name))).toEqual([]);
  });
});
