/**
 * The server form of the sandbox.
 *
 * @module
 */
/** A sandbox that listens on a port. */
export interface SandboxServer {
  /** Its origin, e.g. `http://127.0.0.1:40123`. */
  readonly url: string;
  /** For the client's option of the same name: `api` replaces https://api.1up.health, `auth` https://auth.1up.health. */
  readonly endpoints: { readonly api: string; readonly auth: string };
  /**
   * Stops listening and closes every connection; calls that wait for their latency or a fault's delay are dropped. May be
   * called again.
   *
   * @example
   * ```ts
   * import { createSandbox } from "oneup-lifecycle/sandbox";
   *
   * const sandbox = createSandbox();
   * const server = await sandbox.listen({ port: 0 });
   * await server.close();
   * ```
   */
  close(): Promise<void>;
}

/** Options of `sandbox.listen()`. */
export interface ListenOptions {
  /** The port. @default 0 (any free port) */
  readonly port?: number | undefined;
}
