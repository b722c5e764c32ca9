/** A proxy that answers twice on one connection, so that each answer after it is taken for that to the next request. */
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { createLifecycle, undiciTransport } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { createSandbox, type Sandbox } from "oneup-lifecycle/sandbox";
import { describe, expect, it } from "vitest";
import { warningsIn } from "../support/loggers.ts";
import { people } from "../support/people.ts";
import { afterwards } from "../support/scene.ts";

/** For whom each code and each access token was really issued. */
type Owners = Map<string, string>;

interface Asked {
  readonly path: string;
  readonly text: string;
  readonly body: string;
}

/** The whole requests at the start of what a connection has brought, and the rest. */
function requestsIn(bytes: string): { readonly asked: readonly Asked[]; readonly rest: string } {
  const asked: Asked[] = [];
  for (;;) {
    const end = bytes.indexOf("\r\n\r\n");
    const head = bytes.slice(0, Math.max(0, end));
    const length = Number(/content-length: *(\d+)/iu.exec(head)?.[1] ?? 0);
    if (end < 0 || bytes.length < end + 4 + length) return { asked, rest: bytes };
    const body = bytes.slice(end + 4, end + 4 + length);
    asked.push({ path: head.split(" ")[1] ?? "", text: head, body });
    bytes = bytes.slice(end + 4 + length);
  }
}

async function answerOf(sandbox: Sandbox, { path, text, body }: Asked, owners: Owners): Promise<string> {
  const lines = text.split("\r\n").slice(1);
  const headers = lines.map((line): [string, string] => {
    const [name = "", ...value] = line.split(":");
    return [name, value.join(":").trim()];
  });
  const method = text.split(" ")[0] ?? "";
  const request = new Request(`http://localhost${path}`, { method, headers, ...(body !== "" && { body }) });
  const response = await sandbox.fetch(request);
  const answer = await response.text();
  const { code, access_token: token } = JSON.parse(answer) as { code?: string; access_token?: string };
  const form = new URLSearchParams(body);
  if (code !== undefined) owners.set(code, form.get("app_user_id") ?? "");
  if (token !== undefined) owners.set(token, owners.get(form.get("code") ?? "") ?? "");
  const start = `HTTP/1.1 ${response.status} OK\r\ncontent-type: application/json\r\n`;
  return `${start}content-length: ${Buffer.byteLength(answer)}\r\n\r\n${answer}`;
}

/** The proxy. The fifth exchange on a connection is answered with what the one before it was answered, and then with its own. */
async function proxyTo(sandbox: Sandbox, owners: Owners): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on("error", () => {}).on("close", () => sockets.delete(socket)));
    let [bytes, before, exchanges] = ["", "", 0];
    const answer = async (one: Asked): Promise<void> => {
      const own = await answerOf(sandbox, one, owners);
      const isExchange = one.path === "/oauth2/token" && one.body.includes("code=");
      const isTwice = isExchange && ++exchanges === 5;
      if (!socket.destroyed) socket.write(isTwice ? before + own : own);
      if (isExchange) before = own;
    };
    let turn = Promise.resolve();
    socket.on("data", (chunk) => {
      const { asked, rest } = requestsIn(bytes + chunk.toString("latin1"));
      bytes = rest;
      turn = asked.reduce((before, one) => before.then(() => answer(one)), turn);
    });
  });
  afterwards(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe("answers that come twice", () => {
  it("give no user the token of another one", async () => {
    const sandbox = createSandbox();
    const owners: Owners = new Map();
    const url = await proxyTo(sandbox, owners);
    const warnings: string[] = [];
    const lifecycle = await createLifecycle({
      credentials: sandbox.credentials,
      endpoints: { api: url, auth: url },
      store: memory(),
      transport: undiciTransport({ connections: 4 }),
      logger: warningsIn(warnings),
    });
    afterwards(() => lifecycle.close());
    const stop = new AbortController();
    const onboarding = Promise.allSettled(
      people(60).map((id) => lifecycle.onboard(id, { waitMs: 600_000, signal: stop.signal })),
    );
    await expect
      .poll(() => warnings.join("\n"))
      .toMatch(/The answer to exchangeCode for user .* holds a token that another user has got/u);
    stop.abort();
    await onboarding;
    const statuses = await Promise.all(people(60).map((id) => lifecycle.inspect(id)));
    const usable = statuses.filter((status) => status.usable);
    expect(usable.length).toBeGreaterThan(0);
    for (const { appUserId } of usable)
      expect(owners.get(await lifecycle.accessToken(appUserId))).toBe(appUserId);
  });
});
