import { describe, expect, it } from "vitest";
import { isRenaming, type UserContext, type UserEvent } from "../../machines/index.ts";
import { step } from "../../src/runtime/user/step.ts";
import { event, eventsAt, states, usual } from "./events.ts";

/*
 * What every event does in every state, for a user with nothing special about it.
 * A name: goes there. `stays`: remembers something, and stays. `-`: means nothing here, nothing changes.
 */
const withoutGrant = `
                | created       | codeIssued    | reauthorizing | locating      | failed        | identifying   | offboarding   | offboarded    |
EXPECT_EXISTING | reauthorizing | -             | -             | -             | -             | -             | -             | -             |
ADOPTED         | tokenActive   | -             | tokenActive   | tokenActive   | tokenActive   | -             | -             | tokenActive   |
USER_CREATED    | codeIssued    | -             | -             | -             | -             | -             | -             | -             |
USER_AUTHORIZED | tokenActive   | -             | -             | -             | -             | -             | -             | -             |
USER_EXISTS     | reauthorizing | -             | -             | -             | -             | -             | -             | -             |
USER_MISSING    | -             | -             | locating      | stays         | -             | stays         | -             | -             |
FOUND_OTHERS    | -             | -             | -             | stays         | -             | stays         | -             | -             |
USER_FOUND      | -             | -             | -             | reauthorizing | -             | offboarding   | -             | -             |
FOUND_ELSEWHERE | -             | -             | -             | reauthorizing | -             | offboarding   | -             | -             |
RENAME          | -             | -             | renaming      | -             | renaming      | -             | -             | renaming      |
USER_RENAMED    | -             | -             | -             | -             | -             | -             | -             | -             |
ID_TAKEN        | stays         | stays         | failed        | stays         | stays         | stays         | failed        | stays         |
NUMBER_CONFIRMED | -            | -             | -             | -             | -             | -             | -             | -             |
NUMBER_CORRECTED | -            | -             | -             | reauthorizing | -             | offboarding   | -             | -             |
NUMBER_REFUTED  | -             | -             | -             | failed        | -             | failed        | -             | -             |
CODE_ISSUED     | -             | -             | codeIssued    | -             | -             | -             | -             | -             |
CODE_REFUSED    | -             | reauthorizing | -             | -             | -             | -             | -             | -             |
TOKEN_GRANTED   | -             | reauthorized  | -             | -             | -             | -             | -             | -             |
TOKEN_REJECTED  | -             | -             | -             | -             | -             | -             | -             | -             |
TOKEN_REFUSED   | -             | -             | -             | -             | -             | -             | -             | -             |
TOKEN_ACCEPTED  | -             | -             | -             | -             | -             | -             | -             | -             |
GRANT_LOST      | -             | -             | -             | -             | -             | -             | -             | -             |
IN_DOUBT        | reauthorizing | stays         | stays         | stays         | -             | stays         | stays         | -             |
POSTPONED       | stays         | stays         | stays         | stays         | -             | stays         | stays         | -             |
REFUSED         | failed        | failed        | failed        | failed        | -             | failed        | failed        | -             |
REFUSED_WITHOUT_REASON | reauthorizing | stays         | stays         | stays         | -             | stays         | stays         | -             |
DUE             | -             | -             | -             | -             | -             | -             | identifying   | -             |
REAUTHORIZE     | -             | reauthorizing | -             | -             | -             | -             | -             | -             |
RETRY           | -             | -             | -             | -             | reauthorizing | -             | -             | -             |
OFFBOARD        | identifying   | identifying   | identifying   | identifying   | identifying   | stays         | identifying   | identifying   |
PURGED          | -             | -             | -             | -             | -             | -             | offboarded    | -             |
PURGE_CUT       | -             | -             | -             | -             | -             | -             | stays         | -             |
OFFBOARDED      | offboarded    | offboarded    | offboarded    | offboarded    | offboarded    | offboarded    | offboarded    | -             |
ONBOARD         | -             | -             | -             | -             | -             | -             | -             | reauthorizing |
`;

