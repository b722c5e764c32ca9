/** Bulk exports where something answers once in place of the server: a gateway, or the server in trouble. */
import { fetchTransport, TransportError, type FhirClient, type Transport } from "oneup-lifecycle";
import type { Fault } from "oneup-lifecycle/sandbox";
import { describe, expect, it } from "vitest";
import { all, errorOf } from "./ada.ts";
import { exporting, hurriedClient, part } from "./exporting.ts";

const page = "<!DOCTYPE html>\n<html><head><title>Back soon</title></head>\n<body>Try again</body></html>\n";
const outcome = (code: string): string =>
  `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"${code}"}]}\n`;

const hiccups: readonly (readonly [string, Fault])[] = [
  ["a page of several lines", { status: 200, headers: { "content-type": "text/html" }, body: page }],
  ["a page without a type", { status: 200, body: `\n${page}` }],
  ["an OperationOutcome of a trouble that passes", { status: 200, body: outcome("timeout") }],
];

const emptied: readonly (readonly [string, Fault])[] = [
  ["nothing", { status: 200, body: "" }],
  ["a cut answer", { response: "truncated" }],
];

describe("in place of the state of a job", () => {
  const job = { exportKickOff: "job", exportMs: 0 } as const;

  it.each([...hiccups, ...emptied])("%s is asked for once more", async (_, fault) => {
    const { fhir, world, ids } = await exporting(job);
    world.sandbox.fail({ call: "fhir.exportState", ...fault });
    expect((await all(fhir.bulkExport())).map(({ id }) => id)).toEqual(ids);
  });

  it("a page that stays is an error that can be tried again, and names its call", async () => {
    const { fhir, world } = await exporting(job);
    world.sandbox.fail({ call: "fhir.exportState", times: Infinity, status: 200, body: page });
    const error = await errorOf(all(fhir.bulkExport({ retries: 2 })));
    expect(error).toMatchObject({ code: "BAD_ANSWER", retryable: true, status: 200 });
    expect(error.failedCall).toMatchObject({ call: "fhirExportState", code: "html_page", attempt: 3 });
    expect(error.message).toContain("must hold a list of files in output; tried 3 times");
  });

  it("an OperationOutcome of a trouble that stays is final, with its issues", async () => {
    const { fhir, world } = await exporting(job);
    world.sandbox.fail({ call: "fhir.exportState", status: 200, body: outcome("forbidden") });
    expect(await errorOf(all(fhir.bulkExport()))).toMatchObject({
      code: "BAD_ANSWER",
      retryable: false,
      facts: { issues: [{ code: "forbidden" }] },
    });
    expect(world.sandbox.journal.count("fhir.exportState")).toBe(1);
  });
});

describe("in place of a file", () => {
  const ways = [true, false];

  describe.each(ways)("of a server that sends parts: %s", (exportRanges) => {
    it.each(hiccups)("%s is asked for once more, also in the middle of it", async (_, fault) => {
      const { another, fhir, world, ids } = await exporting({ exportRanges, exportFileSize: 5 });
      for (const most of [0, 1, 2, 4, 5]) {
        const { cursor } = await part(fhir, {}, most);
        world.sandbox.fail({ call: "fhir.exportFile", ...fault });
        expect((await part(another(), { cursor }, 99)).ids).toEqual(ids.slice(most));
        world.sandbox.fail({ call: "fhir.exportFile", drop: "body" });
        world.sandbox.fail({ call: "fhir.exportFile", skip: 1, ...fault });
        expect((await part(another(), {}, 99)).ids).toEqual(ids);
      }
    });
  });

  it("a page that stays is an error that can be tried again", async () => {
    const { fhir, world } = await exporting();
    world.sandbox.fail({ call: "fhir.exportFile", times: Infinity, status: 200, body: page });
    const error = await errorOf(all(fhir.bulkExport({ retries: 2 })));
    expect(error).toMatchObject({ code: "BAD_ANSWER", retryable: true });
    expect(error.message).toContain("a page of HTML came instead; tried 3 times");
  });

  it("an OperationOutcome of a trouble that stays is final", async () => {
    const { fhir, world } = await exporting();
    world.sandbox.fail({ call: "fhir.exportFile", status: 200, body: outcome("not-supported") });
    expect(await errorOf(all(fhir.bulkExport()))).toMatchObject({ code: "BAD_ANSWER", retryable: false });
  });
});

describe("a 204 in place of a file", () => {
  const line = '{"resourceType":"Patient","id":"p"}\n';

  /** A client of a server that answers so to each request for its files, in turn. */
  function clientOf(counts: readonly (number | undefined)[], answers: readonly string[]): FhirClient<"r4"> {
    const output = counts.map((count, index) => ({ type: "Patient", url: `/file${index}`, count }));
    const left = [...answers];
    return hurriedClient(
      fetchTransport(async (input) => {
        if (new Request(input).url.endsWith("$export")) return Response.json({ output });
        const text = left.shift() ?? "";
        return text === "" ? new Response(null, { status: 204 }) : new Response(text);
      }),
    );
  }

  it.each([[[0, 1]], [[undefined, 1]]])("is an empty file, of counts %j", async (counts) => {
    const fhir = clientOf(counts, ["", line]);
    expect((await all(fhir.bulkExport())).map(({ id }) => id)).toEqual(["p"]);
  });

  it("is a cut one if it has a count, or was begun before", async () => {
    expect(await all(clientOf([1], ["", line]).bulkExport())).toHaveLength(1);
    const error = await errorOf(all(clientOf([1], []).bulkExport({ retries: 1 })));
    expect(error).toMatchObject({ code: "BAD_ANSWER", retryable: true });
    expect(error.message).toContain("it was cut; tried 2 times");
    const { cursor } = await part(clientOf([undefined], [line + line, line + line]), {}, 1);
    const fhir = clientOf([undefined], ["", line + line, line + line]);
    expect((await part(fhir, { cursor }, 9)).ids).toHaveLength(1);
  });
});

describe("in place of the answer to a kick-off", () => {
  it.each([...hiccups, ...emptied])("%s may hide an export, so it is not sent again", async (_, fault) => {
    const { fhir, world, ids } = await exporting();
    world.sandbox.fail({ call: "fhir.export", ...fault });
    const exported = fhir.bulkExport();
    const error = await errorOf(exported.start());
    expect(error).toMatchObject({ code: "BAD_ANSWER", retryable: true, status: 200 });
    expect(error.message).toMatch(/; an export may have begun, and the next start begins another one$/);
    expect(world.sandbox.journal.count("fhir.export")).toBe(1);
    expect((await all(exported)).map(({ id }) => id)).toEqual(ids);
  });

  it("a refusal, and no connection, begin none", async () => {
    const { fhir, world } = await exporting();
    const transport: Transport = {
      send: () => Promise.reject(new TransportError("down", { sent: false, code: "ECONNREFUSED" })),
    };
    const errors = [await errorOf(hurriedClient(transport).bulkExport().start())];
    for (const status of [400, 403, 429]) {
      world.sandbox.fail({ call: "fhir.export", status, body: outcome("forbidden") });
      errors.push(await errorOf(fhir.bulkExport({ retries: 0 }).start()));
    }
    const codes = ["UNAVAILABLE", "FHIR_REFUSED", "FORBIDDEN", "RATE_LIMITED"];
    expect(errors.map(({ code }) => code)).toEqual(codes);
    for (const { message } of errors) expect(message).not.toContain("begun");
  });
});
