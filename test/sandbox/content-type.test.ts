import { describe, expect, it } from "vitest";
import { bearer, openWithUser } from "./support.ts";

const patient = { resourceType: "Patient" };

describe("the content type of a body", () => {
  it.each([
    ["application/json", 201],
    ["application/fhir+json; charset=utf-8; fhirVersion=4.0", 201],
    ["Application/JSON+FHIR", 201],
    ["text/plain", 415],
    ["application/x-www-form-urlencoded", 415],
    ["application/fhir+xml", 415],
    ["application/jsonp", 415],
  ])("%s of a resource is answered with %i", async (type, status) => {
    const { sandbox, call, ada } = await openWithUser();
    const [id] = sandbox.addResources("ada", "r4", [patient]);
    const headers = { ...bearer(ada.access), "content-type": type };
    const send = async (method: string, path: string, body: object): Promise<number> => {
      const answer = await call(method, path, { headers, body: JSON.stringify(body) });
      if (status === 415) expect(answer.body["resourceType"]).toBe("OperationOutcome");
      return answer.status;
    };
    const fine = status === 201 ? 200 : status;
    expect(await send("POST", "/r4/Patient", patient)).toBe(status);
    expect(await send("PUT", `/r4/Patient/${id}`, patient)).toBe(fine);
    expect(await send("POST", "/r4/Patient/$validate", patient)).toBe(fine);
    expect(await send("POST", "/r4", { resourceType: "Bundle", type: "batch" })).toBe(fine);
    expect(sandbox.snapshot().resources).toHaveLength(status === 201 ? 2 : 1);
  });

  it.each([
    ["application/x-www-form-urlencoded; charset=utf-8", "gender=male", 200],
    ["application/json", '{"gender":"male"}', 415],
    ["text/plain", "gender=male", 415],
    ["application/json", "", 200],
  ])("%s with %j of a search is answered with the third", async (type, body, status) => {
    const { sandbox, call, ada } = await openWithUser();
    sandbox.addResources("ada", "r4", [patient]);
    const headers = { ...bearer(ada.access), "content-type": type };
    const answer = await call("POST", "/r4/Patient/_search?gender=male", { headers, body });
    expect([answer.status, answer.body["total"]]).toEqual([status, status === 200 ? 0 : undefined]);
  });
});
