/** A parent whose children start each round at the same instant: they ask for it, and it answers all at once. */
import { createServer, type ServerResponse } from "node:http";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { afterwards } from "../support/scene.ts";

/** Rounds of several children. */
export interface Rounds {
  readonly url: string;
  /** Waits until all children have said something; what they said. */
  gathered(): Promise<readonly string[]>;
  /** What has been said since the last word. */
  said(): readonly string[];
  /** Says a word to all of them. */
  say(word: string): void;
}

export async function rounds(children: number): Promise<Rounds> {
  let waiting: { readonly said: string; readonly response: ServerResponse }[] = [];
  let complete: (() => void) | null = null;
  // A test beside this one may call an address where it has stopped its server, and the port is this one's now.
  const path = `/${randomUUID()}`;
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://parent");
    const said = searchParams.get("said");
    if (pathname !== path || said === null) return void response.destroy();
    waiting.push({ said, response });
    if (waiting.length === children) complete?.();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  afterwards(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}${path}`,
    async gathered() {
      if (waiting.length < children) await new Promise<void>((resolve) => (complete = resolve));
      return waiting.map(({ said }) => said);
    },
    said: () => waiting.map(({ said }) => said),
    say(word) {
      const all = waiting;
      waiting = [];
      for (const { response } of all) response.end(word);
    },
  };
}
