import { Buffer } from "node:buffer";
import { describe, expect, it } from "vitest";
import { cursorOf, placeAt } from "../../src/fhir/pages/cursor.ts";
import { pairsOf, type SearchParams } from "../../src/fhir/query.ts";
import { all, withAda } from "./ada.ts";

/** What a cursor of such a link holds, and the query to which it leads. */
function through(params: SearchParams, query: string): { readonly held: string; readonly query: string } {
  const search = { version: "r4", path: "/Patient", pairs: pairsOf("search", params) };
  const cursor = cursorOf(search, { path: "/Patient/_search", query });
  const held = Buffer.from(cursor, "base64url").toString();
  return { held, query: decodeURIComponent(placeAt(search, cursor).query) };
}

describe("a cursor", () => {
  it.each<[string, SearchParams, string, string]>([
    [
      "as it was sent",
      { family: "Samsa", birthdate: "1903-07-03" },
      "birthdate=1903-07-03&_skip=20&family=Samsa",
      "birthdate=1903-07-03&_skip=20&family=Samsa",
    ],
    [
      "in the server's form",
      { family: "Samsa", birthdate: "1903-07-03", _count: 50 },
      "birthdate=eq1903-07-03&family=samsa&_count=20&_skip=20",
      "birthdate=1903-07-03&family=Samsa&_count=20&_skip=20",
    ],
    [
      "in the server's form and in another order, one of a name as it was sent",
      { _id: "samsa", birthdate: ["ge1903-07-03", "lt1903-07-04"] },
      "birthdate=lt1903-07-04&birthdate=ge1903-07-03T00:00:00Z&_id=Patient/samsa&_after=9",
      "birthdate=ge1903-07-03&birthdate=lt1903-07-04&_id=samsa&_after=9",
    ],
    [
      "in the server's form, beside a page that was asked for too",
      { family: "Samsa", page: 1, _skip: 0 },
      "family=samsa&page=2&_skip=10&_format=json",
      "family=Samsa&page=2&_skip=10&_format=json",
    ],
  ])("holds no value of the search that a link has %s, and leads to its page", (_, params, link, query) => {
    const to = through(params, link);
    expect(to.held).not.toMatch(/samsa|1903/i);
    expect(to.query).toBe(query);
  });

  it.each<[string, SearchParams, string]>([
    ["one more of a name", { date: "ge2026" }, "date=ge2026&date=gt2026-03-07"],
    ["another value", { date: "ge2026", _count: 50 }, "date=gt2026-03-07&_count=20&_format=json"],
  ])("keeps %s that tells the page", (_, params, link) => {
    expect(through(params, link).query).toBe(link);
  });

  it("goes on with a search by POST whose link has the values in the server's form", async () => {
    const { fhir, sandbox } = await withAda("r4");
    for (const family of ["Samsa", "Samsa", "Bloom"])
      await fhir.create({ resourceType: "Patient", name: [{ family }] });
    const params = { family: "Samsa", _count: 1 };
    const [, last] = await all(fhir.searchAll("Patient", params));
    const url = "Patient/_search?family=samsa&_count=1&_skip=1";
    const body = { resourceType: "Bundle", type: "searchset", link: [{ relation: "next", url }] };
    sandbox.fail({ call: "fhir.search", status: 200, body });
    const { nextCursor } = await fhir.search("Patient", params, { method: "POST" });
    const next = await fhir.search("Patient", params, { method: "POST", cursor: nextCursor });
    expect(next.resources).toEqual([last]);
  });
});
