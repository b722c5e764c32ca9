/** Run as a process of its own, with few file descriptors: loads packages while it has none left, and sends a call once it has some. */
import { closeSync, openSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { undiciTransport } from "../../src/http/undici-transport.ts";
import { loadPackage } from "../../src/load-package.ts";
import { argument } from "../support/child.ts";

const url = argument<string>();
const transport = undiciTransport();

const codeOf = (error: unknown): unknown => (error as { readonly code?: unknown }).code;

/** The status of a call, or the code of its error. */
function sends(): Promise<unknown> {
  const signal = new AbortController().signal;
  const call = { method: "GET", url, headers: {}, signal, maxBytes: 100, onSending: () => true } as const;
  return transport.send(call).then(({ status }) => status, codeOf);
}

/** Opens files until no more can be opened. */
function take(): number {
  for (let count = 0; ; count++) {
    try {
      taken.push(openSync("/dev/null", "r"));
    } catch {
      return count;
    }
  }
}

const taken: number[] = [];
for (let quiet = 0; quiet < 5; quiet = take() === 0 ? quiet + 1 : 0) await sleep(20); // Node may still close some of its own
const pg = await loadPackage("pg", () => import("pg")).catch(codeOf);
const without = await sends();
for (const file of taken) closeSync(file);
console.log(JSON.stringify({ pg, without, afterwards: await sends() }));
await transport.close?.();
