/**
 * The compared FHIR clients, each in a process of its own.
 *
 * @module
 */
import process from "node:process";
import { startApart, type Apart } from "../../apart.ts";
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
/** What clients on Node's `fetch` are built on; not one of the others. */
export const bareFetch: Client = { key: "bare-fetch", name: `bare fetch, undici ${process.versions.undici}` };
export const ours: Client = client("ours", "oneup-lifecycle");
export const others: readonly Client[] = [
  client("medplum", "@medplum/core"),
  client("fhir-kit-client", "fhir-kit-client"),
  client("fhirclient", "fhirclient"),
];

/** A client's process. */
export type Running = Apart<Task, Outcome>;

/** Starts a process with a client. */
export function start({ key, name }: Client, told: Told): Promise<Running> {
  const module = new URL(`${key}.mjs`, import.meta.url).href;
  return startApart({
    name,
    script: new URL("worker.mjs", import.meta.url),
    args: [module, JSON.stringify(told)],
    execArgv: ["--expose-gc", "--no-warnings"],
  });
}
