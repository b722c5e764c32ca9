import { createHash } from "node:crypto";
import { createLifecycle, type Lifecycle } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { createSandbox, type Fault, type Sandbox, type SandboxOptions } from "oneup-lifecycle/sandbox";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { afterwards } from "../support/scene.ts";

/** Longer than a piece, and no text. */
const content = Buffer.from(Array.from({ length: 100_003 }, (_, index) => (index * 7) % 256));
const hash = createHash("sha1").update(content).digest("base64");
const contentType = "application/pdf";

/** Reads a letter of ada, and tells how that ended. */
async function letter(lifecycle: Lifecycle, sandbox: Sandbox, fault?: Fault): Promise<unknown> {
  await lifecycle.onboard("ada");
  const binary = { resourceType: "Binary", contentType, data: content.toString("base64") };
  const [id] = sandbox.addResources("ada", "r4", [binary]);
  if (fault !== undefined) sandbox.fail(fault);
  try {
    const fhir = lifecycle.fhir("ada", "r4", { retries: 0 });
    const file = await fhir.attachment({ url: `Binary/${id}`, contentType, size: content.length, hash });
    const bytes = await file.bytes();
    return { type: file.contentType, size: file.size, isWhole: content.equals(bytes) };
  } catch (error) {
    const { code, retryable, message } = error as { code: string; retryable: boolean; message: string };
    return { code, retryable, message };
  }
}

/** The same in a test lifecycle and over HTTP. */
async function both(
  options: SandboxOptions,
  fault?: Fault,
): Promise<readonly [here: unknown, http: unknown]> {
  const here = await createTestLifecycle({ sandbox: options });
  afterwards(() => here.close());
  const sandbox = createSandbox(options);
  const server = await sandbox.listen();
  const { credentials } = sandbox;
  const lifecycle = await createLifecycle({ credentials, endpoints: server.endpoints, store: memory() });
  afterwards(async () => {
    await lifecycle.close();
    await server.close();
  });
  return [await letter(here.lifecycle, here.sandbox, fault), await letter(lifecycle, sandbox, fault)];
}

describe("an attachment in a test lifecycle", () => {
  it.each([
    ["negotiated", { isWhole: true }],
    ["json", { isWhole: true }],
    ["raw", { isWhole: true }],
    ["changed", { code: "BAD_ANSWER" }],
    ["short", { code: "BAD_ANSWER" }],
  ] as const)("is read as over HTTP where it comes %s", async (binary, outcome) => {
    const [here, http] = await both({ binary });
    expect(here).toMatchObject(outcome);
    expect(here).toEqual(http);
  });

  it.each<[string, Fault]>([
    ["is cut", { call: "fhir.read", drop: "body" }],
    ["is cut again and again", { call: "fhir.read", drop: "body", times: Infinity }],
    ["is lost", { call: "fhir.read", drop: "after" }],
    ["comes by half", { call: "fhir.read", response: "truncated" }],
    ["is refused", { call: "fhir.read", status: 503 }],
    ["is a page", { call: "fhir.read", response: "html" }],
  ])("ends as over HTTP where it %s", async (_, fault) => {
    const [here, http] = await both({}, fault);
    expect(here).toEqual(http);
  });

  it("comes late, in pieces, and is cut in the middle", async () => {
    const { lifecycle, sandbox, clock } = await createTestLifecycle();
    await lifecycle.onboard("ada");
    const [id = ""] = sandbox.addResources("ada", "r4", [
      { resourceType: "Binary", contentType, data: content.toString("base64") },
    ]);
    sandbox.fail({ call: "fhir.read", delayMs: 3_000 });
    const file = await lifecycle.fhir("ada", "r4").attachment(id);
    expect(clock.monotonic()).toBe(3_000);
    const pieces: Uint8Array[] = [];
    for await (const piece of file) pieces.push(piece);
    expect(pieces.map(({ length }) => length)).toEqual([65_536, content.length - 65_536]);
    sandbox.fail({ call: "fhir.read", drop: "body" });
    const again = await lifecycle.fhir("ada", "r4").attachment(id);
    expect(content.equals(await again.bytes())).toBe(true);
    expect(sandbox.journal.count("fhir.read")).toBe(3);
  });

  it("does not come to a process that has died", async () => {
    const world = await createTestLifecycle();
    await world.lifecycle.onboard("ada");
    const [id = ""] = world.sandbox.addResources("ada", "r4", [
      { resourceType: "Binary", contentType, data: "aGVsbG8=" },
    ]);
    const file = await world.lifecycle.fhir("ada", "r4").attachment(id);
    const came: unknown[] = [];
    const reader = file.stream().getReader();
    await world.crash();
    void reader.read().then((piece) => came.push(piece));
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(came).toEqual([]);
  });
});
