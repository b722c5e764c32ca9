import { fetchTransport } from "oneup-lifecycle";
import { expect, it } from "vitest";
import { hurriedClient, part } from "./exporting.ts";

it.each([
  ["Azure", "se=2026-01-01T00%3A00%3A00Z&sp=r&sig="],
  ["Amazon", "X-Amz-Date=20260101T000000Z&X-Amz-Signature="],
  ["CloudFront", "Expires=1767225600&Key-Pair-Id=K1&Signature="],
])("an export whose links differ in the query alone goes on with fresh signatures (%s)", async (_, how) => {
  let lists = 0;
  let valid = "";
  const transport = fetchTransport(async (input) => {
    const { url } = new Request(input);
    if (url.endsWith("$export")) {
      valid = `${how}s${++lists}`;
      const output = [1, 2].map((n) => ({ type: "Patient", url: `/get?file=${n}&${valid}` }));
      return Response.json({ output });
    }
    if (!url.endsWith(valid)) return new Response(null, { status: 403 });
    const file = new URL(url).searchParams.get("file");
    return new Response([1, 2].map((n) => `{"resourceType":"Patient","id":"${file}-${n}"}\n`).join(""));
  });
  const fhir = hurriedClient(transport);
  const { cursor, ids } = await part(fhir, {}, 3);
  const rest = await part(fhir, { cursor }, 9);
  expect([...ids, ...rest.ids]).toEqual(["1-1", "1-2", "2-1", "2-2"]);

  const all: string[] = [];
  for await (const { id = "" } of fhir.bulkExport()) {
    if (all.push(id) === 1) valid = "other"; // the links expire
  }
  expect(all).toEqual(["1-1", "1-2", "2-1", "2-2"]);
});
