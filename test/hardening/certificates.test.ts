import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { createServer as createPlainServer } from "node:net";
import { TLSSocket } from "node:tls";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { start } from "../support/started.ts";

/** A self-signed certificate, valid for "localhost" until 2126. */
const fixture = (name: string): Buffer =>
  readFileSync(new URL(`./fixtures/self-signed.${name}.pem`, import.meta.url));

/** A server that agrees to TLS as PostgreSQL does; its port. */
async function likePostgres(): Promise<number> {
  const server = createPlainServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => {
      socket.write("S");
      const secured = new TLSSocket(socket, { isServer: true, cert: fixture("cert"), key: fixture("key") });
      secured.on("error", () => {}); // a careful client hangs up
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  return typeof address === "object" ? (address?.port ?? 0) : 0;
}

describe("certificates", () => {
  it("are checked although NODE_TLS_REJECT_UNAUTHORIZED=0 switches that off for the rest of the process", async () => {
    const methods: (string | undefined)[] = [];
    const server = createServer({ cert: fixture("cert"), key: fixture("key") }, (request, response) => {
      methods.push(request.method);
      response.end("{}");
    });
    server.on("tlsClientError", () => {});
    await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
    onTestFinished(() => void server.close());
    const address = server.address();
    const port = typeof address === "object" ? address?.port : undefined;
    const postgresPort = await likePostgres();
    const child = fileURLToPath(new URL("./certificates.child.ts", import.meta.url));
    const env = { NODE_TLS_REJECT_UNAUTHORIZED: "0" };
    const { out, err } = await start(child, [JSON.stringify({ port, postgresPort })], env).ended;
    expect(err.replaceAll(/.*Warning: .*\n|.*--trace-warnings.*\n/g, "")).toBe("");
    const ways = JSON.parse(out) as Record<string, string>;
    if ("Deno" in globalThis) {
      for (const way of ["undici", "made", "fetched", "stored", "kept"])
        expect(ways[way]).not.toMatch(/^200$|opened/);
    } else {
      expect(ways).toEqual({
        node: "200", // it is switched off indeed
        undici: "DEPTH_ZERO_SELF_SIGNED_CERT",
        made: "INVALID_OPTION",
        fetched: "CERTIFICATES_UNCHECKED",
        stored: "STORE_UNUSABLE",
        kept: "STORE_UNUSABLE",
      });
    }
    expect(methods.filter((method) => method !== "GET")).toEqual([]);
  });
});
