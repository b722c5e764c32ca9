import fc from "fast-check";
import type { Observation, Quantity } from "fhir/r4.js";
import { parse } from "lossless-json";
import { digitsOf, parseFhirJson, stringifyFhirJson } from "oneup-lifecycle";
import { describe, expect, it } from "vitest";
import { fhirVersions } from "../../src/fhir/fhir-version.ts";
import { thorough } from "../support/effort.ts";
import { ada, withAda } from "./ada.ts";
import { awkwardDecimals, corpus } from "./corpus.ts";

describe("parseFhirJson() and stringifyFhirJson()", () => {
  it.each(awkwardDecimals)("keep %s, while the application sees a number", (digits) => {
    const text = `{"value":${digits},"list":[[${digits}],${digits}]}`;
    const parsed = parseFhirJson(text) as Quantity;
    expect(parsed).toEqual(JSON.parse(text));
    expect(stringifyFhirJson(parsed)).toBe(text);
    expect(digitsOf(parsed, "value")).toBe(digits);
  });

  it("find numbers after any space, under any name, and as often as an object has some", () => {
    const text =
      '{ "a\\"b\\u0063" : [ 1 , { "x" : "1.0, {[" , "" : 2.0 , "y" : [ [ ] , -0 , 1e2 ] } ] , "z" : 3.0 }';
    expect(stringifyFhirJson(parseFhirJson(text))).toBe(
      '{"a\\"bc":[1,{"x":"1.0, {[","":2.0,"y":[[],-0,1e2]}],"z":3.0}',
    );
  });

  it("write a number that was changed as it is now, and one that was put back as it was", () => {
    const parsed = parseFhirJson('{"a":1.50,"b":1.50}') as { a?: number; b?: number };
    parsed.a = 1.6;
    expect(stringifyFhirJson(parsed)).toBe('{"a":1.6,"b":1.50}');
    parsed.a = 1.5;
    expect(stringifyFhirJson(parsed)).toBe('{"a":1.50,"b":1.50}');
    delete parsed.b;
    expect(stringifyFhirJson(parsed)).toBe('{"a":1.50}');
  });

  it("keep digits in what is shared with a copy, and lose them in what is copied; through text nothing is lost", () => {
    const text = '{"valueQuantity":{"value":1.50},"factor":2.0}';
    const parsed = parseFhirJson(text) as { valueQuantity: Quantity; factor: number };
    expect(stringifyFhirJson({ ...parsed, status: "final" })).toBe(
      '{"valueQuantity":{"value":1.50},"factor":2,"status":"final"}',
    );
    expect(stringifyFhirJson(structuredClone(parsed))).toBe('{"valueQuantity":{"value":1.5},"factor":2}');
    expect(stringifyFhirJson(parseFhirJson(stringifyFhirJson(parsed) ?? ""))).toBe(text);
  });

  it("do what JSON does with everything else", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        expect(parseFhirJson(text)).toEqual(JSON.parse(text));
        expect(stringifyFhirJson(parseFhirJson(text))).toBe(JSON.stringify(JSON.parse(text)));
      }),
      { numRuns: thorough ? 500 : 150 },
    );
    for (const value of [
      undefined,
      () => 1,
      { a: undefined, b: [undefined], c: new Date(0) },
      null,
      Object.assign([], { 2: 1 }),
    ]) {
      expect(stringifyFhirJson(value)).toBe(JSON.stringify(value));
    }
    for (const text of ["", "{", "[1.50,]", '{"a":1.50} x', "01.50"]) {
      expect(() => parseFhirJson(text)).toThrow(SyntaxError);
    }
    expect(parseFhirJson('\ufeff{"a":1.50}')).toEqual({ a: 1.5 });
    expect(stringifyFhirJson(parseFhirJson('{"a":1.50,"a":2.50}'))).toBe('{"a":2.50}'); // the last one counts
  });

  it("do what JSON does with everything else beside remembered digits, too", () => {
    const quantity = parseFhirJson('{"value":1.50}');
    const circle: Record<string, unknown> = { quantity };
    circle["self"] = circle;
    expect(() => stringifyFhirJson(circle)).toThrow(TypeError);
    expect(() => stringifyFhirJson({ quantity, count: 10n })).toThrow(TypeError);
    const list = Object.assign([1, 2], { toJSON: () => "list" });
    const keyed = { toJSON: (key: string) => key };
    expect(stringifyFhirJson({ quantity, list, keyed })).toBe(
      '{"quantity":{"value":1.50},"list":"list","keyed":"keyed"}',
    );
  });

  it("keep the digits of numbers at any place, under any name", () => {
    const digits = fc.constantFrom("1.50", "-0", "1e3", "2", "0.1", "12345678901234567890");
    const name = fc.constantFrom(
      "a",
      String.raw`b\"c`,
      String.raw`\u00e9`,
      "__proto__",
      "0",
      "",
      "{[",
      "1.50,",
    );
    const { tree } = fc.letrec<{ tree: string }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 5 },
        digits,
        fc.constantFrom('"1.50"', "null", "[]", "{}", String.raw`"\\"`),
        fc.array(tie("tree"), { maxLength: 4 }).map((all) => `[${all.join(",")}]`),
        fc
          .uniqueArray(fc.tuple(name, tie("tree")), { maxLength: 4, selector: ([key]) => key })
          .map((all) => `{${all.map(([key, value]) => `"${key}":${String(value)}`).join(",")}}`),
      ),
    }));
    fc.assert(
      fc.property(tree, (text) => {
        const parsed = parseFhirJson(text);
        expect(parsed).toEqual(JSON.parse(text));
        if (typeof parsed !== "object") return;
        expect(parse(stringifyFhirJson(parsed) ?? "")).toEqual(parse(text));
      }),
      { numRuns: thorough ? 2_000 : 300 },
    );
    expect(stringifyFhirJson(parseFhirJson('{"a":{"b":1.50},"a":{"b":2}}'))).toBe('{"a":{"b":2}}');
    expect(stringifyFhirJson(parseFhirJson('{"a":[1.50],"a":7}'))).toBe('{"a":7}');
  });

  it("read whatever is nested deeper than it could be written", () => {
    const deep = `${"[".repeat(50_000)}1.50${"]".repeat(50_000)}`;
    expect(parseFhirJson(deep)).toBeInstanceOf(Array);
  });

  it("read texts of any length, whatever they hold", () => {
    for (const long of ["a".repeat(8_000_000), '\\"1.50,'.repeat(500_000)]) {
      const text = `{"data":${JSON.stringify(long)},"value":1.50}`;
      const parsed = parseFhirJson(text) as { data: string };
      expect(parsed.data === long).toBe(true);
      expect(stringifyFhirJson(parsed) === text).toBe(true);
    }
  });

  it("digitsOf() tells only of numbers that are there", () => {
    const parsed = parseFhirJson('{"a":1.50,"b":2,"c":"3.50","d":[4.0]}') as Record<string, unknown>;
    expect(["a", "b", "c", "e"].map((name) => digitsOf(parsed, name))).toEqual([
      "1.50",
      "2",
      undefined,
      undefined,
    ]);
    expect(digitsOf(parsed["d"] as number[], 0)).toBe("4.0");
    parsed["a"] = 3;
    expect(digitsOf(parsed, "a")).toBe("3");
  });
});

