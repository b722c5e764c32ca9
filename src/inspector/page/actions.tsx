/**
 * Buttons for what the person may do: with one user, and with the account. Who may do nothing sees none.
 *
 * @module
 */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { UserState } from "../../index.ts";
import type { InspectorAction } from "../actions/permission.ts";
import { ask, type Me, type Overview, type UserRow, type UserView } from "./data.ts";
import { Dialog, type Question } from "./dialog.tsx";

/** Who looks. Asked again whenever the live view was opened again. `null`: not known yet. */
export function useMe(isOpen: boolean): Me | null {
  const [me, setMe] = useState<Me | null>(null);
  useEffect(() => {
    if (isOpen) ask<Me>("me", {}).then(setMe, () => setMe(null));
  }, [isOpen]);
  return me;
}

const labels: Readonly<Record<InspectorAction, string>> = {
  retry: "Try again…",
  reauthorize: "New grant…",
  hold: "Hold…",
  unhold: "Let it go on…",
  offboard: "Offboard…",
  pause: "Pause…",
  unpause: "End the pause…",
  reopen: "Reopen the gates…",
};

/** States in which a grant can be discarded. */
const granted: ReadonlySet<UserState> = new Set([
  "codeIssued",
  "tokenActive",
  "expiring",
  "refreshed",
  "reauthorized",
]);

/** What makes sense with this user now. */
function withUser({ state, hold, pause }: UserRow): readonly InspectorAction[] {
  const waits = pause !== null && pause.cause !== null;
  return [
    ...(state === "failed" || waits ? (["retry"] as const) : []),
    ...(granted.has(state) ? (["reauthorize"] as const) : []),
    hold === null ? "hold" : "unhold",
    "offboard",
  ];
}

/** `onDone`: something was done. */
export function UserActions(props: {
  readonly me: Me | null;
  readonly user: UserView;
  readonly onDone: () => void;
}): JSX.Element | null {
  const { me, user, onDone } = props;
  return <Buttons me={me} offered={withUser(user)} user={user} onDone={onDone} />;
}

export function AccountActions(props: {
  readonly me: Me | null;
  readonly budget: Overview["budget"];
}): JSX.Element | null {
  const { shut, paused } = props.budget;
  const offered: readonly InspectorAction[] = [
    "pause",
    ...(paused.length > 0 ? (["unpause"] as const) : []),
    ...(shut.length > 0 ? (["reopen"] as const) : []),
  ];
  return <Buttons me={props.me} offered={offered} user={null} onDone={() => {}} />;
}

function Buttons(props: {
  readonly me: Me | null;
  readonly offered: readonly InspectorAction[];
  readonly user: UserView | null;
  readonly onDone: () => void;
}): JSX.Element | null {
  const { me, offered, user, onDone } = props;
  const [question, setQuestion] = useState<Question | null>(null);
  const close = (): void => {
    setQuestion(null);
    // The button that opened it may be gone.
    setTimeout(() => {
      if (document.activeElement === document.body) document.querySelector("main")?.focus();
    });
  };
  if (me === null) return null;
  const shown = offered.filter((one) => me.may.includes(one));
  if (shown.length === 0 && question === null) return null;
  return (
    <div class="actions" role="group" aria-label="Actions">
      {shown.map((action) => (
        <button
          key={action}
          type="button"
          class={action === "offboard" ? "plain grave" : "plain"}
          onClick={() => setQuestion({ action, user })}
        >
          {labels[action]}
        </button>
      ))}
      {question !== null && <Dialog question={question} who={me.who} onDone={onDone} onClose={close} />}
    </div>
  );
}
