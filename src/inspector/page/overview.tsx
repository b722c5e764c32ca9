/**
 * The first view: the machine with the number of users in each state, the hour's calls, what holds calls back, and the
 * latest steps.
 *
 * @module
 */
import type { JSX } from "preact";
import type { Lane } from "../../index.ts";
import { AccountActions } from "./actions.tsx";
import type { Me, Overview as Data } from "./data.ts";
import { Diagram } from "./diagram.tsx";
import { AsOf, By, Change, Foreign, Head, NextTry, Problem, Section, State, When, Why } from "./parts.tsx";
import { atLeast, count, duration } from "./words.ts";

const lanes: readonly { readonly lane: Lane; readonly about: string }[] = [
  { lane: "interactive", about: "a person at the screen" },
  { lane: "recovery", about: "a lost grant" },
  { lane: "bulk", about: "an import" },
];

export function Overview(props: {
  readonly data: Data;
  readonly me: Me | null;
  readonly now: number;
}): JSX.Element {
  const { data, me, now } = props;
  const { counts, total, changes, flow } = data;
  const usersIn = `${count(total)} ${total === 1 ? "user" : "users"}`;
  return (
    <>
      <Section
        title="Lifecycle"
        aside={
          <>
            {usersIn} <AsOf data={data} />
          </>
        }
        wide
      >
        <Diagram counts={counts} flow={flow} href={(state) => `users?state=${state}`} />
      </Section>
      <Quota data={data} />
      <HeldBack data={data} me={me} now={now} />
      <Passed data={data} now={now} />
      <Processes data={data} now={now} />
      <Section title="Latest steps" aside="newest first" wide>
        {changes.length === 0 ? (
          <p class="empty">No step since this page was opened.</p>
        ) : (
          <ol class="steps">
            {changes.slice(0, 20).map((change) => (
              <li key={`${change.key}${change.at}${change.event}${change.to}`}>
                <When at={change.at} now={now} />
                {change.key === "" ? (
                  <span>{change.alias}</span>
                ) : (
                  <a href={`users/${change.key}`}>{change.alias}</a>
                )}
                <Change from={change.from} to={change.to} />
                <code>{change.event}</code>
              </li>
            ))}
          </ol>
        )}
      </Section>
    </>
  );
}

