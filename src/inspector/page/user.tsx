/**
 * One user: what is so, why, what comes next, and the steps that led there.
 *
 * @module
 */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { UserActions } from "./actions.tsx";
import type { Me, UserView } from "./data.ts";
import { Diagram } from "./diagram.tsx";
import { useAnswer, useWatching } from "./live.ts";
import { By, Change, Foreign, Id, Section, State, Trouble, When, Why } from "./parts.tsx";
import { count, duration, moment, pauseInWords, toneOf } from "./words.ts";

export function User(props: {
  readonly userKey: string;
  /** The name of the page's stream. */
  readonly page: string | null;
  readonly me: Me | null;
  readonly changed: number;
  readonly now: number;
}): JSX.Element {
  const { userKey, page, me, changed, now } = props;
  const [acts, setActs] = useState(0);
  const { value, error } = useAnswer<UserView>("user", { key: userKey }, changed + acts);
  useWatching(page, value === null ? undefined : { key: userKey, revision: value.revision });
  if (value === null)
    return error === null ? (
      <p class="empty">Loading…</p>
    ) : (
      <section class="card wide">
        <Trouble error={error} />
        <p>
          <a href="users">All users</a>
        </p>
      </section>
    );
  const { appUserId, alias, state, history } = value;
  return (
    <>
      <section class="card wide person">
        <header>
          <h2>
            <Id id={appUserId} />
          </h2>
          <State state={state} />
          <span class="aside">
            in the log: <code>{alias}</code>
          </span>
        </header>
        {error !== null && <Trouble error={error} />}
        <Explanation text={value.explanation} />
        <Facts user={value} now={now} />
        <UserActions me={me} user={value} onDone={() => setActs(acts + 1)} />
      </section>
      <Section title="Path" wide>
        <Diagram current={state} path={history} />
      </Section>
      <Section title="Steps" aside="the last twelve, newest first" wide>
        <ol class="timeline">
          {history.toReversed().map((step) => (
            <li key={`${step.at}${step.event}${step.to}`} class={toneOf(step.to)}>
              <div>
                <Change from={step.from} to={step.to} />
                <time dateTime={step.at}>{moment(step.at)}</time>
              </div>
              <p>
                {step.why}
                <By by={step.by} /> <code>{step.event}</code>
              </p>
              {step.cause !== null && (
                <p>
                  <Why cause={step.cause} /> (attempt {step.cause.attempt})
                </p>
              )}
              {step.spent !== null && step.spent.management + step.spent.token > 0 && (
                <p class="spent">{spentInWords(step.spent)}</p>
              )}
            </li>
          ))}
        </ol>
      </Section>
    </>
  );
}

/** What the lifecycle says about the user, a sentence a line. */
function Explanation({ text }: { readonly text: string }): JSX.Element {
  return <p class="explanation">{text}</p>;
}

function spentInWords({
  management,
  token,
}: {
  readonly management: number;
  readonly token: number;
}): string {
  const some = (calls: number, what: string): string[] =>
    calls === 0 ? [] : [`${count(calls)} ${what} ${calls === 1 ? "call" : "calls"}`];
  return [...some(management, "management"), ...some(token, "token")].join(", ");
}

function Facts({ user, now }: { readonly user: UserView; readonly now: number }): JSX.Element {
  const { status, pause, hold, expiresAt, usable, oneupUserId, since } = user;
  const until = pause?.until ?? null;
  const untilMs = until === null ? null : new Date(until).getTime() - now;
  return (
    <dl class="facts">
      <div>
        <dt>In this state</dt>
        <dd>
          since <When at={since} now={now} />
        </dd>
      </div>
      <div>
        <dt>Access token</dt>
        <dd class={usable ? "good" : ""}>
          {usable && expiresAt !== null ? (
            <>
              works, ends <When at={expiresAt} now={now} />
            </>
          ) : (
            "none that works"
          )}
        </dd>
      </div>
      <div>
        <dt>oneup_user_id</dt>
        <dd>{oneupUserId ?? "not known yet"}</dd>
      </div>
      <div>
        <dt>Calls so far</dt>
        <dd>
          {count(status.calls.management)} management, {count(status.calls.token)} token
        </dd>
      </div>
      {pause !== null && (
        <div class="next">
          <dt>Waits</dt>
          <dd>
            {pauseInWords[pause.reason] ?? pause.reason}
            {untilMs !== null && (
              <>
                : <strong>{untilMs <= 0 ? "due now" : duration(untilMs)}</strong>
              </>
            )}{" "}
            <span>(attempt {pause.attempt})</span>
          </dd>
        </div>
      )}
      {hold !== null && (
        <div class="broad">
          <dt>Held</dt>
          <dd>
            “<Foreign text={hold.reason} />”
            <By by={hold.by} />, since <When at={hold.since} now={now} />
          </dd>
        </div>
      )}
      {status.underWay !== null && (
        <div>
          <dt>Under way</dt>
          <dd>
            <code>{status.underWay}</code>
          </dd>
        </div>
      )}
    </dl>
  );
}
