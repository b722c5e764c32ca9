/**
 * What a store offers beside its contract, so that an application writes a new user in a transaction of its own.
 *
 * @module
 */
/**
 * A connection of the application that is inside a transaction, as `pg` has. Each value is a string, and stands in the
 * text once, as `$1`, `$2` and so on, in this order; so a text for another placeholder is easily made of it.
 */
export interface TransactionClient {
  /**
   * Runs one statement, and resolves with its rows: objects with each column under its name, a boolean as a boolean.
   *
   * @example
   * ```ts
   * import type { TransactionClient } from "oneup-lifecycle";
   *
   * interface OfPrisma {
   *   $queryRawUnsafe(text: string, ...values: string[]): PromiseLike<unknown[]>;
   * }
   *
   * function within(tx: OfPrisma): TransactionClient {
   *   return { query: async (text, values) => ({ rows: await tx.$queryRawUnsafe(text, ...values) }) };
   * }
   * ```
   */
  query(text: string, values: string[]): Promise<{ readonly rows: readonly unknown[] }>;
}

/**
 * A verb that writes a new user, the `commit` of revision 0 and without a lease, in the transaction of `client`: it exists once that
 * is committed, unless a user with its id does by then. Under `unless` is its tombstone, over which it is written. The
 * transaction holds up nothing, however long it stays open, but for the fence of a move.
 *
 * @throws {LifecycleError} `INVALID_OPTION` unless the client is in a transaction, on the server and database of the
 *   store, takes text as it is sent, and returns rows as described; as `commit`
 */
export type JoinVerb<Commit> = (client: TransactionClient, commit: Commit) => Promise<void>;
