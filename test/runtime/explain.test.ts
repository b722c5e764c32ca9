import type { Cause, GateName, PauseReason, ShutGate, UserStatus } from "oneup-lifecycle";
import { describe, expect, it } from "vitest";
import { explainUser, type Circumstances } from "../../src/runtime/operations/explain-user.ts";
import { callOf } from "../../src/runtime/user/step.ts";
import { states } from "../machines/events.ts";
import { at, quiet, user } from "../support/statuses.ts";

const pauses: Readonly<Record<PauseReason, RegExp>> = {
  rateLimit: /no slot of the limit is free/,
  throttled: /answered 429/,
  unavailable: /no answer of 1upHealth's own/,
  credentials: /refuses the client id and secret/,
  forbidden: /blocked before they reach 1upHealth/,
  codeRegisters: /a second to register/,
  codesSpent: /several codes brought no token/,
  unexplained: /refused its last call without a reason/,
  otherUsers: /about another user, or listed others/,
  missing: /does not list it, although it knew it before/,
  shortTokens: /live for so short/,
  purging: /erases for 30 s at a time/,
};

const gates: Readonly<Record<GateName, readonly [ShutGate["reason"], RegExp]>> = {
  management: ["throttled", /user management is shut, for all users/],
  token: ["rateLimit", /the token endpoint is shut, for all users/],
  fhir: ["throttled", /FHIR is shut, for all users/],
  exchange: ["unavailable", /the exchange of codes is shut, for all users/],
  secret: ["credentials", /this secret is suspended, for all users/],
  region: ["forbidden", /this process is suspended, for all users/],
};

const expired: Cause = {
  call: "createUser",
  endpoint: "management",
  host: "api.1up.example",
  status: null,
  code: "CERT_HAS_EXPIRED",
  attempt: 1,
  at: at(-1),
  retryAt: at(0),
};

const calling = states.filter((state) => callOf(state) !== undefined);

