/**
 * Whether the connections to an origin were all taken while a call waited for one: then the origin was reached, and the
 * call found no place. Two counters, as each read passes here.
 *
 * @module
 */

export class ConnectionLoad {
  readonly connections: number;
  /** Calls that are written and not over, each on a connection of its own. */
  #running = 0;
  /** How often a written call took the last connection: while it has one, each connection is open. */
  #filled = 0;

  constructor(connections: number) {
    this.connections = connections;
  }

  /** A call is written. */
  take(): void {
    if (++this.#running >= this.connections) this.#filled++;
  }

  /** A call that was written is over. */
  free(): void {
    this.#running--;
  }

  /** What {@link wasFull} compares with, when a call begins to wait. */
  mark(): number {
    return this.#running >= this.connections ? -1 : this.#filled;
  }

  /** Whether all connections were taken at once, then or since. */
  wasFull(mark: number): boolean {
    return this.#filled !== mark;
  }
}

/** The load of an origin. */
export type LoadOf = (origin: string) => ConnectionLoad;

export function loadsOf(connections: number): LoadOf {
  const all = new Map<string, ConnectionLoad>();
  return (origin) => {
    let load = all.get(origin);
    if (load === undefined) all.set(origin, (load = new ConnectionLoad(connections)));
    return load;
  };
}