const size = thorough ? 100 : 25;

describe("read(), update(), read()", () => {
  it.each(fhirVersions)(
    `leave ${size} resources of %s as they were, in value and in digits on the wire`,
    async (version) => {
      const { fhir, lifecycle, sandbox, server } = await withAda(version);
      const texts = corpus(version, size, 20_261_125);
      const ids = sandbox.addResources(ada, version, texts);
      const authorization = `Bearer ${await lifecycle.accessToken(ada)}`;
      for (const [index, text] of texts.entries()) {
        const { resourceType } = JSON.parse(text) as { resourceType: "Basic" };
        const id = ids[index] ?? "";
        const read: object = await fhir.read(resourceType, id);
        await fhir.update(read as never); // of whatever type it is
        const answer = await fetch(`${server.url}/${version}/${resourceType}/${id}`, {
          headers: { authorization },
        });
        const after = await answer.text();
        expect(without(after)).toEqual(without(text));
        expect(JSON.parse(after)).toMatchObject({ meta: { versionId: "2" } });
      }
    },
  );

  it("drop them where lossless is false", async () => {
    const { lifecycle, sandbox } = await withAda("r4");
    const [id = ""] = sandbox.addResources(ada, "r4", [
      '{"resourceType":"Observation","status":"final","code":{},"valueQuantity":{"value":1.50}}',
    ]);
    const fhir = lifecycle.fhir(ada, "r4", { lossless: false });
    await fhir.update(await fhir.read("Observation", id));
    const { valueQuantity = {} } = await lifecycle.fhir(ada, "r4").read("Observation", id);
    expect(digitsOf(valueQuantity, "value")).toBe("1.5");
  });

  it("keep digits through a search and a create, too", async () => {
    const { fhir, lifecycle, sandbox, server } = await withAda("r4");
    sandbox.addResources(ada, "r4", [
      '{"resourceType":"Observation","status":"final","code":{},"valueQuantity":{"value":1.50}}',
    ]);
    const found: Observation[] = [];
    for await (const one of fhir.searchAll("Observation")) found.push(one);
    const copy = await fhir.create<"Observation">({
      resourceType: "Observation",
      status: "amended",
      code: {},
      valueQuantity: found[0]?.valueQuantity ?? {},
    });
    expect(digitsOf(copy.valueQuantity ?? {}, "value")).toBe("1.50");
    const answer = await fetch(`${server.url}/r4/Observation/${copy.id}`, {
      headers: { authorization: `Bearer ${await lifecycle.accessToken(ada)}` },
    });
    expect(await answer.text()).toContain('"value":1.50');
  });
});

/** A resource with every digit, and without what the server sets. */
function without(text: string): object {
  const { id: _, meta: __, ...rest } = parse(text) as Record<string, unknown>;
  return rest;
}
