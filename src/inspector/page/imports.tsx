/**
 * Imports: how far they are, what they wait for, and when they may end.
 *
 * @module
 */
import type { JSX } from "preact";
import type { ImportView, Overview } from "./data.ts";
import { Foreign, NextTry, When } from "./parts.tsx";
import { count, moment } from "./words.ts";

export function Imports({ data, now }: { readonly data: Overview; readonly now: number }): JSX.Element {
  const { imports } = data;
  const running = imports.filter(({ isOver }) => !isOver).length;
  return (
    <section class="card wide">
      <header>
        <h2>Imports</h2>
        {imports.length > 0 && <span class="aside">{count(running)} not over</span>}
      </header>
      {imports.length === 0 ? (
        <p class="empty">
          No import has users without a token. One that begins is shown here: <code>onboardMany()</code>, or{" "}
          <code>oneup-lifecycle onboard FILE</code>.
        </p>
      ) : (
        <ul class="imports">
          {imports.map((one) => (
            <Import key={one.name} one={one} data={data} now={now} />
          ))}
        </ul>
      )}
    </section>
  );
}

function Import(props: {
  readonly one: ImportView;
  readonly data: Overview;
  readonly now: number;
}): JSX.Element {
  const { one, data, now } = props;
  const { name, left, failed, most, since, isOver } = one;
  const done = Math.max(0, most - left - failed);
  const share = (users: number): string => `${(users / Math.max(1, most)) * 100}%`;
  return (
    <li>
      <h3>{name}</h3>
      <p class={isOver ? "import-state good" : "import-state"}>
        {isOver ? <Ended one={one} now={now} /> : <Standing data={data} now={now} />}
      </p>
      <div
        class="bar"
        role="progressbar"
        aria-label={`Users of ${name} with a token`}
        aria-valuemin={0}
        aria-valuemax={most}
        aria-valuenow={done}
      >
        <span class="done" style={{ width: share(done) }} />
        <span class="failing" style={{ width: share(failed) }} />
      </div>
      <p class="import-counts">
        <span>
          <b>{count(done)}</b> done
        </span>
        <span class={failed > 0 ? "bad" : undefined}>
          <b>{count(failed)}</b> failed
        </span>
        <span>
          <b>{count(left)}</b> left
        </span>
        <span class="aside" title={`A store does not keep how many had a token before ${moment(since)}`}>
          first seen <When at={since} now={now} />
        </span>
      </p>
    </li>
  );
}

function Ended({ one, now }: { readonly one: ImportView; readonly now: number }): JSX.Element {
  return (
    <>
      over
      {one.endedAt !== null && (
        <>
          , <When at={one.endedAt} now={now} />
        </>
      )}
      {one.failed > 0 && (
        <>
          ; <a href="users?state=failed">the failed ones</a> are kept for a retry
        </>
      )}
    </>
  );
}

/** What an import waits for. Its users wait in the lane "bulk", unless the application has named another one. */
function Standing({ data, now }: { readonly data: Overview; readonly now: number }): JSX.Element {
  const { budget, forecast } = data;
  const pause = budget.paused.find(({ lane }) => lane === null || lane === "bulk");
  const [gate] = budget.shut;
  const waiting = budget.waiting.bulk;
  /** JSON has no `Infinity`: it is null. */
  const inMs: number | null = forecast.bulk;
  if (pause !== undefined)
    return (
      <>
        <b>paused</b>: “<Foreign text={pause.reason} />”
        {pause.until !== null && (
          <>
            , goes on <When at={pause.until} now={now} />
          </>
        )}
      </>
    );
  if (gate !== undefined)
    return (
      <>
        <b>held back</b>: gate {gate.gate} is {gate.state}, <NextTry at={gate.until} now={now} />
      </>
    );
  if (waiting === 0 || inMs === null) return <b>calls are under way</b>;
  const end = new Date(now + inMs).toISOString();
  return (
    <>
      <b>waiting for slots</b>: {count(waiting)} in the lane bulk, the last one <When at={end} now={now} />{" "}
      <span class="soft">({moment(end)})</span>
    </>
  );
}
