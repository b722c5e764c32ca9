import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { createLifecycle, verifyReceipts } from "oneup-lifecycle";
import { createSandbox } from "oneup-lifecycle/sandbox";
import { expect, it, onTestFinished } from "vitest";
import { startChild } from "../support/child.ts";
import { at, type Place } from "../support/places.ts";
import { afterwards, folder } from "../support/scene.ts";
import type { Started } from "../support/started.ts";
import type { Told } from "./leaver.child.ts";

const script = new URL("leaver.child.ts", import.meta.url);
const users = 60;

it("offboardMany(), killed with -9 in the middle of it three times, keeps one receipt of each user", async () => {
  const sandbox = createSandbox({ limit: { calls: Infinity } });
  const server = await sandbox.listen();
  afterwards(() => server.close());
  const { credentials } = sandbox;
  const place: Place = { type: "lmdb", path: folder("leave-killed") };
  const limits = { management: { calls: 100_000, windowMs: 3_600_000 } };
  const lifecycle = await createLifecycle({
    credentials,
    endpoints: server.endpoints,
    limits,
    clock: sandbox.clock,
    ...at(place),
  });
  for (let number = 0; number < users; number++) await lifecycle.onboard(`user-${number}`);
  const { count } = await lifecycle.offboardMany("all", { name: "leave" });
  await lifecycle.close();
  const receipts = join(folder("receipts"), "receipts.ndjson");
  const lines = (): readonly string[] =>
    existsSync(receipts) ? readFileSync(receipts, "utf8").split("\n").slice(0, -1) : [];
  const child = (): Started => {
    const told: Told = { place, url: server.url, credentials, receipts, count };
    const started = startChild(script, told);
    onTestFinished(() => started.kill("SIGKILL"));
    return started;
  };
  const calls = (): number => sandbox.journal.count("fhir.purge");
  // In the middle of its purges, of its receipts, and of both.
  for (const isTime of [() => calls() > 20, () => lines().length > 5, () => calls() > 150]) {
    const killed = child();
    const kill = setInterval(() => {
      if (isTime()) killed.kill("SIGKILL");
    }, 1);
    await killed.ended;
    clearInterval(kill);
    await sandbox.clock.advance(120_000); // the leases of the process that died have ended
  }
  const { out, err } = await child().ended;
  expect(err).toBe("");
  const [, kept, publicKey = ""] = /closed true (\d+) (\S+)\n$/.exec(out) ?? [];
  expect(Number(kept)).toBe(users);
  const verified = await verifyReceipts(lines(), { publicKey });
  expect(verified).toMatchObject({ ok: true, receipts: users, skipped: 0, problem: null });
  const numbers = lines().map((line) => (JSON.parse(line) as { readonly oneupUserId?: number }).oneupUserId);
  expect(new Set(numbers.filter((number) => number !== undefined))).toEqual(
    new Set(sandbox.users().map(({ oneupUserId }) => oneupUserId)),
  );
  expect(readdirSync(dirname(receipts))).toEqual(["receipts.ndjson"]);
});
