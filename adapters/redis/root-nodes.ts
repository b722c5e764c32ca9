/**
 * Controls the connection over which a cluster client queries the cluster topology.
 *
 * For each query node-redis 5.12 creates a client of its own, one at a time. That client is not accessible from outside
 * and waits without a limit for its answer, so a node that accepts connections but never answers would keep the process
 * alive forever.
 *
 * @module
 */

/** The part of a root node that is used. */
export interface RootNode {
  readonly url?: string;
  readonly socket?: object | undefined;
}

/** See {@link endable}. */
export interface Endable<Node> {
  readonly rootNodes: (Node & { readonly socket: { readonly signal: AbortSignal } })[];
  /** Closes the connection to a root node over which the client sends its query, if there is one. */
  end(): void;
}

/**
 * The same root nodes, with connections that can be closed. The cluster's options must have `defaults`: node-redis then
 * copies a root node for each query, and so gets a new signal for each. A signal that was already aborted would have no
 * effect on a new socket. The nodes' own clients get no signal: a signal would keep a reference to each of their
 * sockets, and they reconnect again and again.
 */
export function endable<Node extends RootNode>(nodes: readonly Node[]): Endable<Node> {
  let asking = new AbortController();
  const rootNodes = nodes.map((node) => ({
    ...node,
    socket: {
      get signal() {
        asking = new AbortController();
        return asking.signal;
      },
      ...node.socket,
    },
  }));
  return { rootNodes, end: () => asking.abort() };
}
