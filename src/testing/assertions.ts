/**
 * Assertions for `node:test`, Deno and other runners in which a thrown error fails a test. For Vitest,
 * `oneup-lifecycle/testing/vitest` has equivalent matchers.
 *
 * @module
 */
import { AssertionError } from "node:assert";
import type { UserState } from "../../machines/index.ts";
import type { UserStatus } from "../runtime/user/user-status.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import {
  inState,
  noSecrets,
  spentCalls,
  visited,
  type Checked,
  type SpentCalls,
  type Spender,
} from "./expectations.ts";

/**
 * Asserts that the user is in `state`.
 *
 * @example
 * ```ts
 * import { assertInState, createTestLifecycle } from "oneup-lifecycle/testing";
 *
 * const { lifecycle } = await createTestLifecycle();
 * assertInState(await lifecycle.onboard("ada"), "tokenActive");
 * ```
 * @throws {AssertionError} with the user's history
 * @throws {LifecycleError} `INVALID_OPTION` for an unknown state
 */
export function assertInState(status: UserStatus, state: UserState): void {
  demand(assertInState, inState(status, state));
}

/**
 * Asserts that the user passed through these states in this order, possibly with others between. Only the last steps are
 * stored.
 *
 * @example
 * ```ts
 * import { assertVisited, createTestLifecycle } from "oneup-lifecycle/testing";
 *
 * const { lifecycle } = await createTestLifecycle();
 * assertVisited(await lifecycle.onboard("ada"), ["created", "codeIssued", "tokenActive"]);
 * ```
 * @throws {AssertionError} with the user's history
 * @throws {LifecycleError} `INVALID_OPTION` for an unknown state
 */
export function assertVisited(status: UserStatus, states: readonly UserState[]): void {
  demand(assertVisited, visited(status, states));
}

/**
 * Asserts the exact number of calls, of one user or of all: a number of management calls, or some of
 * `{ management, token, fhir }`.
 *
 * @example
 * ```ts
 * import { assertSpentCalls, createTestLifecycle } from "oneup-lifecycle/testing";
 *
 * const { lifecycle, sandbox } = await createTestLifecycle();
 * assertSpentCalls(await lifecycle.onboard("ada"), 1);
 * assertSpentCalls(sandbox, { management: 1, token: 1 });
 * ```
 * @throws {AssertionError} with the user's history, or the sandbox's journal
 * @throws {LifecycleError} `INVALID_OPTION` for an unknown kind of call
 */
export function assertSpentCalls(spender: Spender, calls: number | SpentCalls): void {
  demand(assertSpentCalls, spentCalls(spender, calls));
}

/**
 * Asserts that `value` contains no code, token or client secret: a text, bytes, or anything printable or serialisable.
 *
 * @param sandbox The sandbox whose secrets to look for. @default those of all test lifecycles, open or closed
 * @example
 * ```ts
 * import { assertNoSecrets, createTestLifecycle } from "oneup-lifecycle/testing";
 *
 * const { lifecycle } = await createTestLifecycle();
 * const shown = await lifecycle.onboard("ada");
 * assertNoSecrets(shown);
 * ```
 * @throws {AssertionError} that names the secrets found, without their values
 * @throws {LifecycleError} `INVALID_OPTION` if there is no sandbox to take secrets from, and for what cannot be looked into: a
 * promise, a response or request with a body, a blob, a stream, gzipped bytes
 */
export function assertNoSecrets(value: unknown, sandbox?: Sandbox): void {
  demand(assertNoSecrets, noSecrets(value, sandbox));
}

function demand(assertion: (...args: never[]) => void, { holds, message, actual, expected }: Checked): void {
  if (holds) return;
  const { name: operator } = assertion;
  throw new AssertionError({ message: message(false), actual, expected, operator, stackStartFn: assertion });
}
