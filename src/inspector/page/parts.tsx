/**
 * Small parts that several views share.
 *
 * @module
 */
import type { ComponentChildren, JSX } from "preact";
import type { Cause, UserState } from "../../index.ts";
import { idParts, numberOf } from "../../visible-id.ts";
import type { Wire } from "../shapes.ts";
import type { Overview } from "./data.ts";
import { distance, moment, states, toneOf } from "./words.ts";

/** A state as a coloured word. */
export function State({ state }: { readonly state: string }): JSX.Element {
  return (
    <span class={`state ${toneOf(state)}`} title={states[state as UserState]?.about}>
      {state}
    </span>
  );
}

const turning = /([\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}])/u;

/**
 * A text that comes from outside, in the direction of its own letters and without turning what stands beside it. A
 * character that would turn others around is drawn as its number; copied, the text is as it is.
 */
export function Foreign({ text }: { readonly text: string }): JSX.Element {
  const parts = text
    .split(turning)
    .map((part, index) =>
      index % 2 === 0 ? part : <Unseen key={index} character={part} number={numberOf(part)} />,
    );
  return <bdi>{parts}</bdi>;
}

/** An id, likewise. So that it looks like no other one, every character that is not seen is drawn as its number. */
export function Id({ id }: { readonly id: string }): JSX.Element {
  const parts = idParts(id).map(({ text, number }, index) =>
    number === null ? text : <Unseen key={index} character={text} number={number} />,
  );
  return <bdi class="id">{parts}</bdi>;
}

function Unseen(props: { readonly character: string; readonly number: string }): JSX.Element {
  return (
    <span class="unseen" data-shown={props.number}>
      {props.character}
    </span>
  );
}

/** A moment as a distance, with the moment itself on demand. */
export function When({ at, now }: { readonly at: string; readonly now: number }): JSX.Element {
  return (
    <time dateTime={at} title={moment(at)}>
      {distance(at, now)}
    </time>
  );
}

/** A moment at which something is due: how far away, or since when. */
export function Due({ at, now }: { readonly at: string; readonly now: number }): JSX.Element {
  if (new Date(at).getTime() > now) return <When at={at} now={now} />;
  return (
    <>
      due since <time dateTime={at}>{moment(at)}</time>
    </>
  );
}

/** When a closed gate lets a call through; once that time has passed, any process may make it. */
export function NextTry({ at, now }: { readonly at: string; readonly now: number }): JSX.Element {
  return (
    <>
      next try <Due at={at} now={now} />
      {new Date(at).getTime() <= now && ", waits for a worker"}
    </>
  );
}

/** A part of a view, under its heading. */
export function Section(props: {
  readonly title: string;
  readonly aside?: ComponentChildren;
  readonly wide?: boolean;
  readonly children: ComponentChildren;
}): JSX.Element {
  return (
    <section class={props.wide === true ? "card wide" : "card"}>
      <header>
        <h2>{props.title}</h2>
        {props.aside !== undefined && <span class="aside">{props.aside}</span>}
      </header>
      {props.children}
    </section>
  );
}

/** Why a call brought nothing, on one line. */
export function Why({ cause }: { readonly cause: Wire<Cause> }): JSX.Element {
  const { call, host, status, code } = cause;
  return (
    <span class="why">
      <code>{call}</code> at {host}: {status === null ? "" : `HTTP ${status}, `}
      <code>{code}</code>
    </span>
  );
}

/** An answer that did not come. */
export function Trouble({ error }: { readonly error: Error }): JSX.Element {
  return (
    <p class="trouble" role="alert">
      {error.message}
    </p>
  );
}

/** Why the process is not ready, and what to do. */
export function Problem({ health }: { readonly health: Overview["health"] }): JSX.Element {
  const { problem, why, nextStep } = health;
  return (
    <>
      <code>{problem}</code>
      {why !== null && <>: {why}</>}.{nextStep !== null && <> What to do: {nextStep}.</>}
    </>
  );
}

/** When the numbers were read that the page shows, if they cannot be read now. */
export function AsOf({ data }: { readonly data: Overview }): JSX.Element | null {
  const { isStale, budget } = data;
  if (!isStale) return null;
  if (budget.at === null) return <span class="stale">not read yet</span>;
  return (
    <span class="stale">
      as of <time dateTime={budget.at}>{moment(budget.at)}</time>
    </span>
  );
}

/** The names of a table's columns. */
export function Head({ of }: { readonly of: readonly string[] }): JSX.Element {
  return (
    <thead>
      <tr>
        {of.map((name) => (
          <th key={name} scope="col">
            {name}
          </th>
        ))}
      </tr>
    </thead>
  );
}

/** A step from one state to another. */
export function Change({ from, to }: { readonly from: string | null; readonly to: string }): JSX.Element {
  return (
    <span class="change">
      {from !== null && from !== to && (
        <>
          <State state={from} /> →{" "}
        </>
      )}
      <State state={to} />
    </span>
  );
}

/** Behind an act: the person who did it, if there is a name. */
export function By({ by }: { readonly by: string | null }): JSX.Element | null {
  if (by === null) return null;
  return (
    <>
      , by <Foreign text={by} />
    </>
  );
}
