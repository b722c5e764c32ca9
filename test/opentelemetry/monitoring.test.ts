/** The alert rules and the dashboard of `docs/monitoring`: well-formed, and about metrics that exist. */
import { openTelemetry } from "oneup-lifecycle/opentelemetry";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { parse } from "yaml";
import { read, readJson } from "../house/repository.ts";
import { seriesIn, type Series } from "./exposition.ts";
import { useSdk } from "./sdk.ts";

const sdk = useSdk();

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number };
  readonly datasource?: { readonly type: string; readonly uid: string };
  readonly targets?: readonly {
    readonly refId: string;
    readonly expr: string;
    readonly legendFormat: string;
  }[];
}

interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly schemaVersion: number;
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] };
  readonly panels: readonly Panel[];
}

const { groups } = parse(read("docs/monitoring/alerts.yml")) as {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[];
};
const rules = groups.flatMap((group) => group.rules);
const dashboard = readJson<Dashboard>("docs/monitoring/dashboard.json");
const shown = dashboard.panels.filter(({ type }) => type !== "row");
const queries = [
  ...rules.map(({ expr }) => expr),
  ...shown.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
];

/** The same for people who sign up while 1upHealth gives no answer for an hour. */
async function heldUp(): Promise<void> {
  const world = await createTestLifecycle({ lifecycle: { telemetry: openTelemetry() } });
  onTestFinished(() => world.close());
  world.sandbox.fail({ call: "*", status: 503, times: Number.POSITIVE_INFINITY });
  for (const id of ["a", "b", "c"]) await world.lifecycle.onboard(id, { waitMs: 0 });
  const stop = new AbortController();
  const working = world.lifecycle.work({ signal: stop.signal });
  await world.clock.advance("1h");
  stop.abort();
  await working;
}

/** All metrics that a lifecycle has, after a life in which everything happens once. */
async function everySeries(): Promise<readonly Series[]> {
  const limits = { management: { calls: 6, windowMs: 3_600_000 } };
  const world = await createTestLifecycle({ lifecycle: { telemetry: openTelemetry(), limits } });
  onTestFinished(() => world.close());
  await world.crash({ before: "exchangeCode" }, () => world.lifecycle.onboard("ada"));
  const lifecycle = await world.restart();
  await lifecycle.onboard("ada");
  await world.clock.advance("3h");
  await lifecycle.accessToken("ada");
  world.sandbox.revokeGrant("ada");
  await world.clock.advance("3h");
  await lifecycle.accessToken("ada");
  world.sandbox.fail({ status: 404 });
  await lifecycle
    .fhir("ada", "r4")
    .read("Patient", "1")
    .catch(() => {});
  world.sandbox.fail({ status: 429, headers: { "retry-after": "600" } });
  await lifecycle.onboard("eve", { waitMs: 0 });
  const stop = new AbortController();
  const onProgress = ({ phase }: { phase: string }): void => void (phase === "onboarding" && stop.abort());
  const list = ["a", "b", "c", "d", "e", "f", "g", "h"];
  const options = { name: "spring", expect: "new", signal: stop.signal, onProgress } as const;
  await lifecycle.onboardMany(list, options).catch(() => {});
  await world.arrange("joan", "failed");
  await heldUp();
  return seriesIn(await sdk.page()).filter(({ name }) => name.startsWith("oneup_"));
}

describe("docs/monitoring", () => {
  it("every metric and label in the rules and on the dashboard exists", async () => {
    const series = await everySeries();
    const names = new Set(series.map(({ name }) => name));
    const labels = new Set(series.flatMap((one) => Object.keys(one.labels)));
    const used = new Set(queries.flatMap((query) => query.match(/\boneup_\w+/g) ?? []));
    // `oneup_problem` exists while there is one.
    const unknown = [...used].filter(
      (name) => !names.has(name) && !labels.has(name) && name !== "oneup_problem",
    );
    expect(unknown).toEqual([]);
    const unused = [...names]
      .map((name) => name.replace(/_(?:bucket|sum|count)$/, ""))
      .filter((name) => !JSON.stringify(queries).includes(name));
    expect(unused).toEqual([]);
    const guide = read("docs/observability.md").replaceAll(".", "_");
    const base = [...names].map((name) => name.replace(/_(?:bucket|sum|count|total)$/, ""));
    const untold = [...base, ...labels].filter(
      (name) => !guide.includes(`\`${name}\``) && !/^(?:otel_|le$)/.test(name),
    );
    expect(untold).toEqual([]);
    const values = queries.flatMap((query) =>
      Array.from(query.matchAll(/(oneup_\w+)="(\w+)"/g), ([, label = "", value = ""]) => ({ label, value })),
    );
    expect(values.length).toBeGreaterThan(3);
    const unheard = values.filter(({ label, value }) => !series.some((one) => one.labels[label] === value));
    expect(unheard).toEqual([]);
  });

  it("a query sums what processes count, and takes the maximum of what they share", () => {
    const shared =
      /\b(sum|avg)[^(]*\((?:by|without)?[^()]*\boneup_(?:slots|users\b|users_waiting|gate|lane|import)/;
    expect(queries.filter((query) => shared.test(query))).toEqual([]);
    const counted = queries.filter((query) => /_(?:bucket|count|total)\b/.test(query));
    expect(counted.filter((query) => !/\bsum\b/.test(query) || !/\b(?:rate|increase)\(/.test(query))).toEqual(
      [],
    );
  });

  it("a rule about what has grown also counts what a new series begins with", () => {
    const grown = rules.filter(({ expr }) => /\bincrease\(|\boffset\b/.test(expr));
    expect(grown.map(({ alert }) => alert)).toEqual(["OneupUsersFail", "OneupGrantsLost", "OneupTakeovers"]);
    for (const { expr } of grown) {
      const metrics = new Set(expr.match(/\boneup_\w+(?:_total|_count|_users)\b|\boneup_users\b/g));
      expect(metrics.size).toBe(1);
      expect(expr).toMatch(new RegExp(`min_over_time\\((?:max\\()?${[...metrics].join()}\\b`));
    }
  });

  it("every rule has a name of its own, a severity, and tells what happens and what to do", () => {
    expect(rules.length).toBeGreaterThan(10);
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    for (const { alert, expr, for: lasting = "0m", labels, annotations, ...rest } of rules) {
      expect(alert).toMatch(/^Oneup[A-Z]\w+$/);
      expect(expr).not.toBe("");
      expect(lasting).toMatch(/^\d+[smhd]$/);
      expect(["page", "ticket"]).toContain(labels["severity"]);
      expect(Object.keys(annotations)).toEqual(["summary", "action"]);
      expect(rest).toEqual({});
    }
  });

  it("the dashboard is one that Grafana reads: panels have an id, a place, a data source and queries", () => {
    expect(dashboard).toMatchObject({ uid: "oneup-lifecycle", title: "oneup-lifecycle" });
    expect(dashboard.schemaVersion).toBeGreaterThanOrEqual(36);
    expect(dashboard.templating.list.map(({ name }) => name)).toEqual(["datasource", "instance"]);
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    for (const { title, description, datasource, targets = [], gridPos } of shown) {
      expect(`${title}: ${description}`).toMatch(/\.$/);
      expect(datasource).toEqual({ type: "prometheus", uid: "${datasource}" });
      expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
      expect(targets.length).toBeGreaterThan(0);
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
    }
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)} ${y + Math.floor(cell / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
  });
});