const withGrant = `
                | tokenActive   | expiring      | refreshed     | reauthorized  |
EXPECT_EXISTING | -             | -             | -             | -             |
ADOPTED         | -             | -             | -             | -             |
USER_CREATED    | -             | -             | -             | -             |
USER_AUTHORIZED | -             | -             | -             | -             |
USER_EXISTS     | -             | -             | -             | -             |
USER_MISSING    | -             | -             | -             | -             |
FOUND_OTHERS    | -             | -             | -             | -             |
USER_FOUND      | -             | -             | -             | -             |
FOUND_ELSEWHERE | -             | -             | -             | -             |
RENAME          | renaming      | renaming      | renaming      | renaming      |
USER_RENAMED    | -             | -             | -             | -             |
ID_TAKEN        | stays         | stays         | stays         | stays         |
NUMBER_CONFIRMED | -            | -             | -             | -             |
NUMBER_CORRECTED | -            | -             | -             | -             |
NUMBER_REFUTED  | -             | -             | -             | -             |
CODE_ISSUED     | -             | -             | -             | -             |
CODE_REFUSED    | -             | -             | -             | -             |
TOKEN_GRANTED   | -             | refreshed     | -             | -             |
TOKEN_REJECTED  | expiring      | stays         | expiring      | expiring      |
TOKEN_REFUSED   | stays         | stays         | stays         | stays         |
TOKEN_ACCEPTED  | -             | -             | -             | -             |
GRANT_LOST      | -             | reauthorizing | -             | -             |
IN_DOUBT        | -             | stays         | -             | -             |
POSTPONED       | -             | stays         | -             | -             |
REFUSED         | -             | stays         | -             | -             |
REFUSED_WITHOUT_REASON | -      | stays         | -             | -             |
DUE             | expiring      | -             | expiring      | expiring      |
REAUTHORIZE     | reauthorizing | reauthorizing | reauthorizing | reauthorizing |
RETRY           | -             | -             | -             | -             |
OFFBOARD        | identifying   | identifying   | identifying   | identifying   |
PURGED          | -             | -             | -             | -             |
PURGE_CUT       | -             | -             | -             | -             |
OFFBOARDED      | offboarded    | offboarded    | offboarded    | offboarded    |
ONBOARD         | -             | -             | -             | -             |
`;

/** For a user whose rename began in `refreshed`. */
const whileRenamed = `
                | renaming      | renameInDoubt |
EXPECT_EXISTING | -             | -             |
ADOPTED         | -             | -             |
USER_CREATED    | -             | -             |
USER_AUTHORIZED | -             | -             |
USER_EXISTS     | renameInDoubt | -             |
USER_MISSING    | renameInDoubt | stays         |
FOUND_OTHERS    | -             | stays         |
USER_FOUND      | -             | refreshed     |
FOUND_ELSEWHERE | -             | refreshed     |
RENAME          | -             | -             |
USER_RENAMED    | refreshed     | -             |
ID_TAKEN        | stays         | stays         |
NUMBER_CONFIRMED | -             | -             |
NUMBER_CORRECTED | -             | -             |
NUMBER_REFUTED  | -             | refreshed     |
CODE_ISSUED     | -             | -             |
CODE_REFUSED    | -             | -             |
TOKEN_GRANTED   | -             | -             |
TOKEN_REJECTED  | -             | stays         |
TOKEN_REFUSED   | -             | -             |
TOKEN_ACCEPTED  | -             | -             |
GRANT_LOST      | -             | -             |
IN_DOUBT        | renameInDoubt | stays         |
POSTPONED       | refreshed     | stays         |
REFUSED         | refreshed     | refreshed     |
REFUSED_WITHOUT_REASON | renameInDoubt | stays         |
DUE             | -             | -             |
REAUTHORIZE     | -             | stays         |
RETRY           | -             | -             |
OFFBOARD        | identifying   | identifying   |
PURGED          | -             | -             |
PURGE_CUT       | -             | -             |
OFFBOARDED      | offboarded    | offboarded    |
ONBOARD         | -             | -             |
`;

/** [state, event, answer] of a table. */
function cellsOf(table: string): readonly (readonly [state: string, event: string, answer: string])[] {
  const [head = [], ...rows] = table
    .trim()
    .split("\n")
    .map((line) => line.split("|").map((cell) => cell.trim()));
  const columns = head[0] === "" ? head.slice(1) : head;
  return rows.flatMap(([type = "", ...answers]) =>
    columns.flatMap((state, index) => (state === "" ? [] : [[state, type, answers[index] ?? ""] as const])),
  );
}

const cells = [...cellsOf(withoutGrant), ...cellsOf(withGrant), ...cellsOf(whileRenamed)];
const renamed: UserContext = { ...usual, rename: { to: "new", from: "refreshed" } };

describe("machines/user-lifecycle state × event → state", () => {
  it("step() has an answer for every event in every state", () => {
    const types = [...new Set(eventsAt(0).map(({ type }) => type))];
    expect(cells.map(([state, type]) => `${state} ${type}`).sort()).toEqual(
      states.flatMap((state) => types.map((type) => `${state} ${type}`)).sort(),
    );
  });

  for (const state of states) {
    it(`step() from ${state} follows the table`, () => {
      for (const [, type, answer] of cells.filter(([from]) => from === state)) {
        const context = isRenaming(state) ? renamed : usual;
        const position = { state, context };
        const next = step(position, event(type as UserEvent["type"]));
        if (answer === "-") {
          expect(next, `on ${type}`).toBe(position);
        } else {
          expect(next.state, `on ${type}`).toBe(answer === "stays" ? state : answer);
          expect(next.context, `on ${type}`).not.toEqual(context);
        }
      }
    });
  }
});
