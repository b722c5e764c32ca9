/**
 * A sandbox: its clock, the faults that are scripted, and the calls that it received.
 *
 * @module
 */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ask, newOnce, type Me, type SandboxView } from "./data.ts";
import { useAnswer } from "./live.ts";
import { Head, Id, Section, Trouble } from "./parts.tsx";
import { count, duration, moment } from "./words.ts";

/** It is asked again so long after its last answer, ms. */
const everyMs = 1_000;
/** A clock that differs by less than this is followed, ms. */
const sameMs = 2_000;

export function Sandbox({ now }: { readonly now: number }): JSX.Element {
  const { value: me } = useAnswer<Me>("me", {}, 0);
  const [turn, setTurn] = useState(0);
  const asked = useAnswer<SandboxView>("sandbox", {}, turn);
  const { value, error } = asked;
  useEffect(() => {
    const timer = setTimeout(() => setTurn((before) => before + 1), everyMs);
    return () => clearTimeout(timer);
  }, [asked]);
  const [refusal, setRefusal] = useState<Error | null>(null);
  const change = (fields: object): void => {
    changeSandbox(fields)
      .then(
        () => setRefusal(null),
        (reason: unknown) => setRefusal(reason as Error), // `ask()` rejects with no other
      )
      .finally(() => setTurn((before) => before + 1));
  };
  const send = me?.may.includes("sandbox") === true ? change : null;
  if (value === null) return error === null ? <p class="empty">Loading…</p> : <Trouble error={error} />;
  return (
    <>
      {error !== null && <Trouble error={error} />}
      {refusal !== null && <Trouble error={refusal} />}
      <ClockCard value={value} now={now} send={send} />
      <Faults value={value} send={send} />
      <Calls value={value} />
    </>
  );
}

/** Changes the sandbox, with a token that is asked for just before. @throws {Refused} */
async function changeSandbox(fields: object): Promise<void> {
  const { token } = await ask<Me>("me", {});
  const headers = { "x-inspector-token": token };
  await ask("sandbox/change", { ...fields, once: newOnce() }, undefined, headers);
}

interface Part {
  readonly value: SandboxView;
  readonly send: ((fields: object) => void) | null;
}

const steps: readonly (readonly [words: string, ms: number])[] = [
  ["+10 min", 600_000],
  ["+1 h", 3_600_000],
  ["+2 h", 7_200_000],
  ["+1 day", 86_400_000],
];

function ClockCard({ value, now, send }: Part & { readonly now: number }): JSX.Element {
  const { aheadMs, url } = value;
  const isFollowed = Math.abs(aheadMs) < sameMs;
  return (
    <Section title="Clock" aside={<code>{url.replace("http://", "")}</code>}>
      <p class="figure">
        <strong>{moment(value.now)}</strong>
        {!value.running && <span> · stopped</span>}
      </p>
      {!isFollowed && (
        <p class="trouble">
          The lifecycle has another clock, {duration(Math.abs(aheadMs))} {aheadMs > 0 ? "behind" : "ahead"}:
          its tokens end by the sandbox&apos;s time, and its own timers run by{" "}
          {moment(new Date(now).toISOString())}. Give it <code>connectSandboxClock()</code> as its{" "}
          <code>clock</code>, and both move together.
        </p>
      )}
      {send === null ? (
        <p class="empty">
          To move it, turn actions on: <code>createInspector(lifecycle, {"{ actions: true }"})</code>, or{" "}
          <code>--actions</code>.
        </p>
      ) : (
        <div class="steps-ahead">
          {steps.map(([words, ms]) => (
            <button key={words} type="button" onClick={() => send({ change: "advance", ms })}>
              {words}
            </button>
          ))}
        </div>
      )}
    </Section>
  );
}

const faults: readonly (readonly [name: string, words: string])[] = [
  ["rateLimited", "429, and Retry-After: 30"],
  ["unavailable", "503"],
  ["lost", "carried out, but the answer is lost"],
  ["unreachable", "cut before it is carried out"],
  ["slow", "5 s late"],
  ["invalidGrant", "invalid_grant, though the grant is valid"],
  ["spentCode", "the code was used, though it was not"],
  ["noCode", "200 without a code"],
  ["loginPage", "302 to a login page"],
];
const calls = [
  "createUser",
  "issueAuthCode",
  "exchangeCode",
  "refreshToken",
  "listUsers",
  "updateUser",
] as const;

function Faults({ value, send }: Part): JSX.Element {
  const waiting = value.faults;
  return (
    <Section title="Faults" aside={waiting.length === 0 ? "none scripted" : `${waiting.length} to come`}>
      {waiting.length > 0 && (
        <ul class="held">
          {waiting.map((one, index) => (
            <li key={index}>
              <b>{one.what}</b> for {one.left === null ? "each" : `the next ${count(one.left)}`} of{" "}
              <code>{one.call ?? "the calls it can hit"}</code>
            </li>
          ))}
        </ul>
      )}
      {send === null ? (
        waiting.length === 0 && <p class="empty">Calls are answered as 1upHealth documents it.</p>
      ) : (
        <form
          class="fault"
          onSubmit={(event) => {
            event.preventDefault();
            const given = new FormData(event.currentTarget);
            const text = (name: string): string => {
              const value = given.get(name);
              return typeof value === "string" ? value : "";
            };
            const call = text("call") === "" ? {} : { call: text("call") };
            send({ change: "fail", fault: text("fault"), times: Number(text("times")), ...call });
          }}
        >
          <label>
            <span>what happens</span>
            <select name="fault">
              {faults.map(([name, words]) => (
                <option key={name} value={name}>
                  {words}
                </option>
              ))}
            </select>
          </label>
          <label>
            <span>to which call</span>
            <select name="call">
              <option value="">any call that it can hit</option>
              {calls.map((name) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </select>
          </label>
          <label>
            <span>times</span>
            <input name="times" type="number" min={1} max={1_000_000} value={1} required />
          </label>
          <button type="submit">Script it</button>
          {waiting.length > 0 && (
            <button type="button" class="plain" onClick={() => send({ change: "clearFaults" })}>
              Clear all
            </button>
          )}
        </form>
      )}
    </Section>
  );
}

function Calls({ value }: { readonly value: SandboxView }): JSX.Element {
  const rows = value.calls;
  return (
    <Section title="Calls it received" aside="newest first, secrets never shown" wide>
      {rows.length === 0 ? (
        <p class="empty">None so far.</p>
      ) : (
        <table class="users calls">
          <Head of={["#", "call", "answer", "user", "time", "fault"]} />
          <tbody>
            {rows.map(({ n, at, call, user, status, outcome, fault }) => (
              <tr key={n}>
                <td class="number">{n}</td>
                <th scope="row">
                  <code>{call}</code>
                </th>
                <td class={status === null || status >= 400 ? "bad" : "good"}>
                  {status ?? "cut"} <span class="soft">{outcome}</span>
                </td>
                <td data-label="user" class={user === null ? "none" : undefined}>
                  {user === null ? "–" : <Id id={user} />}
                </td>
                <td data-label="time">
                  <time dateTime={at}>{moment(at)}</time>
                </td>
                <td data-label="fault" class={fault === null ? "none" : undefined}>
                  {fault ?? "–"}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Section>
  );
}
