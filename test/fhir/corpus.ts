/**
 * Resources as text, with everything that JSON parsers like to lose: digits of decimals above all, but also deep nesting,
 * long strings, odd characters, and a value of every primitive type. The same ones from the same seed.
 */
import type { FhirVersion } from "oneup-lifecycle";

/** Decimals of which JavaScript keeps less than is written. */
export const awkwardDecimals: readonly string[] = [
  "1.50",
  "0.10",
  "100.0",
  "-0.0",
  "-0",
  "0.000",
  "1.000000000000000000000000000000",
  "0.1234567890123456789012345678",
  "123456789012345678901234.5",
  "9007199254740993",
  "-9223372036854775808",
  "1e3",
  "1E3",
  "1.0e-7",
  "1.50E+2",
  "0.0000000100",
  "1e400",
  "-1e400",
  "1e-400",
  "37.50",
];

/** And such that it keeps, which must stay as they are, too. */
const plainDecimals: readonly string[] = ["0", "1", "-1", "1.5", "0.1", "1e-7", "1e+21", "9007199254740991"];

/** One value of every primitive type, as JSON; most versions know most of them. */
const primitives: Readonly<Record<string, string>> = {
  valueBoolean: "true",
  valueInteger: "-2147483648",
  valuePositiveInt: "2147483647",
  valueUnsignedInt: "0",
  valueDecimal: "1.50",
  valueString: JSON.stringify('1.50, [2.50] {"a":3.50} \\ \u2028 \u{1f9d9} ß ﬀ \u0000'),
  valueMarkdown: '"# 1.50\\n\\n* [2.50, 3.50]\\n"',
  valueUri: '"urn:ietf:rfc:3986?a=1.50|b"',
  valueUrl: '"https://example.org/?q=%7C1.50"',
  valueCanonical: '"http://hl7.org/fhir/StructureDefinition/vitalsigns|4.0.1"',
  valueOid: '"urn:oid:1.2.3.10"',
  valueUuid: '"urn:uuid:c757873d-ec9a-4326-a141-556f43239520"',
  valueId: '"a-1.50"',
  valueCode: '"male"',
  valueBase64Binary: '"MS41MA=="',
  valueInstant: '"2017-05-26T12:00:41.230-04:00"',
  valueDate: '"2017-05"',
  valueDateTime: '"2017-05-26T12:00:41.10Z"',
  valueTime: '"12:00:41.50"',
};

/** Written by hand: what real ones look like, in each version. */
const byHand: Readonly<Record<FhirVersion, readonly string[]>> = {
  dstu2: [
    '{"resourceType":"Patient","name":[{"use":"official","text":"Bilbo Baggins","family":["Baggins"],"given":["Bilbo"]}],"gender":"male","birthDate":"1993-06-20"}',
    '{"resourceType":"Observation","status":"final","code":{"text":"Body weight"},"valueQuantity":{"value":70.0,"unit":"kg"},"referenceRange":[{"low":{"value":50.00},"high":{"value":1.2e2}}]}',
  ],
  stu3: [
    '{"resourceType":"Observation","status":"final","code":{"text":"Glucose"},"valueQuantity":{"value":6.30,"unit":"mmol/l","system":"http://unitsofmeasure.org","code":"mmol/L"},"component":[{"code":{"text":"a"},"valueRange":{"low":{"value":0.10},"high":{"value":0.1}}}]}',
    '{"resourceType":"Claim","total":{"value":125.00,"system":"urn:iso:std:iso:4217","code":"USD"},"item":[{"sequence":1,"factor":1.000,"unitPrice":{"value":62.50}}]}',
  ],
  r4: [
    '{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"29463-7"}]},"valueQuantity":{"value":185.0,"unit":"[lb_av]","value_":null}}',
    '{"resourceType":"ExplanationOfBenefit","status":"active","use":"claim","outcome":"complete","type":{"text":"oral"},"patient":{"reference":"Patient/1"},"created":"2014-08-16","insurer":{"display":"A"},"provider":{"display":"B"},"insurance":[{"focal":true,"coverage":{"display":"C"}}],"total":[{"amount":{"value":135.570,"currency":"USD"}},{"amount":{"value":96.0,"currency":"USD"}}],"item":[{"sequence":1,"factor":0.90,"net":{"value":135.57}}]}',
    '{"resourceType":"Location","position":{"longitude":-83.69471899999999999999,"latitude":42.256500}}',
  ],
};

/** `count` resources of a version. */
export function corpus(version: FhirVersion, count: number, seed: number): string[] {
  const dice = diceOf(seed);
  const made = Array.from({ length: count - byHand[version].length }, (_, index) => resource(index, dice));
  return [...byHand[version], ...made];
}

type Dice = (sides: number) => number;

function resource(index: number, dice: Dice): string {
  const extension = [
    ...Object.entries(primitives).map(([name, value]) => `{"url":"urn:${name}","${name}":${value}}`),
    nested(1 + dice(40), dice),
  ];
  const code = [
    `"text":${JSON.stringify(longText(dice))}`,
    `"constructor":${decimal(dice)}`, // names that objects have already
    `"__proto__":{"value":${decimal(dice)}}`,
    `"${index}":${decimal(dice)}`, // and one that they sort to the front
  ];
  const parts = [
    `"code":{${code.join(",")}}`,
    `"extension":[${extension.join(",")}]`,
    `"contained":[${Array.from({ length: dice(4) }, () => observation(dice)).join(",")}]`,
  ];
  return `{"resourceType":"Basic",${parts.join(",")}}`;
}

function observation(dice: Dice): string {
  const readings = Array.from({ length: 1 + dice(6) }, () => {
    const space = [" ", "\n", "", "\t"][dice(4)] ?? "";
    return `{"valueQuantity":{"value":${space}${decimal(dice)}${space},"unit":"mg/dL"}}`;
  });
  return `{"resourceType":"Observation","status":"final","code":{},"component":[${readings.join(",")}]}`;
}

function nested(levels: number, dice: Dice): string {
  if (levels === 0) return `{"url":"urn:end","valueDecimal":${decimal(dice)}}`;
  return `{"url":"urn:${levels}","extension":[${nested(levels - 1, dice)},{"url":"urn:list","n":[${decimal(dice)},[${decimal(dice)}]]}]}`;
}

function decimal(dice: Dice): string {
  const from = dice(3) === 0 ? plainDecimals : awkwardDecimals;
  const drawn = `${dice(1_000)}.${String(dice(1_000)).padStart(3, "0")}${"0".repeat(dice(4))}`;
  return dice(2) === 0 ? drawn : (from[dice(from.length)] ?? drawn);
}

function longText(dice: Dice): string {
  const words = [
    "1.50",
    "Grüße",
    "\u{1f468}\u200d\u2695\ufe0f",
    '"quoted"',
    "\\",
    "[1.0]",
    "\t",
    "a",
    "漢字",
    "e\u0301",
  ];
  return Array.from({ length: dice(dice(20) === 0 ? 20_000 : 40) }, () => words[dice(words.length)]).join(
    " ",
  );
}

/** Throws: a small generator (mulberry32), so that a seed says it all. */
function diceOf(seed: number): Dice {
  let state = seed;
  return (sides) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * sides) | 0;
  };
}
