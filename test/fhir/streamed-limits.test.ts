/** Attachments and the files of exports are calls like any other: limits, pauses after a 429 and telemetry know them. */
import { fetchTransport, type FhirClient } from "oneup-lifecycle";
import type { Behaviour } from "oneup-lifecycle/sandbox";
import { createTestLifecycle, type TestLifecycle, type TestLifecycleOptions } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { afterwards, scene } from "../support/scene.ts";
import { all, errorOf } from "./ada.ts";
import { read } from "./attaching.ts";

const analytics = "https://analytics.1up.health/bulk-data";

interface Here extends TestLifecycle {
  readonly fhir: FhirClient<"r4">;
  readonly id: string;
}

async function withScan(
  behaviour: Partial<Behaviour> = {},
  options: TestLifecycleOptions["lifecycle"] = {},
): Promise<Here> {
  const world = await createTestLifecycle({ sandbox: behaviour, lifecycle: options });
  afterwards(() => world.close());
  await world.lifecycle.onboard("ada");
  const scan = { resourceType: "Binary", contentType: "image/png", data: "aGVsbG8=" };
  const [id = ""] = world.sandbox.addResources("ada", "r4", [scan]);
  return { ...world, fhir: world.lifecycle.fhir("ada", "r4", { analytics, retries: 0 }), id };
}

const throttled = { status: 429, headers: { "retry-after": "60" } } as const;

/** How many FHIR calls the sandbox has received. */
const received = ({ sandbox }: Here): number => sandbox.journal.entries().filter(isFhir).length;
const isFhir = ({ call }: { readonly call: string }): boolean => call.startsWith("fhir.");

describe("a 429", () => {
  it.each([
    ["an attachment", "fhir.read", async ({ fhir, id }: Here) => fhir.attachment(id)],
    ["a file of an export", "fhir.exportFile", async ({ fhir }: Here) => all(fhir.bulkExport())],
  ] as const)("for %s holds back all FHIR calls, and is its cause", async (_, call, get) => {
    const here = await withScan();
    const { sandbox, lifecycle, clock, fhir, id } = here;
    sandbox.fail({ call, ...throttled });
    const error = await errorOf(get(here));
    expect(error).toMatchObject({ code: "RATE_LIMITED", retryAfterMs: 60_000, failedCall: { status: 429 } });
    const { shut, endpoints } = await lifecycle.health();
    expect(shut).toMatchObject([{ gate: "fhir" }]);
    expect(endpoints.find(({ endpoint }) => endpoint === "fhir")?.lastFailure?.status).toBe(429);

    const before = received(here);
    for (const held of [
      () => fhir.read("Binary", id),
      () => fhir.attachment(id),
      () => all(fhir.bulkExport()),
    ])
      expect(await errorOf(held())).toMatchObject({ code: "RATE_LIMITED", failedCall: null });
    expect(received(here)).toBe(before);

    await clock.advance("61s");
    expect((await read(await fhir.attachment(id))).toString()).toBe("hello");
    expect(await all(fhir.bulkExport())).toHaveLength(1);
    expect((await lifecycle.health()).shut).toEqual([]);
  });

  it("for another call holds back a file, whose export goes on after it", async () => {
    const here = await withScan({ exportFileSize: 1 });
    const { sandbox, lifecycle, clock, id } = here;
    sandbox.addResources("ada", "r4", [{ resourceType: "Patient" }]);
    const found: string[] = [];
    const exported = lifecycle.fhir("ada", "r4", { analytics }).bulkExport();
    const running = (async () => {
      for await (const { resourceType } of exported) {
        if (found.push(resourceType) > 1) continue;
        sandbox.fail({ call: "fhir.read", ...throttled });
        await errorOf(here.fhir.read("Binary", id));
      }
    })();
    await clock.advance("30s");
    expect(found).toEqual(["Binary"]);
    await clock.advance("60s");
    await running;
    expect(found).toEqual(["Binary", "Patient"]);
  });

  it.each([true, false])(
    "of another host is that host's own (transport with streams: %s)",
    async (streams) => {
      const { sandbox, open } = await scene({ exportLinks: { origin: "https://files.example.net" } });
      const { send, stream } = fetchTransport(sandbox.fetch);
      const transport = { send, ...(streams && stream !== undefined && { stream }) };
      const lifecycle = await open({ transport });
      await lifecycle.onboard("ada");
      const [id = ""] = sandbox.addResources("ada", "r4", [{ resourceType: "Patient" }]);
      const fhir = lifecycle.fhir("ada", "r4", { analytics, retries: 0 });
      const exported = fhir.bulkExport();
      await exported.files();
      sandbox.fail({ call: "fhir.exportFile", ...throttled });
      expect(await errorOf(all(exported))).toMatchObject({ code: "RATE_LIMITED", retryAfterMs: 60_000 });
      const { shut, endpoints } = await lifecycle.health();
      expect(shut).toEqual([]);
      expect(endpoints.find(({ endpoint }) => endpoint === "fhir")?.lastFailure).toBeNull();
      sandbox.fail({ call: "fhir.read", ...throttled });
      expect(await errorOf(fhir.read("Patient", id))).toMatchObject({ code: "RATE_LIMITED" });
      expect(await all(exported)).toHaveLength(1);
    },
  );
});

describe("a limit of FHIR calls", () => {
  it("counts attachments and files of exports", async () => {
    const limits = { fhir: { calls: 3, windowMs: 60_000 } };
    const here = await withScan({}, { limits });
    const { fhir, id, clock } = here;
    await read(await fhir.attachment(id));
    expect(await all(fhir.bulkExport())).toHaveLength(1); // two calls: the list, and a file
    const before = received(here);
    const fourth = fhir.attachment(id);
    await clock.advance("30s");
    expect(received(here)).toBe(before);
    await clock.advance("31s");
    expect((await read(await fourth)).toString()).toBe("hello");
  });
});

describe("a refused token", () => {
  it("is replaced once for an attachment", async () => {
    const here = await withScan();
    const { sandbox, fhir, id, clock } = here;
    await clock.advance("2m");
    sandbox.fail({ call: "fhir.read", status: 401 });
    expect((await read(await fhir.attachment(id))).toString()).toBe("hello");
    expect(sandbox.journal.count("refreshToken")).toBe(1);
  });

  it("is not what a gateway's page with 401 means, which passes", async () => {
    const here = await withScan();
    const { sandbox, fhir, id, clock } = here;
    await clock.advance("2m");
    for (const call of ["fhir.read", "fhir.export", "fhir.exportFile"] as const)
      sandbox.fail({ call, status: 401, body: "<html>Log in</html>" });
    expect(await errorOf(fhir.attachment(id))).toMatchObject({ code: "BAD_ANSWER", retryable: true });
    expect(await errorOf(all(fhir.bulkExport()))).toMatchObject({ code: "BAD_ANSWER", retryable: true });
    expect(await all(fhir.bulkExport())).toHaveLength(1); // with fresh links
    expect(sandbox.journal.count("refreshToken")).toBe(0);
  });
});
