/**
 * Users in one state or in all, page by page, and the search for one by its exact id.
 *
 * @module
 */
import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import type { UserState } from "../../index.ts";
import { ask, type Overview, type UserRows, type UserRow } from "./data.ts";
import { useAnswer, useWatching } from "./live.ts";
import { Due, Head, Id, State, Trouble, When } from "./parts.tsx";
import { count, pauseInWords, stateNames, toneOf } from "./words.ts";

const pageSize = 50;

/** Which users are shown, as the address holds it. */
export interface Place {
  readonly state: UserState | undefined;
  /** An opaque cursor. */
  readonly after: string | undefined;
}

export function Users(props: {
  readonly overview: Overview | null;
  readonly place: Place;
  readonly page: string | null;
  readonly changed: number;
  readonly now: number;
  readonly go: (address: string) => void;
}): JSX.Element {
  const { overview, place, page, changed, now, go } = props;
  const { state, after } = place;
  const list = { state, after, limit: pageSize };
  const { value, error } = useAnswer<UserRows>("users", list, changed);
  useWatching(page, value === null ? undefined : { list, mark: value.mark });
  const address = (next: Partial<Place>): string => {
    const words = new URLSearchParams(
      Object.entries(next).filter((entry): entry is [string, string] => entry[1] !== undefined),
    );
    return words.size === 0 ? "users" : `users?${words.toString()}`;
  };
  return (
    <section class="card wide">
      <header>
        <h2>
          {state === undefined ? (
            "Users"
          ) : (
            <>
              Users in <State state={state} />
            </>
          )}
        </h2>
        <Search go={go} masked={overview?.masked === true} />
      </header>
      <nav class="filter" aria-label="State">
        <a href={address({})} aria-current={state === undefined ? "true" : undefined}>
          all {overview !== null && <b>{count(overview.total)}</b>}
        </a>
        {stateNames
          .filter((one) => one === state || (overview?.counts[one] ?? 0) > 0)
          .map((one) => (
            <a
              key={one}
              class={toneOf(one)}
              href={address({ state: one })}
              aria-current={one === state ? "true" : undefined}
            >
              {one} {overview !== null && <b>{count(overview.counts[one] ?? 0)}</b>}
            </a>
          ))}
      </nav>
      {error !== null && <Trouble error={error} />}
      {value !== null && value.users.length === 0 && (
        <p class="empty">{after === undefined ? "No users here." : "No more users."}</p>
      )}
      {value !== null && value.users.length > 0 && <Table users={value.users} now={now} />}
      {value !== null && (after !== undefined || value.next !== null) && (
        <nav class="pages" aria-label="Pages">
          {after !== undefined && <a href={address({ state })}>« first page</a>}
          {value.next !== null && <a href={address({ state, after: value.next })}>next {pageSize} »</a>}
        </nav>
      )}
    </section>
  );
}

function Table({ users, now }: { readonly users: readonly UserRow[]; readonly now: number }): JSX.Element {
  return (
    <table class="users">
      <Head of={["user", "state", "since", "token", "waits"]} />
      <tbody>
        {users.map((user) => (
          <tr key={user.key}>
            <th scope="row">
              <a href={`users/${user.key}`}>
                <Id id={user.appUserId} />
              </a>
            </th>
            <td>
              <State state={user.state} />
            </td>
            <td data-label="since">
              <When at={user.since} now={now} />
            </td>
            <Cell label="token">
              {user.usable && user.expiresAt !== null && (
                <>
                  ends <When at={user.expiresAt} now={now} />
                </>
              )}
            </Cell>
            <Cell label="waits">{waits(user, now)}</Cell>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** A cell that has a label where the table is too narrow for its head, and is left out there if it is empty. */
function Cell(props: { readonly label: string; readonly children: ComponentChildren }): JSX.Element {
  const { label, children } = props;
  const isEmpty = children === null || children === false;
  return (
    <td data-label={label} class={isEmpty ? "none" : undefined}>
      {isEmpty ? "–" : children}
    </td>
  );
}

function waits({ pause, failure, hold }: UserRow, now: number): JSX.Element | string | null {
  if (failure !== null) return failure.why;
  if (pause === null) return hold === null ? null : (pauseInWords["held"] ?? null);
  return (
    <>
      {pauseInWords[pause.reason] ?? pause.reason}
      {pause.until !== null && (
        <>
          , <Due at={pause.until} now={now} />
        </>
      )}
    </>
  );
}

/** The exact id goes to the server in a body, and the user's key into the address. */
function Search({
  go,
  masked,
}: {
  readonly go: (address: string) => void;
  readonly masked: boolean;
}): JSX.Element {
  const [missed, setMissed] = useState<string | null>(null);
  const search = async (form: HTMLFormElement): Promise<void> => {
    const id = new FormData(form).get("id");
    if (typeof id !== "string" || id === "") return;
    try {
      const { users } = await ask<UserRows>("users", { id });
      const [user] = users;
      setMissed(user === undefined ? "There is no user with this id." : null);
      if (user !== undefined) go(`users/${user.key}`);
    } catch (error) {
      setMissed((error as Error).message); // `ask()` throws no other
    }
  };
  return (
    <form
      class="search"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        void search(event.currentTarget);
      }}
    >
      <label>
        <span class="hidden">Exact app_user_id</span>
        <input
          name="id"
          type="search"
          autocomplete="off"
          spellcheck={false}
          maxLength={512}
          placeholder={masked ? "exact app_user_id (lists show it masked)" : "exact app_user_id"}
        />
      </label>
      <button type="submit">Find</button>
      <output>{missed}</output>
    </form>
  );
}
