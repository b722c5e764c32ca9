/**
 * Remembers how large imports were: a store knows only their users that have no token yet.
 *
 * @module
 */
import type { OpenImport } from "../index.ts";
import type { ImportView } from "./shapes.ts";

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
