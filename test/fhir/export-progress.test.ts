import { fetchTransport } from "oneup-lifecycle";
import { expect, it } from "vitest";
import { hurriedClient } from "./exporting.ts";

it("the progress of an export of many files costs no look at each of them", async () => {
  let looks = 0;
  const types: string[] = Object.assign(["Patient"], {
    some(test: (type: string) => boolean) {
      looks++;
      return test("Patient");
    },
  });
  const output = Array.from({ length: 100 }, (_, index) => ({ type: "Patient", url: `/file${index}` }));
  const fhir = hurriedClient(fetchTransport(async () => Response.json({ output })));
  const exported = fhir.bulkExport({ types: types as "Patient"[] });
  await exported.files();
  for (let asked = 0; asked < 100; asked++) expect(exported.progress.files).toBe(100);
  expect(looks).toBe(100);
});
