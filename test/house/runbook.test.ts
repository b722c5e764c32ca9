/** `docs/runbook.md` has an entry for each gate, each reason to wait and each failure, by the words that are shown. */
import type { FailureReason, GateName, UserPause } from "oneup-lifecycle";
import { describe, expect, it } from "vitest";
import { lostStore } from "../../src/store/lost-store.ts";
import { reasonOf } from "../../src/runtime/gates/gate-rules.ts";
import { gateNames } from "../../src/runtime/gates/shared-gates.ts";
import { explainUser } from "../../src/runtime/operations/explain-user.ts";
import { gateLine } from "../../src/cli/format.ts";
import { at, now, quiet, user } from "../support/statuses.ts";
import { entriesOf, symptomOf } from "../support/runbook.ts";
import { read } from "./repository.ts";

const waits = Object.keys({
  rateLimit: true,
  throttled: true,
  unavailable: true,
  credentials: true,
  forbidden: true,
  codeRegisters: true,
  codesSpent: true,
  unexplained: true,
  otherUsers: true,
  missing: true,
  shortTokens: true,
  purging: true,
  paused: true,
  held: true,
  lease: true,
} satisfies Record<UserPause["reason"], true>) as UserPause["reason"][]; // its keys

const failures = Object.keys({
  refused: true,
  codesRefused: true,
  contradiction: true,
  idTaken: true,
  anotherUser: true,
} satisfies Record<FailureReason, true>) as FailureReason[]; // its keys

/** What `status` shows of a shut gate. */
function shut(gate: GateName): string {
  const state = reasonOf(gate) === "throttled" || gate === "exchange" ? "throttled" : "suspended";
  return gateLine({ gate, state, reason: reasonOf(gate), until: at(1) }, now);
}

/** What `explain` prints of a user that waits. */
function waiting(reason: UserPause["reason"]): string {
  const pause = { reason, until: at(5), attempt: 1, cause: null, why: "a bill" };
  const hold = reason === "held" ? { reason: "a complaint", since: at(-5), by: null } : null;
  return explainUser(user("created", { pause, hold }), quiet);
}

function failed(reason: FailureReason): string {
  const failure = { reason, in: "created", why: "http_400" } as const;
  return explainUser(user("failed", { failure }), quiet);
}

describe("the runbook", () => {
  it.each([
    ["Gates", gateNames, shut],
    ["Waiting users", waits, waiting],
    ["Failed users", failures, failed],
  ] as const)("has under %s each entry, and begins it with what is shown", (section, names, shown) => {
    expect(entriesOf(section)).toEqual(names.map((name) => `\`${name}\``));
    for (const name of names)
      expect((shown as (one: string) => string)(name)).toContain(symptomOf(`\`${name}\``)); // one of its own names
  });

  it("begins what it has about the store and the keys with messages that exist", () => {
    const sources = [
      read("docs/outages.md"),
      lostStore().message,
      read("src/runtime/account/store-keys.ts"),
      read("src/store/sealing/sealer.ts"),
      read("src/store/envelope.ts"),
      read("src/store/moved-store.ts"),
    ].join("\n");
    for (const entry of [...entriesOf("The store"), ...entriesOf("Keys")])
      expect(sources).toContain(symptomOf(entry));
  });
});
