import { describe, expect, it } from "vitest";
import { bearer, open } from "./support.ts";

const root = "/bulk-data/r4";

describe("sandbox/export", () => {
  it("gives a file and a job to the caller who asked for them, to others neither", async () => {
    const { sandbox, onboard, call } = await open({ exportKickOff: "job", exportMs: 0 });
    const ada = { headers: bearer((await onboard("ada")).access) };
    const bob = { headers: bearer((await onboard("bob")).access) };
    sandbox.addResources("ada", "r4", [{ resourceType: "Patient" }]);
    const begun = await call("GET", `${root}/$export`, ada);
    const job = new URL(begun.headers.get("content-location") ?? "").pathname;
    expect((await call("GET", job, bob)).status).toBe(404);
    expect((await call("DELETE", job, bob)).status).toBe(404);
    const listed = await call("GET", job, ada);
    const file = new URL(listed.body["output"][0].url).pathname;
    expect((await call("GET", file, bob)).status).toBe(404);
    expect((await call("GET", file, ada)).text).toContain('"Patient"');
  });

  it("lets a signed link be read without credentials", async () => {
    const { sandbox, onboard, call } = await open({ exportLinks: { origin: "http://files.example" } });
    const { access } = await onboard("ada");
    sandbox.addResources("ada", "r4", [{ resourceType: "Patient" }]);
    const listed = await call("GET", `${root}/$export`, { headers: bearer(access) });
    const { pathname, search } = new URL(listed.body["output"][0].url);
    expect((await call("GET", `${pathname}${search}`)).text).toContain('"Patient"');
  });

  it.each(["null", "1", "[]", "{}", '{"at":0}', '"text"', "no JSON"])(
    "knows no file and no job that is named %s",
    async (key) => {
      const { onboard, call } = await open({ exportKickOff: "job", exportMs: 1_000 });
      const { access } = await onboard("ada");
      const name = Buffer.from(key).toString("base64url");
      for (const path of [`jobs/${name}`, `$export/Patient/${name}.ndjson`])
        expect((await call("GET", `${root}/${path}`, { headers: bearer(access) })).status).toBe(404);
    },
  );
});
