/**
 * Settings shared by all measurements.
 *
 * @module
 */

/** Duration and number of repetitions. */
export interface Effort {
  /** Number of pairs of rounds. */
  readonly pairs: number;
  /** Measured part of a round, in ms. */
  readonly roundMs: number;
  /** The part before it, until every loop and connection is busy, in ms. */
  readonly rampMs: number;
  /** Users in the store when access tokens are requested from it. */
  readonly storedUsers: number;
  /** Users that move from store to store. */
  readonly movedUsers: number;
  /** Users that are onboarded to measure memory. */
  readonly importedUsers: number;
  /** Users whose resources are exported. */
  readonly exportedUsers: number;
  /** Number of fresh processes that import the library, or its packages. */
  readonly imports: number;
  /** Number of applications that are killed and restarted, per store. */
  readonly crashes: number;
  /** Size of a fleet's backlog, in windows of the limit. */
  readonly windows: number;
  /** Users at rest, ascending. */
  readonly usersAtRest: readonly number[];
}

/** For numbers to compare with the bars. */
export const thorough: Effort = {
  pairs: 7,
  roundMs: 2_000,
  rampMs: 300,
  storedUsers: 20_000,
  movedUsers: 100_000,
  importedUsers: 20_000,
  exportedUsers: 2_000,
  imports: 25,
  crashes: 3,
  windows: 5,
  usersAtRest: [1_000, 100_000, 1_000_000],
};

/** For a quick look: a third of the time, several per cent of noise. */
export const quick: Effort = {
  pairs: 3,
  roundMs: 700,
  rampMs: 200,
  storedUsers: 4_000,
  movedUsers: 4_000,
  importedUsers: 4_000,
  exportedUsers: 300,
  imports: 3,
  crashes: 1,
  windows: 2,
  usersAtRest: [1_000, 100_000],
};

/** Connections per side. */
export const connections = 64;

/** Concurrent users: twice the connections, so that a connection never waits for its next call. */
export const loops = 128;

/** The client of both sides. The provider ignores the values; their length matters. */
export const credentials = {
  clientId: "0123456789abcdef0123456789abcdef",
  clientSecret: "fedcba9876543210fedcba9876543210",
};
