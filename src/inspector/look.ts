/**
 * Looks at the account: one look at a time serves all pages. It remembers how large imports were: a store
 * knows only their users that have no token yet.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import { LifecycleError } from "../errors.ts";
import type { BudgetView, Lane, Lifecycle, OpenImport } from "../index.ts";
import { internalsOf } from "../runtime/internals.ts";
import type { SandboxControl } from "./sandbox-view.ts";
import type { Overview, ImportView } from "./shapes.ts";

/** What one look shows. */
export type Look = Omit<Overview, "basePath" | "masked" | "changes" | "flow">;

/** A look is shown again for so long, ms. */
const freshMs = 900;

/** Looks at the account, unless it did so just now. Rejects only if the lifecycle is closed. */
export function createLooker(
  lifecycle: Lifecycle,
  clock: Clock,
  sandbox: SandboxControl | null,
): () => Promise<Look> {
  let last: { readonly at: number; readonly look: Promise<Look> } | null = null;
  const withImports = importsSeen();
  let forecast: Look["forecast"] = { interactive: 0, recovery: 0, bulk: 0 };

  async function look(): Promise<Look> {
    const health = await lifecycle.health();
    const isClosed = !health.ready && health.problem === null;
    if (isClosed) throw new LifecycleError("CLOSED", "Cannot look at the account: the lifecycle was closed");
    const responds = health.storeMs !== null;
    const [budget, isSandbox] = await Promise.all([
      responds ? lifecycle.budget.refresh().catch(shown) : lifecycle.budget.get(),
      sandbox?.isThere() ?? false,
      responds ? forecasts(lifecycle).then((now) => (forecast = now), shown) : null,
    ]);
    const inside = internalsOf(lifecycle);
    const { users: counts, imports } = budget;
    const now = new Date(inside?.now() ?? clock.now());
    return {
      now,
      store: inside?.store() ?? null,
      ready: health.ready,
      problem: health.problem,
      counts,
      total: Object.values(counts).reduce((sum, count) => sum + count, 0),
      budget,
      forecast,
      health,
      sandbox: isSandbox,
      imports: withImports(imports, now),
    };
  }

  /** What was shown before, while the store does not respond: `health` tells so. */
  const shown = (): BudgetView => lifecycle.budget.get();

  return () => {
    const at = clock.monotonic();
    if (last !== null && at - last.at < freshMs) return last.look;
    const next = look();
    last = { at, look: next };
    return next;
  };
}

async function forecasts(lifecycle: Lifecycle): Promise<Look["forecast"]> {
  const inMs = async (lane: Lane): Promise<number> => (await lifecycle.forecast(1, lane)).inMs;
  const asked = [inMs("interactive"), inMs("recovery"), inMs("bulk")] as const;
  const [interactive, recovery, bulk] = await Promise.all(asked);
  return { interactive, recovery, bulk };
}

/** Whether a page that shows one look would look different with the other one, beside the passing of time. */
export function differs(one: Look, other: Look): boolean {
  return essence(one) !== essence(other);
}

/** A look without what changes while nothing happens: times until a slot is free are rounded times of the clock. */
function essence({ now, budget, forecast, health, ...rest }: Look): string {
  const until = (ms: number): number => (ms <= 0 ? 0 : Math.round((now.getTime() + ms) / 5_000));
  const { at: _at, nextInMs, ...steady } = budget;
  const { storeMs, ...state } = health;
  const lanes = Object.values(forecast).map(until);
  return JSON.stringify([rest, steady, until(nextInMs), lanes, storeMs === null, state]);
}

/** Imports that are over and still shown; the first to end are forgotten first. */
const mostEnded = 20;
/** Imports that are shown. */
const mostShown = 100;

/** Takes the imports of each look, and returns them with what was seen before; those that are over come last. */
export function importsSeen(): (open: readonly OpenImport[], now: Date) => readonly ImportView[] {
  let seen = new Map<string, ImportView>();
  return (open, now) => {
    const current = open.slice(0, mostShown).map(({ name, left, failed }): ImportView => {
      const before = seen.get(name);
      const isOver = left === 0;
      const most = Math.max(before?.most ?? 0, left + failed);
      const endedAt = isOver ? (before?.endedAt ?? (before === undefined ? null : now)) : null;
      return { name, left, failed, most, since: before?.since ?? now, isOver, endedAt };
    });
    const names = new Set(open.map(({ name }) => name));
    const gone = [...seen.values()]
      .filter(({ name }) => !names.has(name))
      .map((one): ImportView => ({ ...one, left: 0, failed: 0, isOver: true, endedAt: one.endedAt ?? now }))
      .toSorted((one, other) => Number(other.endedAt) - Number(one.endedAt))
      .slice(0, mostEnded);
    const openFirst = current.toSorted((one, other) => Number(one.isOver) - Number(other.isOver));
    const shown = [...openFirst, ...gone];
    seen = new Map(shown.map((one) => [one.name, one]));
    return shown;
  };
}
