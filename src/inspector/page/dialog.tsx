/**
 * Asks before something is done: about whom it is, what it costs, and what else must be known. Then it shows how that went.
 *
 * @module
 */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { InspectorAction } from "../actions/permission.ts";
import { act, newOnce, type Refused, type UserRow, type UserView } from "./data.ts";
import { Foreign, Id, State } from "./parts.tsx";

/** What is to be done, and with whom. */
export interface Question {
  readonly action: InspectorAction;
  /** `null`: it is about the account. */
  readonly user: Pick<UserView, "key" | "alias" | "appUserId" | "record"> | null;
}

interface Words {
  readonly title: string;
  /** What it means and what it costs. */
  readonly costs: readonly string[];
  /** The button that does it. */
  readonly button: string;
  /** Something is lost. */
  readonly isGrave?: true;
  /** What must be asked besides. */
  readonly asks?: readonly ("reason" | "lane" | "until" | "purge" | "word")[];
}

const words: Readonly<Record<InspectorAction, Words>> = {
  retry: {
    title: "Try again",
    costs: [
      "The user goes back to the step that failed, and its call is sent again.",
      "Costs the calls of that step: usually one or two management calls. Nothing is lost.",
    ],
    button: "Try again",
  },
  reauthorize: {
    title: "Get a new grant",
    costs: [
      "The user's grant is discarded: it has no access token until 1upHealth has issued another one.",
      "Costs one management call.",
    ],
    button: "Discard the grant and get a new one",
    isGrave: true,
  },
  offboard: {
    title: "Offboard",
    costs: [
      "The user's tokens are erased here, at once and for good. It stays at 1upHealth.",
      "Costs no call. Onboarding it again costs one management call.",
    ],
    button: "Offboard",
    isGrave: true,
    asks: ["purge", "word"],
  },
  hold: {
    title: "Hold",
    costs: [
      "No management call is made for the user, in any process, until it is let go on. Its tokens are refreshed and work.",
      "Costs no call. Nothing is lost.",
    ],
    button: "Hold",
    asks: ["reason"],
  },
  unhold: {
    title: "Let it go on",
    costs: ["The user's management calls go on, at the end of its lane.", "Costs the calls that waited."],
    button: "Let it go on",
  },
  pause: {
    title: "Pause management calls",
    costs: [
      "Users that must be created, looked up, renamed, purged or authorized anew wait, in all processes. Refreshes go on, and tokens work.",
      "Costs no call. Nothing is lost.",
    ],
    button: "Pause",
    asks: ["reason", "lane", "until"],
  },
  unpause: {
    title: "End the pause",
    costs: ["Users that wait go on in the order of their lanes.", "Costs the calls that waited."],
    button: "End the pause",
    asks: ["lane"],
  },
  reopen: {
    title: "Reopen the gates",
    costs: [
      "Calls leave at once, in all processes, instead of after the next probe. Do it when the cause is solved.",
      "A call that is refused shuts its gate again.",
    ],
    button: "Reopen",
  },
};

/** How it is going. */
type Progress =
  | { readonly type: "asking" | "working" }
  | { readonly type: "done"; readonly user: UserRow | null }
  | { readonly type: "failed"; readonly error: Refused };

/** The word to be typed before something is lost for good. */
const word = "offboard";

