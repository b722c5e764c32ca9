import { createServer } from "node:http";
import { createFhirClient, undiciTransport, type TokenSource } from "oneup-lifecycle";
import { expect, it } from "vitest";
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
  const fhir = createFhirClient({
    version: "r4",
    token,
    api,
    transport,
    timeoutMs: 300,
    retries: 0,
  });
  const [one, other] = [await fhir.attachment("1"), await fhir.attachment("2")];
  expect(await errorOf(fhir.attachment("3"))).toMatchObject({
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
