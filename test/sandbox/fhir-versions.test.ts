import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { asJson, bearer, openWithUser } from "./support.ts";

const digits =
  '{ "resourceType" : "Observation", "id":"mine", "meta":{"versionId":"9"},\n "status":"final", "code":{},' +
  ' "valueQuantity":{"value":1.50},' +
  ' "component":[{"valueQuantity":{"value":1.0e-3}},{"valueQuantity":{"value":0.10000000000000000055}}],' +
  ' "note":[{"text":"a \\"quoted\\" \\\\ {brace} [1.50] \\u00e9"}], "subject":{"x":-0.0, "y":12345678901234567890} }';

/** The text of a resource without what the server sets. */
function unset(text: string): string {
  return text
    .replaceAll(/"(?:id|meta)":(?:"[^"]*"|\{[^}]*\}),?/g, "")
    .replaceAll(/\s+(?=[":[{}])|(?<=[:,{])\s+/g, "");
}

describe("sandbox/fhir versions", () => {
  it("a resource comes back with the digits that were sent, by every way", async () => {
    const { fhir, ada, url } = await openWithUser();
    const created = await fhir("POST", "/r4/Observation", digits);
    const { id } = created.body;
    const updated = await fhir("PUT", `/r4/Observation/${id}`, digits.replace("mine", id));
    expect(unset(updated.text)).toBe(unset(digits));
    for (const path of [`/${id}`, `/${id}/_history/1`, "", "?status=final", `/${id}/_history`]) {
      const { text } = await fhir("GET", `/r4/Observation${path}`);
      expect(unset(text)).toContain(unset(digits));
    }
    expect(created.text).not.toContain("mine");
    const answer = await fetch(`${url}/r4/Observation/${id}`, { headers: bearer(ada.access) });
    expect(await answer.json()).toMatchObject({ id, meta: { versionId: "2" }, subject: { x: -0 } });
  });

  it("any JSON comes back, however it was written", async () => {
    const { sandbox } = await openWithUser();
    const members = fc.dictionary(fc.string(), fc.jsonValue());
    fc.assert(
      fc.property(members, fc.constantFrom("", " ", "\n\t"), (object, indent) => {
        const resource = { ...object, resourceType: "Basic", id: "mine", meta: [] };
        const sent = JSON.stringify(resource, undefined, indent);
        const [id = ""] = sandbox.addResources("ada", "r4", [sent]);
        const text = sandbox.snapshot().resources.at(-1)?.revisions[0]?.text ?? "";
        expect(JSON.parse(text)).toEqual({
          ...JSON.parse(sent),
          id,
          meta: expect.objectContaining({ versionId: "1" }),
        });
        sandbox.reset();
        sandbox.createUser("ada");
      }),
      { numRuns: 200 },
    );
  });

  it("a number of many digits keeps them all, and of a repeated name the last counts", async () => {
    const { fhir } = await openWithUser();
    const many = `0.${"1234567890".repeat(1000)}`;
    const { text } = await fhir(
      "POST",
      "/r4/Patient",
      `{"resourceType":"Patient","multipleBirthInteger":1,"multipleBirthInteger":${many}}`,
    );
    expect(text).toMatch(
      new RegExp(
        `^\\{"resourceType":"Patient","id":"\\w+","meta":\\{[^}]+\\},"multipleBirthInteger":${many}\\}$`,
      ),
    );
  });

  it("vread and history show what was, the newest first, deletion too", async () => {
    const { fhir } = await openWithUser({ deleted: 410 });
    const { body } = await fhir("POST", "/r4/Patient", { resourceType: "Patient", language: "1" });
    const path = `/r4/Patient/${body["id"]}`;
    await fhir("PUT", path, { resourceType: "Patient", language: "2" });
    await fhir("DELETE", path);
    expect([(await fhir("GET", path)).status, (await fhir("PUT", path, body)).status]).toEqual([410, 410]);
    expect((await fhir("GET", `${path}/_history/1`)).body).toEqual(body);
    expect((await fhir("GET", `${path}/_history/2`)).body["language"]).toBe("2");
    expect((await fhir("GET", `${path}/_history/3`)).status).toBe(410);
    expect((await fhir("GET", `${path}/_history/4`)).status).toBe(404);
    const history = (await fhir("GET", `${path}/_history`)).body;
    expect([history["type"], history["total"]]).toEqual(["history", 3]);
    expect(history["entry"].map((one: any) => [one.request.method, one.resource?.language])).toEqual([
      ["DELETE", undefined],
      ["PUT", "2"],
      ["POST", "1"],
    ]);
    expect((await fhir("GET", "/r4/Patient")).body["total"]).toBe(0);
  });

  it("history pages by its links and keeps the last hundred versions", async () => {
    const { fhir, url } = await openWithUser();
    const { body } = await fhir("POST", "/r4/Patient", { resourceType: "Patient" });
    const path = `/r4/Patient/${body["id"]}`;
    for (let i = 0; i < 104; i++) await fhir("PUT", path, { resourceType: "Patient" });
    const seen: string[] = [];
    for (let next: string | undefined = `${path}/_history?_count=30`; next !== undefined;) {
      const page: Record<string, any> = (await fhir("GET", next.replace(url, ""))).body;
      seen.push(...page["entry"].map((one: any) => one.resource.meta.versionId));
      next = page["link"].find((link: any) => link.relation === "next")?.url;
    }
    expect(seen).toEqual(Array.from({ length: 100 }, (_, i) => String(105 - i)));
    expect((await fhir("GET", `${path}/_history/5`)).status).toBe(404);
  });

  it("ETag names the version, and If-Match guards an update with it", async () => {
    const { fhir, call, ada } = await openWithUser();
    const created = await fhir("POST", "/r4/Patient", { resourceType: "Patient" });
    expect(created.headers.get("etag")).toBe('W/"1"');
    const path = `/r4/Patient/${created.body["id"]}`;
    const put = (ifMatch: string) =>
      call("PUT", path, {
        headers: { ...bearer(ada.access), ...asJson, "if-match": ifMatch },
        body: '{"resourceType":"Patient"}',
      });
    expect((await put('W/"1"')).headers.get("etag")).toBe('W/"2"');
    const stale = await put('W/"1"');
    expect([stale.status, stale.body["issue"][0].code]).toEqual([412, "conflict"]);
    expect([(await put('"2"')).status, (await put("3")).status]).toEqual([200, 400]);
    expect((await fhir("GET", path)).headers.get("etag")).toBe('W/"3"');
  });

  it("ifMatch: an update of R4 must name its version where the server requires it", async () => {
    const { fhir } = await openWithUser({ ifMatch: "required" });
    for (const [version, status] of [
      ["r4", 400],
      ["stu3", 200],
    ] as const) {
      const { body } = await fhir("POST", `/${version}/Patient`, { resourceType: "Patient" });
      const path = `/${version}/Patient/${body["id"]}`;
      expect((await fhir("PUT", path, { resourceType: "Patient" })).status).toBe(status);
    }
  });

  it("history and vread wait out the read lag", async () => {
    const { fhir, sandbox } = await openWithUser({ readLagMs: 500 });
    const [id] = sandbox.addResources("ada", "r4", [{ resourceType: "Patient" }]);
    await fhir("PUT", `/r4/Patient/${id}`, { resourceType: "Patient", language: "2" });
    const total = async () => (await fhir("GET", `/r4/Patient/${id}/_history`)).body["total"];
    expect([await total(), (await fhir("GET", `/r4/Patient/${id}/_history/2`)).status]).toEqual([1, 404]);
    sandbox.clock.advance(500);
    expect([await total(), (await fhir("GET", `/r4/Patient/${id}/_history/2`)).status]).toEqual([2, 200]);
  });
});
