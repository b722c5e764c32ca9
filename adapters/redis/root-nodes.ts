/**
 * How a cluster's client asks who is in the cluster, and how that is ended.
 *
 * For each question node-redis 5.12 makes a client of its own, one at a time, that nobody else can reach and that waits
 * without a limit for its answers: at a node that takes it and says nothing the process would wait with it, for ever.
 *
 * @module
 */

/** What is used of a node that is asked first. */
export interface RootNode {
  readonly url?: string;
  readonly socket?: object | undefined;
}

/** See {@link endable}. */
export interface Endable<Node> {
  readonly rootNodes: (Node & { readonly socket: { readonly signal: AbortSignal } })[];
  /** Ends the connection to a root node over which the client asks, if there is one. */
  end(): void;
}

/**
 * The same root nodes, asked over connections that can be ended. The cluster's options must have `defaults`: node-redis
 * copies them with a root node for each question, and so gets a signal for each; with one that was aborted before,
 * sockets connect all the same. The nodes' own clients get none: a signal knows each of their sockets, and they connect
 * again and again.
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