describe("runtime/explain", () => {
  it.each(states)("explain() of %s names the state, since when, and what comes next", (state) => {
    const text = explainUser(user(state), quiet);
    expect(text).toMatch(
      new RegExp(`^The user is ${state} \\(.+\\) since 2026-11-25 13:55:00 UTC, 5 min ago\\. `),
    );
    const call = callOf(state);
    const next = call === undefined ? "Nothing happens by itself: " : `Next is the call ${call}, as soon as `;
    expect(text.split(/(?<=\.) /).at(-1)).toContain(next);
    expect(text).not.toMatch(/undefined|null|ada|\.\.|\s\s/);
  });

  it.each(
    calling.flatMap((state) => Object.entries(pauses).map(([reason, why]) => [state, reason, why] as const)),
  )("explain() of %s that waits (%s) says why, until when, and who goes on", (state, reason, why) => {
    const pause = { reason: reason as PauseReason, until: at(90), attempt: 3, cause: null };
    const text = explainUser(user(state, { pause }), { ...quiet, dueAt: at(90) });
    expect(text).toMatch(why);
    expect(text).toContain(`the call ${callOf(state)} can leave at 2026-11-25 15:30:00 UTC, in 1 h 30 min`);
    expect(text).toMatch(/as attempt 3\. Any process that calls work\(\)/);
    expect(text).not.toContain("all users");
  });

  it.each(Object.entries(gates))(
    "explain() at the shut gate %s says that it is shut for all",
    (gate, [reason, why]) => {
      const shut: ShutGate = { gate: gate as GateName, state: "throttled", reason, until: at(2) };
      const pause = { reason: reason ?? "unavailable", until: at(2), attempt: 1, cause: null };
      expect(explainUser(user("created", { pause }), { ...quiet, shut: [shut] })).toMatch(why);
    },
  );

  it("explain() of a user in a lane names who goes first and when its turn comes at the latest", () => {
    const pause = { reason: "rateLimit", until: at(1), attempt: 1, cause: null } as const;
    const line = (ahead: number, inMs: number): string =>
      explainUser(user("created", { pause }), { ...quiet, queue: { lane: "bulk", ahead, inMs } });
    expect(line(1_205, 14_400_000)).toContain(
      "in the lane bulk for a slot of the account's limit, where 1,204 other users are ahead: its turn comes at 2026-11-25 18:00:00 UTC, in 4 h at the latest",
    );
    expect(line(1, 0)).toContain(
      "where no other user is ahead: a slot is free now. Then comes the call createUser.",
    );
    expect(line(1, 14_400_000), "whatever its own pause says").toContain(
      "at 2026-11-25 18:00:00 UTC, in 4 h",
    );
  });

  it.each([
    [
      "a pause that is over",
      { pause: { reason: "unavailable", until: at(-1), attempt: 2, cause: null } },
      {},
      /Next is the call createUser, as soon as/,
    ],
    [
      "one in hand",
      { underWay: "createUser" },
      { isRunning: true },
      /Now the call createUser is under way; if this process dies/,
    ],
    [
      "one of another process, which may have died",
      { underWay: "createUser" },
      { leasedUntil: at(1) },
      /The call createUser was begun\. Now another process has it, or died with it; its lease ends at 2026-11-25 14:01:00 UTC, in 1 min\. Any process/,
    ],
    [
      "one whose last try failed, in another process",
      { underWay: "createUser" },
      { leasedUntil: at(1), cause: expired },
      /Any process .+ continues it\. If that fails again: check the clock of this machine/,
    ],
    [
      "one whose last try failed, in hand",
      { underWay: "createUser" },
      { isRunning: true, cause: expired },
      /when its lease ends\. If that fails again: check the clock of this machine/,
    ],
    [
      "one in doubt",
      { underWay: "createUser" },
      {},
      /The call createUser was begun and its result is unknown/,
    ],
    [
      "one that is due later",
      {},
      { dueAt: at(10) },
      /takes it up at 2026-11-25 14:10:00 UTC, in 10 min, or sooner/,
    ],
    [
      "a purge",
      { purge: { done: ["dstu2"], left: ["stu3", "r4"], skipped: null } },
      {},
      /erased: dstu2; still to erase: stu3, r4\. (?!A purge)/,
    ],
    [
      "a purge of a user that 1upHealth no longer knew",
      { purge: { done: ["dstu2"], left: [], skipped: { versions: ["r4"], why: "userUnknown" } } },
      {},
      /A purge of r4 was requested and never confirmed: 1upHealth did not know the user \(any more\)\./,
    ],
    [
      "a purge that was withdrawn",
      { purge: { done: [], left: [], skipped: { versions: ["r4"], why: "withdrawn" } } },
      {},
      /never confirmed: the application offboarded the user without a purge before it was done, and a call without/,
    ],
    ["a conflict", { conflict: "idTaken" }, {}, /under the id of another user here/],
    ["an inactive one", { active: false }, {}, /lists it as inactive/],
    ["one without a history", { history: [] }, {}, /No history is kept\./],
  ] satisfies readonly (readonly [string, Partial<UserStatus>, Partial<Circumstances>, RegExp])[])(
    "explain() of %s",
    (_, status, circumstances, says) => {
      expect(explainUser(user("created", status), { ...quiet, ...circumstances })).toMatch(says);
    },
  );

  it("explain() of an idle user names when its token expires and when it is renewed", () => {
    const rests = user("refreshed", { usable: true, expiresAt: at(115) });
    expect(explainUser(rests, { ...quiet, dueAt: at(9_000) })).toMatch(
      /works until 2026-11-25 15:55:00 UTC, in 1 h 55 min\. Its token is renewed when .* by a worker at 2026-12-01 20:00:00 UTC, in 6 d 6 h\.$/,
    );
  });

  it.each([
    ["refused", /because 1upHealth refused the call for good: No such thing\. /],
    ["codesRefused", /refused every code for a day/],
    ["contradiction", /in turn for a day that the user exists and that it does not/],
    ["idTaken", /that another user here has/],
  ] as const)("explain() of one that failed (%s) says why, and what helps", (reason, says) => {
    const failure = { reason, in: "created", why: "No such thing." } as const;
    const text = explainUser(user("failed", { failure }), quiet);
    expect(text).toMatch(says);
    expect(text).toMatch(/It failed in created, .* Nothing happens by itself: retry\(\) takes it back/);
  });
});
