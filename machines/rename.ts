/**
 * A rename as part of a user's lifecycle: the states in which it may begin, and how it ends there again. While it lasts,
 * the facts of that state, its tokens and their times stay as they are.
 *
 * @module
 */
import { decided, lastedMs } from "./refusals.ts";
import { valueOf, type Change, type Condition, type RenamableState, type RenamingState } from "./user.ts";

/**
 * The states in which a user may be renamed, and to which it returns after that.
 *
 * @example
 * ```ts
 * import { renamable } from "oneup-lifecycle/machines";
 *
 * console.log(renamable.includes("tokenActive")); // true
 * ```
 */
export const renamable: readonly RenamableState[] = [
  "tokenActive",
  "expiring",
  "refreshed",
  "reauthorized",
  "reauthorizing",
  "failed",
  "offboarded",
];

/**
 * Whether it is one of {@link RenamableState}.
 *
 * @example
 * ```ts
 * import { isRenamable } from "oneup-lifecycle/machines";
 *
 * console.log(isRenamable("failed"), isRenamable("codeIssued")); // true false
 * ```
 */
export function isRenamable(state: string): state is RenamableState {
  return renamable.some((one) => one === state);
}

/**
 * Whether it is one of {@link RenamingState}.
 *
 * @example
 * ```ts
 * import { isRenaming } from "oneup-lifecycle/machines";
 *
 * console.log(isRenaming("renameInDoubt"), isRenaming("tokenActive")); // true false
 * ```
 */
export function isRenaming(state: string): state is RenamingState {
  return state === "renaming" || state === "renameInDoubt";
}

/** The condition that a rename began in this state. */
export type BeganIn = `beganIn_${RenamableState}`;

/** See {@link BeganIn}. */
export const beganIn: Readonly<Record<BeganIn, Condition>> = forEach(
  "beganIn",
  (from): Condition =>
    ({ rename }) =>
      rename?.from === from,
);

/** The names of these changes. */
export type RenameChangeName = `renameFrom_${RenamableState}` | "endRename" | "reauthorizeAfterRename";

/** Only a grant can be discarded while the user is renamed. */
export const beganWithGrant: Condition = ({ rename }) =>
  rename !== null && typeof valueOf(rename.from) !== "string";

/** How a rename changes a user's context. Part of `user-changes.ts`. */
export const renameChanges: Readonly<Record<RenameChangeName, Change>> = {
  ...forEach("renameFrom", (from): Change => (_, event) => ({
    ...decided,
    rename: { to: "to" in event ? event.to : "", from },
    attempt: 0,
  })),
  endRename: () => ({ ...decided, rename: null, attempt: 0 }),
  // The grant is discarded at once, and the user needs another one under whichever id it has then.
  reauthorizeAfterRename: ({ rename }) => ({
    rename: rename && { ...rename, from: "reauthorizing" },
    lostGrant: true,
    expiresAt: null,
    grantedAt: null,
    refusedTokens: null,
  }),
};

/** A transition into a rename, or out of it, as the machine's table has it. */
interface Transition {
  readonly target: string;
  readonly actions: RenameChangeName;
}

/** A rename that begins in this state … */
export const renameFrom = (from: RenamableState): Transition => ({
  target: "#userLifecycle.renaming",
  actions: `renameFrom_${from}`,
});

/** … and the way back to it, however the rename ends. */
export const back: readonly (Transition & { readonly guard: BeganIn })[] = renamable.map((from) => ({
  guard: `beganIn_${from}`,
  target: `#userLifecycle.${typeof valueOf(from) === "string" ? from : `authorized.${from}`}`,
  actions: "endRename",
}));

/** … unless it may have been carried out. */
export const inDoubt = { target: "renameInDoubt", actions: "startOver" } as const;

/** How long, and how often, 1upHealth must not list the user before its rename counts as not done … */
const unlistedForMs = 3_600_000;
const fewestAbsences = 5;

/** … so until then it is looked up again. */
export const mayBeUnlisted: Condition = ({ absences }, { at }) =>
  absences === null || absences.times < fewestAbsences - 1 || lastedMs(absences, at) < unlistedForMs;

function forEach<Name extends string, Value>(
  name: Name,
  make: (from: RenamableState) => Value,
): Record<`${Name}_${RenamableState}`, Value> {
  const entries = renamable.map((from) => [`${name}_${from}`, make(from)]);
  return Object.fromEntries(entries) as Record<`${Name}_${RenamableState}`, Value>; // one for each
}
