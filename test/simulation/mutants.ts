/**
 * Ways to break the library on purpose. Each is one change of its source, in a copy; the simulation must notice every
 * one, or it would not notice the same mistake made by accident.
 */

/** One mistake. */
export interface Mutant {
  /** What the broken library does. */
  readonly name: string;
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}

/** All mistakes. */
export const mutants: readonly Mutant[] = [
  {
    name: "writes a user on whom somebody else works",
    file: "src/store/rules.ts",
    find: 'return live && !(ours && commit.mode === "take") ? "conflict" : "write";',
    replace: 'return "write";',
  },
  {
    name: "calls its own repeated write a conflict",
    file: "src/store/rules.ts",
    find: 'if (row.writeId === commit.writeId) return "again";',
    replace: "",
  },
  {
    name: "grants more slots than are free",
    file: "src/store/tables.ts",
    find: "counts = { ...counts, [lane]: counts[lane] + 1 };",
    replace: "",
  },
  {
    name: "lets imports take the places kept for people",
    file: "src/store/shares.ts",
    find: 'if (lane === "interactive" || taken < rest) return true;',
    replace: "return true;",
  },
  {
    name: "makes a call without writing down that it does",
    file: "src/runtime/drive.ts",
    find: "intent: { call, attempt: randomName(engine.clock), at: engine.clock.now() },",
    replace: "intent: null,",
  },
  {
    name: "counts a slot from when it was asked for",
    file: "src/guard/guard.ts",
    find: "const holdMs = timeoutMs + graceMs;",
    replace: "const holdMs = 0;",
  },
  {
    name: "frees the slot of a call that nobody heard of",
    file: "src/guard/guard.ts",
    find: 'if (slot === null || fate === "counts") return {};',
    replace: 'if (slot === null) return {};\n  if (fate === "counts") return { giveBack: slot };',
  },
  {
    name: "believes that a call is over once nobody waits for it",
    file: "src/guard/guard.ts",
    find: 'if (slot === null || fate === "counts") return {};',
    replace: "if (slot === null) return {};",
  },
  {
    name: "sends a call whose time has passed",
    file: "src/http/send.ts",
    find: "if (this.#aborted || (notAfter !== undefined && clock.monotonic() > notAfter)) return false;",
    replace: "if (this.#aborted) return false;",
  },
  {
    name: "repeats a create blindly",
    file: "machines/user-lifecycle.ts",
    find: 'IN_DOUBT: { target: "reauthorizing", actions: "tryAgainLater" },',
    replace: 'IN_DOUBT: { actions: "tryAgainLater" },',
  },
  {
    name: "looks for a user whose create may still be on its way",
    file: "src/runtime/doubt.ts",
    find: 'waits: "arrival", next: "issueAuthCode"',
    replace: 'waits: "jitter", next: "issueAuthCode"',
  },
  {
    name: "creates a user again who is there already",
    file: "machines/user-lifecycle.ts",
    find: 'USER_EXISTS: { target: "reauthorizing", actions: "noteExists" },',
    replace: 'USER_EXISTS: { actions: "tryAgainLater" },',
  },
  {
    name: "asks for a new code when a fresh one has not registered yet",
    file: "machines/user-lifecycle.ts",
    find: '{ guard: "codeMayStillRegister", actions: "exchangeOnceMore" },',
    replace: "",
  },
  {
    name: "gives a user up when a code is spent",
    file: "machines/user-lifecycle.ts",
    find: '{ guard: "codeMayBeSpentOrExpired", target: "reauthorizing", actions: "giveUpCode" },',
    replace: '{ guard: "codeMayBeSpentOrExpired", target: "failed", actions: "failCodesRefused" },',
  },
  {
    name: "throws a grant away on any trouble",
    file: "src/runtime/doubt.ts",
    find: 'unheard: { hears: "IN_DOUBT", waits: "jitter", next: "refreshToken"',
    replace: 'unheard: { hears: "GRANT_LOST", waits: "jitter", next: "refreshToken"',
  },
  {
    name: "drops the refresh token when an answer brings none",
    file: "src/runtime/act.ts",
    find: "{ ...user.secrets, ...newSecrets(heard) }",
    replace: "{ code: user.secrets.code, ...newSecrets(heard) }",
  },
  {
    name: "takes a save that failed for done",
    file: "src/runtime/save.ts",
    find: "if (ends === false || ends.aborted || !isLifecycleError(error) || !error.retryable) throw error;",
    replace: 'return { type: "committed", revision: user.revision + 1, slot: null };',
  },
  {
    name: "hands tokens out before they are saved",
    file: "src/runtime/drive.ts",
    find: "  const done = await save(engine, user, heardSomething, {\n    mode: mode ===",
    replace:
      '  const done = { type: "committed", revision: user.revision + 1 };\n  void save(engine, user, heardSomething, {\n    mode: mode ===',
  },
  {
    name: "lets a user who pauses sleep for ever",
    file: "src/runtime/rest.ts",
    find: "if (user.pause !== null) return Math.max(0, user.pause.until - now);",
    replace: "if (user.pause !== null) return null;",
  },
  {
    name: "trusts its own clock with a pause that another process wrote",
    file: "src/runtime/arrive.ts",
    find: "const ownMs = renaming(user) || user.pause !== null ? (record.dueInMs ?? 0) : 0;",
    replace:
      "const ownMs = renaming(user) ? (record.dueInMs ?? 0) : (user.pause?.until ?? 0) - engine.clock.now();",
  },
  {
    name: "shuts the account when one secret is refused",
    file: "src/runtime/credentials-in-use.ts",
    find: "return `secret:${this.#parts.fingerprint(clientSecret.reveal())}`;",
    replace: 'return "secret:" + clientSecret.reveal().length;',
  },
  {
    name: "never asks for a changed secret",
    file: "src/runtime/credentials-in-use.ts",
    find: "if (!source.mayChange || (!now && askedMs < pauseMs)) return;",
    replace: "return;",
  },
  {
    name: "does not wait when it is told to",
    file: "src/runtime/account.ts",
    find: "if (retryAfterMs !== undefined) return Math.min(Math.max(retryAfterMs, 1), longestThrottlingMs);",
    replace: "if (retryAfterMs !== undefined) return 1_000;",
  },
  {
    name: "never tries a gate that was shut",
    file: "src/guard/gates.ts",
    find: "if (!comesLater(name, call)) return now >= gate.until;",
    replace: "if (!comesLater(name, call)) return false;",
  },
  {
    name: "spends code after code while the token endpoint is down",
    file: "src/runtime/drive.ts",
    find: 'return "kept";',
    replace: 'return "plain";',
  },
  {
    name: "moves a renamed user without asking whether it was renamed",
    file: "src/runtime/renaming.ts",
    find: "return there?.appUserId === to ? move(engine, user, start, to, over) :",
    replace: "return there !== undefined ? move(engine, user, start, to, over) :",
  },
  {
    name: "leaves a user whose rename is in doubt under its old name",
    file: "src/runtime/renaming.ts",
    find: "return there?.appUserId === to ? move(engine, user, start, to, over) :",
    replace: 'return there?.appUserId === "" ? move(engine, user, start, to, over) :',
  },
  {
    name: "writes a token into its log",
    file: "src/runtime/save.ts",
    find: "yet: ${error.message}; trying again`,",
    replace: "yet: ${user.secrets.accessToken?.reveal()}; trying again`,",
  },
  {
    name: "keeps a token in clear beside its sealed form",
    file: "src/runtime/user.ts",
    find: "calls: user.calls,\n    sealed:",
    replace: "calls: user.calls,\n    token: user.secrets.accessToken?.reveal() ?? null,\n    sealed:",
  },
  {
    name: "drops a store key that records are still sealed with",
    file: "src/runtime/seal-anew.ts",
    find: 'if (isSettled(engine, record, early)) return "current";',
    replace: 'return "current";',
  },
  {
    name: "writes a new format before it is raised",
    file: "src/store/seal.ts",
    find: "  get format(): number {\n    return this.#format;",
    replace: "  get format(): number {\n    return this.newest;",
  },
  {
    name: "takes a key that it does not know yet for damage",
    file: "src/runtime/load.ts",
    find: "await engine.keys.renew();",
    replace: "{}",
  },
  {
    name: "leaves the old ring key in use after a rewrap",
    file: "src/runtime/rewrap.ts",
    find: "if (!retired.includes(wrapped.by)) return wrapped;",
    replace:
      "if (!retired.includes(wrapped.by)) return { by: wrapped.by, wrapped: wrapped.wrapped.slice(4) };",
  },
  {
    name: "forgets in its lane whoever it held for a comparison",
    file: "src/runtime/onboard-many.ts",
    find: 'await insist(engine, signal, "line users up", () => lineUp(engine, name, signal));',
    replace: "",
  },
  {
    name: "holds users for a comparison without saying until when",
    file: "src/runtime/onboard-many.ts",
    find: "{ dueInMs: holdMs, lane: null }",
    replace: "{ dueInMs: null, lane: null }",
  },
  {
    name: "counts whoever has arrived as left for ever",
    file: "src/runtime/act.ts",
    find: "origin: origin && { ...origin, arrived: true }",
    replace: "origin",
  },
  {
    name: "calls an import done while somebody is left",
    file: "src/runtime/onboard-many.ts",
    find: "if (left === 0) break;",
    replace: "if (left < 3) break;",
  },
  {
    name: "takes its own first write of a user for somebody else's",
    file: "src/runtime/onboard-many.ts",
    find: "const done = await save(engine, newcomer, signal, { mode",
    replace: "const done = await save(engine, newcomer, false, { mode",
  },
  {
    name: "marks users of other imports",
    file: "src/runtime/comparing.ts",
    find: "intent === null && origin?.name === name && !origin.arrived",
    replace: 'intent === null && name !== "" && origin?.arrived === false',
  },
  {
    name: "notes how far it read 1upHealth's list before it marks who stands there",
    file: "src/runtime/comparing.ts",
    find: "    failures = 0;\n    const known",
    replace:
      "    failures = 0;\n    const read = at.skip + page.length;\n    await noteComparison(engine, name, signal, (before) => ({ ...before, skip: read }));\n    const known",
  },
  {
    name: "reads 1upHealth's list to its end, whatever that costs",
    file: "src/runtime/comparing.ts",
    find: "return left > 1 && pages - known <= Math.max(1, left / 50);",
    replace: "return left > 0 || pages + known > 0;",
  },
  {
    name: "leaves a user whom it took over to nobody",
    file: "src/runtime/adopt.ts",
    find: "const place = restingPlace(engine, user, null);",
    replace: "const place = { dueInMs: null, lane: null } as const;",
  },
  {
    name: "drops the refresh token of a user whom it takes over",
    file: "src/runtime/adopt.ts",
    find: "const secrets = { refreshToken, ...(access",
    replace: "const secrets = { ...(access",
  },
  {
    name: "counts a user whom it took over as left in its import for ever",
    file: "src/runtime/adopt.ts",
    find: "pause: null, ...arrivedBy(after) };",
    replace: "pause: null };",
  },
  {
    name: "creates a user again whom somebody renamed at 1upHealth",
    file: "machines/user-lifecycle.ts",
    find: '          { guard: "hasANumber", target: "locating", actions: "noteUnknownId" },\n',
    replace: "",
  },
  {
    name: "leaves a user whom somebody renamed at 1upHealth under its old name",
    file: "src/runtime/drive.ts",
    find: 'if (heard.type === "elsewhere") {',
    replace: 'if (heard.type === "elsewhere" && user.id === "") {',
  },
  {
    name: "keeps the secrets of a user who was let go",
    file: "src/runtime/offboard.ts",
    find: "const rest = { secrets: {}, pause };",
    replace: "const rest = { pause };",
  },
  {
    name: "takes a purge that was cut for done",
    file: "src/http/purge.ts",
    find: 'return { type: "cut" };',
    replace: 'return { type: "purged" };',
  },
  {
    name: "takes a purge of which nobody heard for done",
    file: "src/runtime/doubt.ts",
    find: 'unheard: { hears: "IN_DOUBT", waits: "arrivalAndJitter", next: "purge"',
    replace: 'unheard: { hears: "PURGED" as "IN_DOUBT", waits: "arrivalAndJitter", next: "purge"',
  },
  {
    name: "forgets the purge of a user once its process dies",
    file: "src/runtime/offboard.ts",
    find: "const place = restingPlace(engine, user, null);",
    replace: "const place = { dueInMs: null, lane: null } as const;",
  },
  {
    name: "does not move whom 1upHealth has under another name",
    file: "src/runtime/finding.ts",
    find: "if (thereAppUserId !== appUserId) this.#tellRenamed",
    replace: "if (thereAppUserId === appUserId) this.#tellRenamed",
  },
  {
    name: "ends 1upHealth's list with its first page",
    file: "src/runtime/walk.ts",
    find: "if (page.entries === 0 || page.entries < longest) return steps.end();",
    replace: "return steps.end();",
  },
  {
    name: "replaces a grant by an older one that the application brings",
    file: "machines/user-lifecycle.ts",
    find: '        DUE: { target: ".expiring", actions: "startOver" },',
    replace: '        ADOPTED: adoption,\n        DUE: { target: ".expiring", actions: "startOver" },',
  },
];
