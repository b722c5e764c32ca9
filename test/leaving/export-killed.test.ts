import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createLifecycle } from "oneup-lifecycle";
import { createSandbox } from "oneup-lifecycle/sandbox";
import { expect, it, onTestFinished } from "vitest";
import { startChild } from "../support/child.ts";
import { at, type Place } from "../support/places.ts";
import { afterwards, folder } from "../support/scene.ts";
import type { Started } from "../support/started.ts";
import type { Told } from "./exporter.child.ts";

const script = new URL("exporter.child.ts", import.meta.url);
const users = 40;
const scan = { resourceType: "Binary", contentType: "image/png", data: "aGk=" };

it("exportMany(), killed with -9 in the middle of it twice, has each resource in its files exactly once", async () => {
  const sandbox = createSandbox({ limit: { calls: Infinity } });
  const server = await sandbox.listen();
  afterwards(() => server.close());
  const { credentials } = sandbox;
  const place: Place = { type: "lmdb", path: folder("export-killed") };
  const limits = { management: { calls: 100_000, windowMs: 3_600_000 } };
  const lifecycle = await createLifecycle({ credentials, endpoints: server.endpoints, limits, ...at(place) });
  const all = new Set<string>();
  for (let number = 0; number < users; number++) {
    await lifecycle.onboard(`user-${number}`);
    const user = `user-${number}`;
    const scans = sandbox.addResources(
      user,
      "r4",
      [1, 2, 3].map(() => scan),
    );
    const others = sandbox.addResources(user, "r4", resources(number === 3 ? 2_500 : 130, scans));
    for (const id of [...scans, ...others]) all.add(id);
  }
  await lifecycle.close();
  const files = folder("export");
  const child = (): Started => {
    const told: Told = { place, url: server.url, credentials, folder: files };
    const started = startChild(script, told);
    onTestFinished(() => started.kill("SIGKILL"));
    return started;
  };
  for (const calls of [40, 70]) {
    const killed = child();
    const kill = setInterval(() => {
      if (sandbox.journal.count("fhir.search") >= calls) killed.kill("SIGKILL");
    }, 1);
    expect(await killed.ended).toMatchObject({ signal: "SIGKILL" });
    clearInterval(kill);
  }
  const { out, err } = await child().ended;
  expect({ err, last: out.trim().split("\n").at(-1) }).toEqual({ err: "", last: `done ${users} 0` });
  const names = readdirSync(files, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
  const exported = names.filter(({ name }) => name !== "export.json");
  expect(exported.every(({ name }) => /^r4\.(?:Binary|Observation|Patient)\.ndjson$/.test(name))).toBe(true);
  expect(exported).toHaveLength(3 * users);
  const ids = exported.flatMap(({ parentPath, name }) =>
    readFileSync(join(parentPath, name), "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => (JSON.parse(line) as { readonly id: string }).id),
  );
  expect(ids).toHaveLength(all.size);
  expect(new Set(ids)).toEqual(all);
});

function* resources(observations: number, scans: readonly string[]): Generator<string> {
  for (let number = 0; number < observations; number++)
    yield `{"resourceType":"Observation","status":"final","valueInteger":${number}}`;
  yield JSON.stringify({ resourceType: "Patient", photo: scans.map((id) => ({ url: `Binary/${id}` })) });
}
