/** What the tests of PostgreSQL have at hand. */
import { onTestFinished } from "vitest";
import { postgres, type PostgresOptions, type Where } from "../../adapters/postgres.ts";
import { systemClock } from "../../src/clock.ts";
import type { Store } from "../../src/store/contract.ts";
import { openLine, type Line } from "../support/line.ts";

/** Opens a store that ends with the test. */
export async function openStore(where: Where, options?: PostgresOptions): Promise<Store> {
  const store = await postgres(where, options).open({ account: "account", clock: systemClock });
  onTestFinished(() => store.close());
  return store;
}

/** Makes the schema, and opens a store in it. */
export async function newStore(where: Where, options?: PostgresOptions): Promise<Store> {
  await postgres(where, options).migrate();
  return openStore(where, options);
}

/** What opening fails with. */
export async function refusal(where: Where, options?: PostgresOptions): Promise<Error> {
  const [opened] = await Promise.allSettled([openStore(where, options)]);
  return (opened as PromiseRejectedResult).reason;
}

/** A line to a server, and its URL. */
export async function lineTo(url: string): Promise<Line & { readonly url: string }> {
  const far = Number(new URL(url).port);
  const line = await openLine(far);
  onTestFinished(() => line.close());
  return { ...line, url: url.replace(`:${far}`, `:${line.port}`) };
}

/** The URL with another user, database or setting. */
export function urlWith(
  url: string,
  {
    user = "postgres",
    database = "postgres",
    search = "",
  }: { user?: string; database?: string; search?: string },
): string {
  const { host } = new URL(url);
  return `postgres://${user}@${host}/${database}${search}`;
}
