/** What the tests of attachments need: a Binary of ada, a client whose calls are noted, and servers of any kind. */
import { createHash } from "node:crypto";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import {
  createFhirClient,
  fetchTransport,
  undiciTransport,
  type FhirAttachment,
  type FhirClient,
  type Transport,
} from "oneup-lifecycle";
import type { Behaviour } from "oneup-lifecycle/sandbox";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { afterwards } from "../support/scene.ts";
import { all } from "./ada.ts";

/** All bytes, in an order that no piece of base64 repeats, longer than several pieces. */
export const content = Buffer.from(
  Array.from({ length: 300_007 }, (_, index) => (index * 7 + (index >> 8)) % 256),
);
export const data = content.toString("base64");
export const hash = createHash("sha1").update(content).digest("base64");
export const contentType = "application/pdf";
export const base = "https://api.1up.health/r4";

export interface Here {
  readonly fhir: FhirClient<"r4">;
  readonly id: string;
  readonly sent: readonly { readonly url: string; readonly headers: Headers }[];
  readonly sandbox: Awaited<ReturnType<typeof createTestLifecycle>>["sandbox"];
}

/** A Binary of ada, and a client whose calls are noted. */
export async function withBinary(behaviour: Partial<Behaviour> = {}, whole = false): Promise<Here> {
  const { lifecycle, sandbox } = await createTestLifecycle({ sandbox: behaviour });
  await lifecycle.onboard("ada");
  const [id = ""] = sandbox.addResources("ada", "r4", [{ resourceType: "Binary", contentType, data }]);
  const sent: { url: string; headers: Headers }[] = [];
  const { send, stream } = fetchTransport((input, init) => {
    const request = new Request(input, init);
    sent.push({ url: request.url, headers: request.headers });
    return sandbox.fetch(request);
  });
  const fhir = createFhirClient({
    version: "r4",
    token: { get: () => lifecycle.accessToken("ada") },
    transport: { send, ...(!whole && stream !== undefined && { stream }) },
    retries: 0,
  });
  return { fhir, id, sent, sandbox };
}

export async function read(file: FhirAttachment): Promise<Buffer> {
  return Buffer.concat(await all(file));
}

/** A client of a server that answers as `listener` does. */
export async function against(
  listener: RequestListener,
  timeoutMs?: number,
): Promise<{ fhir: FhirClient<"r4">; origin: string }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  afterwards(() => {
    server.closeAllConnections();
    server.close();
  });
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // it listens on a port
  const transport: Transport = undiciTransport();
  afterwards(async () => transport.close?.());
  const fhir = createFhirClient({
    version: "r4",
    api: origin,
    token: { get: () => "token", rejected: async () => "new" },
    transport,
    timeoutMs,
    retries: 0,
  });
  return { fhir, origin };
}
