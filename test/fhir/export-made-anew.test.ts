import { fetchTransport, type FhirClient } from "oneup-lifecycle";
import { describe, expect, it } from "vitest";
import { errorOf } from "./ada.ts";
import { hurriedClient, part } from "./exporting.ts";

/** Lines of the same length, as those of a device. */
function lineOf(number: number): string {
  return `{"resourceType":"Observation","id":"${1_000 + number}","status":"final"}\n`;
}

/** A server with one file, and no strong ETag. */
function serving(lines: () => readonly string[], hasRanges: boolean): FhirClient<"r4"> {
  const transport = fetchTransport(async (url, init) => {
    const request = new Request(url, init);
    if (request.url.endsWith("$export"))
      return Response.json({ output: [{ type: "Observation", url: "/file" }] });
    const file = Buffer.from(lines().join(""));
    const range = hasRanges ? /^bytes=(\d+)-$/.exec(request.headers.get("range") ?? "")?.[1] : undefined;
    if (range === undefined) return new Response(file);
    const from = { "content-range": `bytes ${range}-${file.length - 1}/${file.length}` };
    return new Response(file.subarray(Number(range)), { status: 206, headers: from });
  });
  return hurriedClient(transport);
}

describe.each([true, false])("a file of an export (with ranges: %s)", (hasRanges) => {
  it("that was made anew with lines of the same length is not taken for the one of before", async () => {
    let numbers = Array.from({ length: 20 }, (_, number) => number);
    const fhir = serving(() => numbers.map(lineOf), hasRanges);
    const { cursor, ids } = await part(fhir, {}, 10);
    numbers = [...numbers.slice(5), 20, 21, 22, 23, 24]; // five were deleted, five are new
    expect(await errorOf(part(fhir, { cursor }, 99))).toMatchObject({
      code: "BAD_ANSWER",
      retryable: false,
      message: "Cannot read the file of an export: it has changed since it was begun",
    });
    numbers = Array.from({ length: 30 }, (_, number) => number);
    expect([...ids, ...(await part(fhir, { cursor }, 99)).ids]).toEqual(numbers.map((n) => `${1_000 + n}`));
  });

  it("goes on from a cursor that does not tell the last line", async () => {
    const fhir = serving(() => [0, 1, 2, 3].map(lineOf), hasRanges);
    const { cursor = "" } = await part(fhir, {}, 2);
    const parts = JSON.parse(Buffer.from(cursor, "base64url").toString()) as unknown[];
    const earlier = Buffer.from(JSON.stringify(parts.slice(0, 8))).toString("base64url");
    expect((await part(fhir, { cursor: earlier }, 99)).ids).toEqual(["1002", "1003"]);
  });
});