/** It is open from the start; `onClose` is called once it was closed. */
export function Dialog(props: {
  readonly question: Question;
  readonly who: string;
  readonly onDone: () => void;
  readonly onClose: () => void;
}): JSX.Element {
  const { question, who, onDone, onClose } = props;
  const { action, user } = question;
  const { title, costs, button, isGrave = false, asks = [] } = words[action];
  const element = useRef<HTMLDialogElement>(null);
  const once = useRef(newOnce());
  const [progress, setProgress] = useState<Progress>({ type: "asking" });
  useEffect(() => element.current?.showModal(), []);

  const send = async (form: HTMLFormElement): Promise<void> => {
    if (progress.type === "working" || progress.type === "done") return;
    const fields = {
      action,
      ...(user !== null && { key: user.key, record: user.record }),
      ...fieldsOf(form),
    };
    setProgress({ type: "working" });
    try {
      setProgress({ type: "done", user: (await act({ ...fields, once: once.current })).user });
      onDone();
    } catch (reason) {
      const error = reason as Refused; // `act()` throws no other
      // Without an answer it may have been done: sent again under the same name, it is not done twice.
      if (error.status !== 0) once.current = newOnce();
      setProgress({ type: "failed", error });
    }
  };
  const close = (): void => element.current?.close();
  const isOver = progress.type === "done";
  return (
    <dialog ref={element} class="question" aria-labelledby="question" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void send(event.currentTarget);
        }}
      >
        <h2 id="question">{title}</h2>
        {user !== null && (
          <p class="about">
            <Id id={user.appUserId} /> <code>{user.alias}</code>
          </p>
        )}
        {!isOver && (
          <fieldset disabled={progress.type === "working"}>
            {costs.map((one) => (
              <p key={one}>{one}</p>
            ))}
            {asks.map((one) => fields[one])}
            <p class="soft">
              Recorded as done by <Foreign text={who} />.
            </p>
          </fieldset>
        )}
        <Outcome progress={progress} />
        <p class="buttons">
          <button type="button" class="plain" onClick={close}>
            {isOver || progress.type === "working" ? "Close" : "Cancel"}
          </button>
          {!isOver && (
            <button type="submit" class={isGrave ? "grave" : ""} aria-disabled={progress.type === "working"}>
              {progress.type === "failed" ? "Try once more" : button}
            </button>
          )}
        </p>
      </form>
    </dialog>
  );
}

function Outcome({ progress }: { readonly progress: Progress }): JSX.Element {
  return (
    <>
      <div role="status">
        {progress.type === "working" && (
          <p class="working">Under way; this may take ten seconds. It goes on if you close this.</p>
        )}
        {progress.type === "done" && <Done user={progress.user} />}
      </div>
      <div role="alert">
        {progress.type === "failed" && (
          <div class="trouble">
            <p>{progress.error.message}</p>
            {progress.error.next !== null && <p>What to do: {progress.error.next}.</p>}
          </div>
        )}
      </div>
    </>
  );
}

function Done({ user }: { readonly user: UserRow | null }): JSX.Element {
  if (user === null) return <p class="good">Done, for all processes.</p>;
  const { state, usable, hold } = user;
  return (
    <p>
      <b class="good">Done.</b> The user is <State state={state} />
      {hold !== null ? ", and held" : usable ? ", with a working access token" : ""}.
      {!usable && hold === null && state !== "offboarded" && " What is left is done by workers."}
    </p>
  );
}

/** What a question may ask besides. */
const fields: Readonly<Record<NonNullable<Words["asks"]>[number], JSX.Element>> = {
  reason: (
    <label key="reason">
      Why
      <input name="reason" required maxLength={200} autocomplete="off" aria-describedby="reason-note" />
      <small id="reason-note">Shown to everyone who looks at it; no personal data.</small>
    </label>
  ),
  lane: (
    <label key="lane">
      Which lanes
      <select name="lane">
        <option value="">all</option>
        <option value="interactive">interactive: a person at the screen</option>
        <option value="recovery">recovery: a lost grant</option>
        <option value="bulk">bulk: an import</option>
      </select>
    </label>
  ),
  until: (
    <label key="until">
      Until
      <select name="forMs">
        <option value="">it is ended by hand</option>
        <option value="3600000">in an hour</option>
        <option value="14400000">in four hours</option>
        <option value="86400000">in a day</option>
      </select>
    </label>
  ),
  purge: (
    <label key="purge" class="check">
      <input name="purge" type="checkbox" />
      <span>
        Also erase its FHIR data at 1upHealth, for everyone it is shared with. It cannot be undone, and costs
        one management call and the purges.
      </span>
    </label>
  ),
  word: (
    <label key="word">
      Type {word} to go on
      <input
        name="word"
        required
        pattern={word}
        autocomplete="off"
        autocapitalize="none"
        spellcheck={false}
      />
    </label>
  ),
};

/** What was filled in, as the server takes it. */
function fieldsOf(form: HTMLFormElement): object {
  const data = new FormData(form);
  const text = (name: string): string => {
    const value = data.get(name);
    return typeof value === "string" ? value : "";
  };
  return {
    ...(data.has("reason") && { reason: text("reason") }),
    ...(text("lane") !== "" && { lane: text("lane") }),
    ...(text("forMs") !== "" && { forMs: Number(text("forMs")) }),
    ...(data.has("purge") && { purge: true }),
  };
}
