import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createLifecycle } from "oneup-lifecycle";
import { createSandbox } from "oneup-lifecycle/sandbox";
import { expect, it } from "vitest";
import { startChild } from "../support/child.ts";
import { at, type Place } from "../support/places.ts";
import { afterwards, folder } from "../support/scene.ts";
import { ada } from "./ada.ts";
import type { Walker } from "./walker.child.ts";

const script = new URL("./walker.child.ts", import.meta.url);
const many = 20_000;

function* observations(): Generator<string> {
  const note = "a".repeat(300);
  for (let index = 0; index < many; index++) {
    yield `{"resourceType":"Observation","status":"final","code":{"text":"${note}"},"valueQuantity":{"value":${index}.50}}`;
  }
}

it("searchAll() walks over 20,000 resources across five expiries and one kill -9, and skips none", async () => {
  const sandbox = createSandbox();
  const server = await sandbox.listen();
  afterwards(() => server.close());
  const place: Place = { type: "lmdb", path: folder("long-walk") };
  const { credentials, clock } = sandbox;
  const lifecycle = await createLifecycle({ credentials, clock, endpoints: server.endpoints, ...at(place) });
  await lifecycle.onboard(ada);
  await lifecycle.close();
  const ids = sandbox.addResources(ada, "r4", observations());

  const files = folder("long-walk-files");
  const argument: Walker = { place, url: server.url, credentials, user: ada, folder: files };
  const seen = (): string[] =>
    existsSync(join(files, "seen")) ? readFileSync(join(files, "seen"), "utf8").split("\n").slice(0, -1) : [];

  // A token expires every 35 pages.
  let expired = 0;
  const expiry = setInterval(() => {
    if (sandbox.journal.count("fhir.search") < 35 * (expired + 1) || expired === 5) return;
    expired++;
    clock.advance(2.5 * 3_600_000);
  }, 2);
  afterwards(() => clearInterval(expiry));

  const first = startChild(script, argument);
  const kill = setInterval(() => {
    if (sandbox.journal.count("fhir.search") <= 93) return;
    clearInterval(kill);
    first.kill("SIGKILL");
  }, 2);
  afterwards(() => clearInterval(kill));
  expect(await first.ended).toMatchObject({ signal: "SIGKILL", err: "" });
  const before = seen().length;
  expect(before).toBeGreaterThan(8_000);
  expect(before).toBeLessThan(12_000);

  const { code, out, err } = await startChild(script, argument).ended;
  expect({ code, err }).toEqual({ code: 0, err: "" });
  const all = seen();
  expect(new Set(all)).toEqual(new Set(ids));
  expect(all.length).toBeLessThanOrEqual(many + 100); // one page twice
  expect(all.slice(0, before)).toEqual(ids.slice(0, before)); // in order, and none twice before the kill
  expect(expired).toBe(5);
  expect(sandbox.journal.count("refreshToken")).toBe(5);
  expect(Number(/grown by (-?\d+) MB/.exec(out)?.[1])).toBeLessThan(60);
});
