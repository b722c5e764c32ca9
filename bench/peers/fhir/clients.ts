/**
 * The compared FHIR clients, each in a process of its own.
 *
 * @module
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { versionOf } from "../versions.ts";
import type { Outcome, Task, Told } from "./side.ts";

/** A compared client. */
export interface Client {
  /** Name in measurements, and of its module. */
  readonly key: string;
  /** Name and version in tables. */
  readonly name: string;
}

const client = (key: string, npm: string): Client => ({ key, name: `${npm} ${versionOf(npm)}` });

/** The baseline. */
export const bare: Client = { key: "bare", name: `bare undici ${versionOf("undici")}` };
export const ours: Client = client("ours", "oneup-lifecycle");
export const others: readonly Client[] = [
  client("medplum", "@medplum/core"),
  client("fhir-kit-client", "fhir-kit-client"),
  client("fhirclient", "fhirclient"),
];

/** A client's process. */
export interface Running {
  ask(task: Task): Promise<Outcome>;
  close(): Promise<void>;
}

/** Starts a process with a client. */
export async function start({ key, name }: Client, told: Told): Promise<Running> {
  const script = fileURLToPath(new URL("worker.mjs", import.meta.url));
  const module = new URL(`${key}.mjs`, import.meta.url).href;
  const process = fork(script, [module, JSON.stringify(told)], {
    execArgv: ["--expose-gc", "--no-warnings"],
  });
  const exit = once(process, "exit").then(([code]) => {
    throw new Error(`Cannot measure ${name}: its process exited with code ${String(code)}`);
  });
  exit.catch(() => {}); // it matters only while an answer is awaited
  const answer = async (): Promise<unknown> => {
    const [message] = await Promise.race([once(process, "message"), exit]);
    return message;
  };
  await answer();
  return {
    async ask(task) {
      const next = answer();
      process.send(task);
      return (await next) as Outcome; // worker.mjs sends nothing else
    },
    async close() {
      process.disconnect();
      await exit.catch(() => {});
    },
  };
}
