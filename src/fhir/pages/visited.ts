/**
 * The positions that a walk has visited, in constant memory, to detect cycles.
 *
 * @module
 */

/** Records that a step of the walk reaches a position. True if another step reached it before. */
export type Visited = (place: string, step: number) => boolean;

/** The number of positions remembered. */
const longest = 4_096;

/**
 * Remembers the latest positions and one older mark, which is moved to the current position whenever the number of
 * steps has doubled since: a cycle longer than the memory passes the mark sooner or later (Brent's algorithm).
 */
export function createVisited(): Visited {
  const last = new Map<string, number>();
  let mark: { readonly place: string; readonly step: number } | undefined;
  return (place, step) => {
    const earlier = last.get(place) ?? (mark?.place === place ? mark.step : undefined);
    if (earlier !== undefined) return earlier !== step;
    last.set(place, step);
    if (last.size > longest) for (const oldest of last.keys()) if (last.delete(oldest)) break;
    if (mark === undefined || step >= 2 * mark.step) mark = { place, step };
    return false;
  };
}
