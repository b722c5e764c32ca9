/**
 * Whether the connections to an origin were all taken while a call waited for one: then the origin was reached, and the
 * call found no place. Two counters, as each read passes here.
 *
 * @module
 */

export class ConnectionLoad {
  readonly connections: number;
  /** Calls that were written, each on a connection of its own. */
  written = 0;
  /** Of these, the calls that are over. */
  ended = 0;

  constructor(connections: number) {
    this.connections = connections;
  }

  /** `ended`: as it was when the call began to wait. */
  wasFull(ended: number): boolean {
    return this.written - ended >= this.connections;
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
