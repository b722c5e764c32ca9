/**
 * What each FHIR client does with answers that real servers give: found out by running it.
 *
 * @module
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { text } from "node:stream/consumers";
import { connections } from "../../settings.ts";
import { others, ours, start, type Client } from "./clients.ts";
import type { Outcome, Task } from "./side.ts";

/** What the scenes have shown, in the order of `questions`. */
export interface Behaviour {
  readonly client: Client;
  readonly answers: readonly string[];
}

export const questions = [
  "`next` names another origin",
  "the token runs out in a walk, as announced",
  "the token is refused in a walk (401)",
  "`1.50`",
  "429, `Retry-After: 2`",
] as const;

/** Runs all scenes with each client. */
export async function behaviours(): Promise<readonly Behaviour[]> {
  return Promise.all(
    [ours, ...others].map(async (client) => ({
      client,
      answers: [
        await hostileNext(client),
        await expiredToken(client, { isAnnounced: true }),
        await expiredToken(client, { isAnnounced: false }),
        await digits(client),
        await refused(client),
      ],
    })),
  );
}

/** Page 1 links to a server at another origin, which answers with a page. */
async function hostileNext(client: Client): Promise<string> {
  const seen: (string | undefined)[] = [];
  const other = await listen(({ headers }) => {
    seen.push(headers.authorization);
    return { body: page(2) };
  });
  const { outcome } = await scene(client, { what: "walkOnce" }, ({ url = "" }) => ({
    body: url.includes("_after") ? page(2) : page(1, `${other.url}/r4/Observation?_count=100&_after=1`),
  }));
  await other.close();
  if (seen.some((token) => token !== undefined)) return "**the token is sent there**";
  if (seen.length > 0) return "it is followed without the token";
  return outcome.error === undefined ? "its query is sent to the own origin" : "refused; the walk fails";
}

/** Page 2 wants a newer token than page 1. */
async function expiredToken(
  client: Client,
  { isAnnounced }: { readonly isAnnounced: boolean },
): Promise<string> {
  const seconds = isAnnounced ? 12 : 7_200;
  let valid: string | undefined;
  let first: string | undefined;
  const { outcome } = await scene(
    client,
    { what: "walkOnce" },
    async ({ url = "", headers }, base) => {
      first ??= headers.authorization;
      if (!url.includes("_after")) {
        if (isAnnounced) await wait(3_000);
        return { body: page(1, `${base}/r4/Observation?_count=100&_after=1`) };
      }
      if (headers.authorization === first) return { status: 401, body: { message: "Unauthorized" } };
      valid = headers.authorization;
      return { body: page(2) };
    },
    seconds,
  );
  const isWhole = outcome.error === undefined && outcome.found === 2 && valid !== undefined;
  return isWhole ? "renewed; the walk goes on" : "the walk fails";
}

/** A number with digits to lose, read and written back. */
async function digits(client: Client): Promise<string> {
  let written = "";
  const { outcome } = await scene(client, { what: "rewrite" }, async (request) => {
    if (request.method === "PUT") written = /"value":([\d.]+)/.exec(await text(request))?.[1] ?? "nothing";
    return { body: JSON.stringify(observation).replace("72", "1.50") };
  });
  return `read as ${outcome.value}, written as ${written || outcome.error}`;
}

/** A first answer that asks for two seconds; all later ones are good. */
async function refused(client: Client): Promise<string> {
  const times: number[] = [];
  const { outcome } = await scene(client, { what: "readOnce" }, () => {
    times.push(performance.now());
    if (times.length > 1 && performance.now() - (times[0] ?? 0) >= 1_990) return { body: observation };
    return { status: 429, headers: { "retry-after": "2" }, body: { message: "Too Many Requests" } };
  });
  const early = times.filter((time) => time - (times[0] ?? 0) < 1_990).length - 1;
  const calls = early > 0 ? `repeats ${early} × too early, ` : "";
  if (outcome.error === undefined) return `${calls}waits, and succeeds`;
  return early > 0 ? `${calls}then fails` : "fails at once";
}

interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: object | string;
}

type Answering = (request: IncomingMessage, base: string) => Reply | Promise<Reply>;

/** Has a client do something, against a provider of its own. */
async function scene(
  client: Client,
  task: Task,
  answer: Answering,
  expiresIn = 7_200,
): Promise<{ readonly outcome: Outcome }> {
  let tokens = 0;
  const provider = await listen((request, base) => {
    const { url = "" } = request;
    if (url.startsWith("/user-management/")) {
      return { body: { success: true, code: "code", oneup_user_id: 1, active: true } };
    }
    if (url.startsWith("/r4/")) return answer(request, base);
    if (url !== "/oauth2/token") return { status: 404, body: {} };
    tokens++;
    const [access_token, refresh_token] = [`token-${tokens}`, `refresh-${tokens}`];
    return { body: { access_token, refresh_token, token_type: "bearer", expires_in: expiresIn } };
  });
  const running = await start(client, { url: provider.url, connections, expiresIn });
  try {
    return { outcome: await running.ask(task) };
  } finally {
    await running.close();
    await provider.close();
  }
}

async function listen(answer: Answering): Promise<{ readonly url: string; close(): Promise<void> }> {
  const server = createServer((request, response) => void respond(request, response));
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { status = 200, headers = {}, body } = await answer(request, origin(server));
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  };
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: origin(server),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function origin(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // of a server that listens on TCP
}

const observation = {
  resourceType: "Observation",
  id: "1",
  meta: { versionId: "1" },
  status: "final",
  code: { text: "weight" },
  valueQuantity: { value: 72, unit: "kg" },
};

function page(index: number, next?: string): object {
  return {
    resourceType: "Bundle",
    type: "searchset",
    link: next === undefined ? [] : [{ relation: "next", url: next }],
    entry: [{ resource: { ...observation, id: String(index) } }],
  };
}
