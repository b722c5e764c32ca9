import { readFileSync } from "node:fs";
import type { UserState, UserStatus } from "oneup-lifecycle";
import { describe, expect, it } from "vitest";
import { explain } from "../../src/cli/commands/explain.ts";
import { atShell } from "../../src/cli/shell-words.ts";
import { explainUser, type Circumstances } from "../../src/runtime/operations/explain-user.ts";
import { states } from "../machines/events.ts";
import { at, quiet, stepOf, user } from "../support/statuses.ts";

const standings: readonly Partial<UserStatus>[] = [
  {},
  { underWay: "createUser" },
  { pause: { reason: "unavailable", until: at(3), attempt: 2, cause: null } },
];

const given = { command: explain, texts: new Map<string, string>() };
const around: readonly Partial<Circumstances>[] = [
  {},
  { isRunning: true },
  { leasedUntil: at(1) },
  { dueAt: at(-1) },
  { dueAt: at(20) },
  { queue: { lane: "bulk", ahead: 3, inMs: 60_000 } },
];

/** All that is said of a user in this state, as the shell has it. */
function said(state: UserState): string[] {
  return standings.flatMap((standing) =>
    around.map((more) => {
      const circumstances = { ...quiet, ...more };
      return atShell(explainUser(user(state, standing), circumstances), given);
    }),
  );
}

describe("cli explain", () => {
  it.each(states)("explain of %s names commands, and no method", (state) => {
    expect(said(state).filter((text) => /\w\(\)/.test(text))).toEqual([]);
  });

  it.each(["a$&b", "$`", "$'", "$$1"])("an error names the id %s as it was typed", (id) => {
    const told = atShell("Cannot find user u-1: u-1 is not here", given, new Map([["u-1", id]]));
    expect(told).toBe(`Cannot find user ${JSON.stringify(id)}: ${JSON.stringify(id)} is not here`);
  });

  it("explain prints what the guide quotes", () => {
    const since = new Date(Date.UTC(2026, 10, 25, 18, 42, 42));
    const standing = { since, history: [stepOf("ONBOARD", "created", "the application asked for it")] };
    const queue = { lane: "bulk", ahead: 4, inMs: 3_598_000 } as const;
    const circumstances = { ...quiet, now: since.getTime() + 2_000, queue };
    const text = atShell(explainUser(user("created", standing), circumstances), given);
    const guide = readFileSync(new URL("../../docs/concepts.md", import.meta.url), "utf8");
    expect(guide.split("\n").find((line) => line.startsWith("> The user is"))).toBe(`> ${text}`);
  });

  it("explain names what a worker does, and when", () => {
    const text = said("created").join("\n");
    expect(text).toContain(
      "Any worker (oneup-lifecycle work), or process that asks for this user, continues",
    );
    expect(text).toContain("as soon as there is a worker (oneup-lifecycle work), or a process asks for this");
    expect(text).toMatch(
      /when a worker \(oneup-lifecycle work\) takes it up at .*, or sooner if a process asks/,
    );
  });
});
