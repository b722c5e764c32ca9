/**
 * `node --import tsx test/inspector/playground.ts [PORT]`: an inspector of forty users that live, fail and wait, on a
 * sandbox whose faults come and go, to try the page with.
 */
import { setTimeout as pause } from "node:timers/promises";
import process from "node:process";
import { createLifecycle } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { createInspector } from "oneup-lifecycle/inspector";
import { createSandbox } from "oneup-lifecycle/sandbox";
import { serve } from "../../src/cli/inspector/serve.ts";

const sandbox = createSandbox({ latencyMs: [50, 400] });
const oneup = await sandbox.listen();
const lifecycle = await createLifecycle({
  credentials: sandbox.credentials,
  endpoints: oneup.endpoints,
  store: memory(),
});
const inspector = createInspector(lifecycle, { actions: true });
const server = await serve(inspector.fetch, Number(process.argv[2] ?? 0));
console.log(inspector.link(server.origin, "ada"));
void lifecycle.work();

const hostile = [
  "<script>alert(1)</script>@example.org",
  "\u202Egro.elpmaxe@ada",
  "🦉@example.org",
  "x".repeat(512),
];
const ids = [...hostile, ...Array.from({ length: 36 }, (_, index) => `user-${index + 1}@example.org`)];
sandbox.fail({ call: "createUser", status: 400, appUserId: "user-7@example.org", times: Infinity });
for (const id of ids) {
  void lifecycle.onboard(id).catch(() => {});
  await pause(500);
}
await lifecycle.hold("user-9@example.org", "a complaint is being looked into").catch(() => {});
for (let round = 0; ; round++) {
  await lifecycle.reauthorize(ids[round % ids.length] ?? "").catch(() => {});
  await pause(2_000);
}
