/**
 * Where a walk has been, in constant memory, so that it does not go in circles.
 *
 * @module
 */

/** See {@link createTrail}. */
export interface Trail {
  /** Notes that a place is reached with a step of the walk; true if another step reached it before. */
  passed(place: string, step: number): boolean;
}

/** So many places are remembered. */
const longest = 4_096;

/**
 * Remembers the last places, and one further back, which moves to the present whenever the way from it has doubled: a
 * circle that is longer than the memory comes past it sooner or later (Brent's algorithm).
 */
export function createTrail(): Trail {
  const last = new Map<string, number>();
  let mark: { readonly place: string; readonly step: number } | undefined;
  return {
    passed(place, step) {
      const earlier = last.get(place) ?? (mark?.place === place ? mark.step : undefined);
      if (earlier !== undefined) return earlier !== step;
      last.set(place, step);
      if (last.size > longest) for (const oldest of last.keys()) if (last.delete(oldest)) break;
      if (mark === undefined || step >= 2 * mark.step) mark = { place, step };
      return false;
    },
  };
}
