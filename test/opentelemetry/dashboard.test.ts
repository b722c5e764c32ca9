/**
 * The dashboard of `docs/monitoring` is one by the schema that Grafana publishes. That schema is a package of types, so
 * the compiler judges the file.
 */
import { join } from "node:path";
import { expect, it } from "vitest";
import { compiled } from "../house/programs.ts";
import { readJson, root } from "../house/repository.ts";
import type { GrafanaDashboard } from "./grafana-dashboard.ts";

const text = JSON.stringify(readJson<GrafanaDashboard>("docs/monitoring/dashboard.json"), null, 2);
const schema = JSON.stringify(join(root, "test/opentelemetry/grafana-dashboard.ts"));

/** What the compiler reports of a dashboard. */
function judged(dashboard: string): string {
  return compiled([
    `import type { GrafanaDashboard } from ${schema};\nexport const it: GrafanaDashboard = ${dashboard};\n`,
  ]);
}

it("the dashboard has what Grafana's schema requires, and nothing that it does not know", () => {
  expect(judged(text)).toBe("");
});

it.each([
  ["a field that is missing", /"schemaVersion": \d+,/, ""],
  ["a field that does not exist", '"gridPos"', '"gridPosition"'],
  ["a value of another type", '"h": 5', '"h": "5"'],
  ["a kind of panel that ours has none of", '"type": "stat"', '"type": "graph"'],
  ["an option of no panel", '"legend"', '"legends"'],
])("the schema notices %s", (_, good, bad) => {
  expect(text).toMatch(good);
  expect(judged(text.replace(good, bad))).toMatch(/error TS/);
});
