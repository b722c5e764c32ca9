/**
 * What every measurement shares.
 *
 * @module
 */

/** How long and how often to measure. */
export interface Effort {
  /** Pairs of rounds whose ratios are compared. */
  readonly pairs: number;
  /** The part of a round that counts, ms. */
  readonly roundMs: number;
  /** The part before it, until every loop and connection is busy, ms. */
  readonly rampMs: number;
  /** Users that exist before access tokens are asked for from the store. */
  readonly storedUsers: number;
  /** Users that the process whose memory is measured onboards. */
  readonly importedUsers: number;
  /** Fresh processes that import the library. */
  readonly imports: number;
  /** Applications that are killed and started again, for each store. */
  readonly crashes: number;
  /** How many windows of the limit a fleet has users for. */
  readonly windows: number;
  /** Users at rest, ascending. */
  readonly usersAtRest: readonly number[];
}

/** For numbers to compare with a bar. */
export const thorough: Effort = {
  pairs: 7,
  roundMs: 2_000,
  rampMs: 300,
  storedUsers: 20_000,
  importedUsers: 20_000,
  imports: 9,
  crashes: 3,
  windows: 5,
  usersAtRest: [1_000, 100_000, 1_000_000],
};

/** For a look: a third of the time, several per cent of noise. */
export const quick: Effort = {
  pairs: 3,
  roundMs: 700,
  rampMs: 200,
  storedUsers: 4_000,
  importedUsers: 4_000,
  imports: 3,
  crashes: 1,
  windows: 2,
  usersAtRest: [1_000, 100_000],
};

/** Connections of either side. */
export const connections = 64;

/** Users under way at a time: twice the connections, so that a connection never waits for its next call. */
export const loops = 128;

/** The client of either side. The provider does not look at them; they are here for their length. */
export const credentials = {
  clientId: "0123456789abcdef0123456789abcdef",
  clientSecret: "fedcba9876543210fedcba9876543210",
};
