/**
 * Assertions for `node:test`, Deno and whatever else fails by a thrown error. Vitest has matchers of the same meaning, see
 * `oneup-lifecycle/testing/vitest`.
 *
 * @module
 */
import { AssertionError } from "node:assert";
import type { UserState } from "../../machines/index.ts";
import type { UserStatus } from "../runtime/status.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { inState, noSecrets, spentCalls, visited } from "./expectations.ts";
import type { Checked, SpentCalls, Spender } from "./expectations.ts";

/**
 * The user is in `state`.
 *
 * @example
 * ```ts
 * import { assertInState, createTestLifecycle } from "oneup-lifecycle/testing";
 *
 * const { lifecycle } = await createTestLifecycle();
 * assertInState(await lifecycle.onboard("ada"), "tokenActive");
 * ```
 * @throws {AssertionError} with the user's history
 * @throws {LifecycleError} `INVALID_OPTION` for what is no state
 */
export function assertInState(status: UserStatus, state: UserState): void {
  demand(assertInState, inState(status, state));
}

/**
 * The user came through these states, in this order; others may lie between. The record keeps the last steps only.
 *
 * @example
 * ```ts
 * import { assertVisited, createTestLifecycle } from "oneup-lifecycle/testing";
 *
 * const { lifecycle } = await createTestLifecycle();
 * assertVisited(await lifecycle.onboard("ada"), ["created", "codeIssued", "tokenActive"]);
 * ```
 * @throws {AssertionError} with the user's history
 * @throws {LifecycleError} `INVALID_OPTION` for what is no state
 */
export function assertVisited(status: UserStatus, states: readonly UserState[]): void {
  demand(assertVisited, visited(status, states));
}

/**
 * Exactly so many calls were spent, for one user or by all: a number of management calls, or some of
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
 * @throws {LifecycleError} `INVALID_OPTION` for what nobody counts
 */
export function assertSpentCalls(spender: Spender, calls: number | SpentCalls): void {
  demand(assertSpentCalls, spentCalls(spender, calls));
}

/**
 * No code, no token and no client secret stands in `value`: a text, bytes, or whatever can be printed or serialised.
 *
 * @param sandbox Whose secrets. @default those of all test lifecycles that are open
 * @example
 * ```ts
 * import { assertNoSecrets, createTestLifecycle } from "oneup-lifecycle/testing";
 *
 * const { lifecycle } = await createTestLifecycle();
 * const shown = await lifecycle.onboard("ada");
 * assertNoSecrets(shown);
 * ```
 * @throws {AssertionError} that names what was found, without it
 * @throws {LifecycleError} `INVALID_OPTION` if there is no sandbox whose secrets these could be
 */
export function assertNoSecrets(value: unknown, sandbox?: Sandbox): void {
  demand(assertNoSecrets, noSecrets(value, sandbox));
}

function demand(assertion: (...args: never[]) => void, { holds, says, actual, expected }: Checked): void {
  if (holds) return;
  const { name: operator } = assertion;
  throw new AssertionError({ message: says(false), actual, expected, operator, stackStartFn: assertion });
}
