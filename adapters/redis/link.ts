/**
 * A connection to a Redis server, and the parts of the supported clients that it uses.
 *
 * @module
 */

/** The command options that are used. */
export interface CommandOptions {
  readonly abortSignal: AbortSignal;
  readonly typeMapping: object;
}

/** The part of a client from `createClient` that is used. */
export interface RedisClient {
  readonly isOpen: boolean;
  connect(): Promise<unknown>;
  destroy(): unknown;
  sendCommand(command: readonly string[], options: CommandOptions): Promise<unknown>;
  on(event: "error", listener: (error: unknown) => void): unknown;
}

/** The part of a cluster's node client that is used. */
interface NodeClient extends Pick<RedisClient, "isOpen" | "destroy"> {
  once(event: "connect", listener: () => void): unknown;
  unref(): unknown;
}

/** The part of a cluster from `createCluster` that is used. */
export interface RedisCluster extends Omit<RedisClient, "sendCommand" | "on"> {
  readonly slots: unknown;
  readonly nodeByAddress: ReadonlyMap<string, { readonly client?: NodeClient | undefined }>;
  /** Another client with the same options except for these, not connected. */
  duplicate(overrides: { readonly minimizeConnections: true }): RedisCluster;
  on(event: "error" | "node-reconnecting", listener: (error: unknown) => void): unknown;
  sendCommand(
    firstKey: string | undefined,
    isReadonly: boolean,
    command: string[],
    options: CommandOptions,
  ): Promise<unknown>;
}

/** The part of `KeyvRedis` that is used: its client. */
export interface HasClient {
  readonly client: unknown;
}

/** Where the data is stored, see `redis()`. */
export type Where = string | RedisClient | RedisCluster | HasClient;

/** A connection to the server. */
export interface Link {
  /** The server without user and password, for error messages. */
  readonly place: string;
  /** The last error of the connection, if it is down. */
  failure(): unknown;
  /** Connects; gives up when `signal` aborts. */
  connect(signal: AbortSignal): Promise<void>;
  /**
   * Sends a command to the server that owns `key`. A command that is still unwritten when `signal` aborts is never
   * sent.
   */
  send(key: string, command: readonly string[], signal: AbortSignal): Promise<unknown>;
  /** Reconnects, after a long silence or when the server is no longer the primary. */
  renew(): void;
  close(): void;
}
