/**
 * What all users share: whether this process is ready, 1upHealth's endpoints, and the keys.
 *
 * @module
 */
import type { JSX } from "preact";
import type { AccountView, Overview } from "./data.ts";
import { useAnswer } from "./live.ts";
import { Foreign, Head, Problem, Section, Trouble, When, Why } from "./parts.tsx";

export function Account(props: {
  readonly changed: number;
  readonly now: number;
  /** The health as the live view has it; `undefined`: not known yet. */
  readonly live: Overview["health"] | undefined;
}): JSX.Element {
  const { changed, now, live } = props;
  const { value, error } = useAnswer<AccountView>("account", {}, changed);
  if (value === null) return error === null ? <p class="empty">Loading…</p> : <Trouble error={error} />;
  const { acts, keys, version } = value;
  const health = live ?? value.health;
  return (
    <>
      {error !== null && <Trouble error={error} />}
      <Section title="Process" aside={`oneup-lifecycle ${version}`}>
        <dl class="facts">
          <div>
            <dt>Ready</dt>
            <dd class={health.ready ? "good" : "bad"}>
              {health.ready ? (
                "yes"
              ) : health.problem === null ? (
                <code>closed</code>
              ) : (
                <Problem health={health} />
              )}
            </dd>
          </div>
          <div>
            <dt>Store answers in</dt>
            <dd>{health.storeMs === null ? "no answer" : `${Math.round(health.storeMs)} ms`}</dd>
          </div>
          <div>
            <dt>Users at work here</dt>
            <dd>{health.running}</dd>
          </div>
          <div>
            <dt>Users blocked alone</dt>
            <dd>{health.apart}</dd>
          </div>
        </dl>
        {health.limitConflicts.length > 0 && (
          <p class="trouble">
            This process is configured with another limit than the account&apos;s record; the stricter one
            applies.
          </p>
        )}
      </Section>
      <Section title="Keys" aside="names only">
        {keys === null || keys.length === 0 ? (
          <p class="empty">This store needs none: it does not outlive its process.</p>
        ) : (
          <ul class="held">
            {keys.map(({ id, storeKeys }) => (
              <li key={id}>
                <code>{id}</code> unwraps {storeKeys.length === 0 ? "nothing" : storeKeys.join(", ")}
              </li>
            ))}
          </ul>
        )}
      </Section>
      <Section title="What operators did" aside="newest first" wide>
        {acts.length === 0 ? (
          <p class="empty">No pause and no reopened gate is recorded.</p>
        ) : (
          <ul class="held">
            {acts.toReversed().map(({ at, what, lane, reason, by }) => (
              <li key={`${at}${what}`}>
                <When at={at} now={now} />: <b>{what}</b>
                {what === "forget" ? " of a user" : what !== "reopen" && ` of ${lane ?? "all lanes"}`}
                {reason !== null && (
                  <>
                    {" "}
                    (“
                    <Foreign text={reason} />
                    ”)
                  </>
                )}
                ,{" "}
                {by === null ? (
                  "not named"
                ) : (
                  <>
                    by <Foreign text={by} />
                  </>
                )}
              </li>
            ))}
          </ul>
        )}
      </Section>
      <Section title="1upHealth, as this process has seen it" wide>
        <table class="endpoints">
          <Head of={["endpoint", "works", "last success", "last failure"]} />
          <tbody>
            {health.endpoints.map(({ endpoint, works, lastSuccess, lastFailure }) => (
              <tr key={endpoint}>
                <th scope="row">{endpoint}</th>
                {lastSuccess === null && lastFailure === null ? (
                  <td class="soft" data-label="works">
                    not called yet
                  </td>
                ) : (
                  <td class={works ? "good" : "bad"} data-label="works">
                    {works ? "yes" : "no"}
                  </td>
                )}
                <td data-label="last success">
                  {lastSuccess === null ? "–" : <When at={lastSuccess} now={now} />}
                </td>
                <td data-label="last failure">
                  {lastFailure === null ? (
                    "–"
                  ) : (
                    <>
                      <When at={lastFailure.at} now={now} />: <Why cause={lastFailure} />
                    </>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Section>
    </>
  );
}