/** The calls of the rolling hour as one bar, and each lane's place in it. */
function Quota({ data }: { readonly data: Data }): JSX.Element {
  const { budget, forecast, isStale } = data;
  const used = lanes.reduce((sum, { lane }) => sum + budget.used[lane], 0);
  const share = (calls: number): string => `${Math.min(100, (calls / Math.max(1, budget.of)) * 100)}%`;
  /** JSON has no `Infinity`: it is null. */
  const inWords = (inMs: number | null): string =>
    isStale ? "not known" : inMs === null ? "when unpaused" : inMs <= 0 ? "now" : `in ${duration(inMs)}`;
  return (
    <Section
      title="Management calls"
      aside={
        <>
          limit {count(budget.of)} <AsOf data={data} />
        </>
      }
    >
      <p class="figure">
        <strong>{count(used)}</strong> of {count(budget.of)} used
        <span> · next call {inWords(budget.nextInMs)}</span>
      </p>
      <div
        class="bar"
        role="meter"
        aria-label="Management calls used"
        aria-valuemin={0}
        aria-valuemax={budget.of}
        aria-valuenow={used}
      >
        {lanes.map(({ lane }) => (
          <span key={lane} class={lane} style={{ width: share(budget.used[lane]) }} />
        ))}
      </div>
      <table class="lanes">
        <Head of={["lane", "used", "waiting", "one more"]} />
        <tbody>
          {lanes.map(({ lane, about }) => (
            <tr key={lane}>
              <th scope="row" title={about}>
                <i class={`key ${lane}`} />
                {lane}
              </th>
              <td>{count(budget.used[lane])}</td>
              <td>{count(budget.waiting[lane])}</td>
              <td>{inWords(forecast[lane])}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Section>
  );
}

/** Transitions in one list. */
const mostArrows = 12;

/** The time that is counted. */
function Counted({ data, now }: { readonly data: Data; readonly now: number }): JSX.Element {
  const { since, isPartial } = data.flow;
  if (since === null) return <>the last hour</>;
  return (
    <>
      {isPartial && "at least, counted "}since <When at={since} now={now} />
    </>
  );
}

const recentMs = 300_000;

/** Whether some of the last five minutes is not counted. */
function isRecentPartial({ flow: { since, isPartial } }: Data, now: number): boolean {
  return isPartial && since !== null && new Date(since).getTime() > now - recentMs;
}

/** How many users passed each transition. */
function Passed({ data, now }: { readonly data: Data; readonly now: number }): JSX.Element {
  const { isPartial, arrows } = data.flow;
  return (
    <Section title="Flow" aside={<Counted data={data} now={now} />}>
      {arrows.length === 0 ? (
        <p class="empty">No user has passed from one state to another.</p>
      ) : (
        <table class="lanes">
          <Head of={["transition", "5\u00a0min", "hour"]} />
          <tbody>
            {arrows.slice(0, mostArrows).map(({ from, to, recent, hour }) => (
              <tr key={`${from} ${to}`}>
                <th scope="row">
                  <State state={from} /> → <State state={to} />
                </th>
                <td>{atLeast(recent, isRecentPartial(data, now))}</td>
                <td>{atLeast(hour, isPartial)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Section>
  );
}

/** A process that took no step for so long may be gone, or has nothing to do, ms. */
const silentMs = 60_000;

/** Which processes took users on. */
function Processes({ data, now }: { readonly data: Data; readonly now: number }): JSX.Element {
  const { processes } = data.flow;
  return (
    <Section title="Processes at work" aside={<Counted data={data} now={now} />}>
      {processes.length === 0 ? (
        <p class="empty">
          None has taken a step. Those of other processes are seen where <code>events</code> are on.
        </p>
      ) : (
        <table class="lanes">
          <Head of={["process", "users in 5\u00a0min", "steps", "last step"]} />
          <tbody>
            {processes.slice(0, mostArrows).map(({ name, isThis, users, steps, lastAt }) => (
              <tr key={name} class={now - new Date(lastAt).getTime() > silentMs ? "silent" : undefined}>
                <th scope="row">
                  <code>{name}</code>
                  {isThis && <span class="soft"> (this one)</span>}
                </th>
                <td>{atLeast(users, isRecentPartial(data, now))}</td>
                <td>{atLeast(steps, isRecentPartial(data, now))}</td>
                <td>
                  <When at={lastAt} now={now} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Section>
  );
}

/** Gates, pauses and endpoints that do not work. */
function HeldBack(props: { readonly data: Data; readonly me: Me | null; readonly now: number }): JSX.Element {
  const { data, me, now } = props;
  const { budget, health } = data;
  const down = health.endpoints.filter(({ works }) => !works);
  const held = [...budget.shut, ...budget.refusedSecrets, ...budget.paused, ...down];
  const isQuiet = held.length === 0 && health.ready;
  return (
    <Section title="Held back" aside={health.ready ? "ready" : "not ready"}>
      {isQuiet && <p class="empty good">Nothing holds calls back.</p>}
      <ul class="held">
        {!health.ready && health.problem !== null && (
          <li class="bad">
            <b>Not ready</b> {data.isStale ? <code>{health.problem}</code> : <Problem health={health} />}
          </li>
        )}
        {budget.shut.map(({ gate, state, reason, until }) => (
          <li key={gate} class="bad">
            <b>Gate {gate}</b> is {state}
            {reason !== null && <> ({reason})</>}, <NextTry at={until} now={now} />
          </li>
        ))}
        {budget.refusedSecrets.map(({ triedAt, until }) => (
          <li key={triedAt} class="bad">
            <b>The secret of another process</b> is refused, tried <When at={triedAt} now={now} />;{" "}
            <NextTry at={until} now={now} />
          </li>
        ))}
        {budget.paused.map(({ lane, reason, until, by }) => (
          <li key={lane ?? "all"} class="busy">
            <b>Paused: {lane ?? "all lanes"}</b> “<Foreign text={reason} />”
            <By by={by} />,{" "}
            {until === null ? (
              "until an operator ends it"
            ) : (
              <>
                ends <When at={until} now={now} />
              </>
            )}
          </li>
        ))}
        {down.map(({ endpoint, lastFailure }) => (
          <li key={endpoint} class="bad">
            <b>Endpoint {endpoint}</b> does not work: {lastFailure !== null && <Why cause={lastFailure} />}
          </li>
        ))}
      </ul>
      <AccountActions me={me} budget={budget} />
    </Section>
  );
}
