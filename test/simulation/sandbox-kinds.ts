/** Kinds of 1upHealth: the ways in which it may be built that its documents leave open. */
import type { Kind } from "./kinds.ts";

export const sandboxKinds: Readonly<Record<string, Kind>> = {
  /** Answers in another form than the usual one. */
  otherAnswers: {
    share: 0.3,
    sandbox: (dice) => ({
      createAgain: dice.pick(["error", "success"]),
      renamed: dice.pick(["confirmation", "user"]),
      noMatch: dice.pick([200, 400]),
      invalidClient: dice.pick([400, 401]),
      tokenType: dice.pick(["Bearer", "bearer"]),
      refreshScope: dice.hits(0.5),
      spentCode: dice.pick([400, 503]),
    }),
  },
  /** A look-up of one user returns all users, page by page, unless its filter is where the server expects it. */
  unfilteredLists: { share: 0.12, sandbox: (dice) => ({ filter: dice.pick(["never", "body"]) }) },
  /** What a code or a refresh token that is presented twice ends, and what a rotation leaves. */
  otherGrants: {
    share: 0.3,
    sandbox: (dice) => ({
      oldAccessToken: dice.pick(["revoked", "valid"]),
      codeReuse: dice.pick(["refuse", "revokeFamily", "revokeFamily"]),
      reuse: dice.pick(["refuse", "revokeFamily", "revokeFamily"]),
    }),
  },
};
