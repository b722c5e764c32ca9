import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { elementsOf } from "../../src/sandbox/fhir/elements-of.ts";
import { r4ElementsSource } from "./r4-elements.ts";

it("the table of R4 elements is what `npm run elements` makes", () => {
  const path = new URL("../../src/sandbox/fhir/r4-elements.ts", import.meta.url);
  expect(readFileSync(path, "utf8")).toBe(r4ElementsSource());
});

it("an element has its kind, and is a list or required as FHIR says", () => {
  const elements = elementsOf("Observation");
  const plain = { kind: "object", isList: false, isPadded: false, isRequired: false };
  expect(elements?.get("code")).toEqual({ ...plain, isRequired: true });
  expect(elements?.get("category")).toEqual({ ...plain, isList: true });
  expect(elements?.get("status")).toEqual({ ...plain, kind: "string", isPadded: true, isRequired: true });
  expect(elements?.get("valueInteger")).toEqual({ ...plain, kind: "number", isPadded: true });
  expect(elements?.get("valueBoolean")).toEqual({ ...plain, kind: "boolean", isPadded: true });
  expect([elements?.has("id"), elements?.has("contained"), elements?.has("valueInt")]).toEqual([
    true,
    true,
    false,
  ]);
  expect([elementsOf("Bundle")?.has("id"), elementsOf("Bundle")?.has("contained")]).toEqual([true, false]);
  expect(elementsOf("Hobbit")).toBeUndefined();
});
