import { createServer } from "node:http";
import { Readable } from "node:stream";
import { createFhirClient, fetchTransport, undiciTransport, type TokenSource } from "oneup-lifecycle";
import { manualClock } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { afterwards } from "../support/scene.ts";
import { errorOf } from "./ada.ts";

it("attachment() tells that others are open and not read, if they hold all connections", async () => {
  const server = createServer((_, response) => {
    response.setHeader("content-type", "application/pdf").write(Buffer.alloc(1_000));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  afterwards(() => void server.close());
  afterwards(() => server.closeAllConnections());
  const transport = undiciTransport({ connections: 2 });
  afterwards(() => transport.close?.());
  const { port } = server.address() as { readonly port: number };
  const api = `http://127.0.0.1:${port}`;
  const token: TokenSource = { get: async () => "token" };
  const common = { version: "r4", token, api, transport, retries: 0 } as const;
  const fhir = createFhirClient(common);
  const [one, other] = [await fhir.attachment("1"), await fhir.attachment("2")];
  expect(await errorOf(createFhirClient({ ...common, timeoutMs: 300 }).attachment("3"))).toMatchObject({
    code: "UNAVAILABLE",
    retryable: true,
    message: expect.stringMatching(/as 2 answers are open and not read to the end; read or cancel them/),
    failedCall: { code: "ANSWERS_UNREAD" },
  });
  one.cancel();
  const third = await fhir.attachment("3"); // its connection is free
  third.cancel();
  other.cancel();
});

describe("an attachment whose reading is begun and goes no further", () => {
  /** A client of a server that never ends the body, its clock, and how many bodies are open. */
  function endless() {
    let open = 0;
    const transport = fetchTransport(async () => {
      open++;
      const body = new ReadableStream<Uint8Array>({
        pull: (controller) => controller.enqueue(Buffer.alloc(1_000)),
        cancel: () => void open--,
      });
      return new Response(body, { headers: { "content-type": "application/pdf" } });
    });
    const clock = manualClock();
    const token: TokenSource = { get: async () => "token" };
    const fhir = createFhirClient({ version: "r4", token, transport, clock, retries: 0 });
    return { fhir, clock, open: () => open };
  }

  it.each(["stream", "loop"])("loses its connection after a minute (%s)", async (how) => {
    const { fhir, clock, open } = endless();
    const file = await fhir.attachment("1");
    const next = ((reader) => ("read" in reader ? () => reader.read() : () => reader.next()))(
      how === "stream" ? file.stream().getReader() : file[Symbol.asyncIterator](),
    );
    expect(open()).toBe(1);
    await clock.advance(61_000);
    await expect.poll(open).toBe(0);
    expect(await errorOf(Promise.resolve(next()))).toMatchObject({
      code: "UNAVAILABLE",
      retryable: true,
      message: expect.stringContaining("its reading must begin within 60000 ms"),
    });
  });

  it("loses its connection after a minute in which no further piece is asked for, and the error tells that", async () => {
    const { fhir, clock, open } = endless();
    const pieces = (await fhir.attachment("1"))[Symbol.asyncIterator]();
    expect(await pieces.next()).toMatchObject({ done: false });
    await clock.advance(61_000);
    await expect.poll(open).toBe(0);
    const ended = async (): Promise<void> => {
      for (let done: boolean | undefined = false; done !== true;) ({ done } = await pieces.next());
    };
    expect(await errorOf(ended())).toMatchObject({
      code: "UNAVAILABLE",
      retryable: true,
      message: expect.stringContaining("no piece of it was asked for within 60000 ms"),
    });
  });

  it("loses its connection at once if a stream made of it is destroyed", async () => {
    const { fhir, open } = endless();
    const stream = Readable.from(await fhir.attachment("1"));
    stream.on("error", () => {});
    stream.destroy(new Error("the response is over"));
    await expect.poll(open).toBe(0);
  });
});
