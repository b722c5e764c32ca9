/** The way from a process to 1upHealth and back: late, cut anywhere, or answered by something else. */
import { Buffer } from "node:buffer";
import type { Transport, TransportRequest, TransportResponse } from "oneup-lifecycle";
import type { Fault } from "oneup-lifecycle/sandbox";
import { onAbort } from "../../src/abort.ts";
import { aborted, heldBack, networkError, TransportError } from "../../src/http/transport.ts";
import type { Delivery } from "../../src/sandbox/handler.ts";
import type { Incoming, Outgoing } from "../../src/sandbox/base/message.ts";
import { AnswersTwice } from "./answers-twice.ts";
import { analyticsHost, filesHost } from "./bulk-exports.ts";
import { askedBy, faultFor, isManagement, userOf } from "./faults.ts";
import { never, type Life } from "./life.ts";
import type { Mortal, Stage } from "./stage.ts";
import { namesLimit } from "./throttling.ts";
import { beginning, Dice, timeoutMs } from "./time.ts";
import { tornStreams, type Whole } from "./torn-streams.ts";
import { isAnyDaysOff } from "./wrong-days.ts";

/** A call that was decided before a 429 may still be on its way through a slow store, ms. */
const underWayMs = 45_000;

/** Where 1upHealth is. */
const origins: ReadonlySet<string | undefined> = new Set([
  "https://api.1up.health",
  "https://auth.1up.health",
  analyticsHost,
]);

/** A transport for one life of a process. */
export function unreliableNetwork(stage: Stage, process: Mortal, life: Life): Transport {
  const { handler, time, judge, scenario } = stage;
  const dice = new Dice(scenario.seed, `network of ${life.name}`);
  /** Its transport hears of no abort: a call that the caller no longer waits for never settles. */
  const isDeaf = new Dice(scenario.seed, `hearing of ${life.name}`).hits(0.1);

  const twice = scenario.kinds.includes("answersTwice")
    ? new AnswersTwice(scenario.seed, life.name, (id) => judge.noteCause(id, "an answer was mixed up"))
    : null;

  /** The caller does not get the outcome of the call. */
  function noteCause(incoming: Incoming): void {
    const id = userOf(stage, incoming);
    if (id !== undefined) judge.noteCause(id, "a call was lost");
    else if (incoming.query.includes("skip=")) noteLostPage();
  }

  function noteLostPage(): void {
    judge.lists.noteLostPage();
    judge.lookUps.noteLostPage(life);
  }

  /** Something on the way answers in place of 1upHealth. */
  function inBetween(incoming: Incoming): Fault | undefined {
    const user = (): string | undefined => userOf(stage, incoming);
    const ms = time.now - beginning;
    const { isOver, kinds } = stage;
    const asked = askedBy(incoming);
    const fault = kinds.between({ asked, user, process: process.index, ms, isOver });
    if (fault?.status === 429) judge.limits.silences.throttled();
    if (fault !== undefined) judge.blocks.stopped(life, asked === "fhir" ? undefined : user());
    return fault;
  }

  const transport = {
    renew: () => twice?.renew(),
    send(request: TransportRequest): Promise<TransportResponse & Whole> {
      if (!life.alive || process.meetsItsFate(life)) return never();
      return new Promise((resolve, reject) => {
        const { rates } = stage;
        const incoming = incomingOf(request);
        const begunAt = time.now;
        const isAboutToken = endpointOf(incoming) === "token" && !isNeutral(incoming);
        const answeredWith = isAboutToken ? twice?.leaves(userOf(stage, incoming) ?? "") : undefined;
        let sent = false;
        let waits = true;
        onAbort(request.signal, () => {
          waits = false;
          noteCause(incoming);
          const isGivenUp = time.now - begunAt < timeoutMs; // by its caller: that shows nothing
          if (sent && !isGivenUp) isUnanswered();
          else if (!sent) isUnsent();
          if (!sent || !isDeaf) reject(aborted(sent));
        });
        const lost = (ms: number, code: string): void => {
          life.hear(ms, () => {
            answeredWith?.(null);
            if (sent) isUnanswered();
            if (waits || !isDeaf) reject(networkError({ code }, sent));
          });
        };
        const isForUser = isManagement(askedBy(incoming)) && !isNeutral(incoming);
        const isUnsent = (): void => {
          const endpoint = endpointOf(incoming);
          if (isNeutral(incoming)) judge.limits.silences.looksInVain(life);
          else if (endpoint !== "fhir") judge.limits.silences.unsent(life, endpoint, userOf(stage, incoming));
        };
        const isUnanswered = (): void => {
          judge.limits.silences.sent(life);
          if (isForUser) judge.limits.silences.unanswered(life, userOf(stage, incoming));
        };

        const write = (): void => {
          const isCutOff = !stage.isOver && stage.kinds.isCutOff(process.index, time.now - beginning);
          if (isCutOff || stage.isOn("networkDown") || dice.hits(rates.unreachable)) {
            noteCause(incoming);
            isUnsent();
            return lost(dice.between(1, 3_000), "ECONNREFUSED");
          }
          if (!request.onSending()) return reject(heldBack());
          sent = true;
          const isOpen = incoming.origin === filesHost && incoming.headers["authorization"] === undefined;
          if (!origins.has(incoming.origin) && !isOpen)
            judge.blame(`P3: a call leaves for ${incoming.origin}`);
          judge.grants.leaves(life, incoming.path, incoming.body);
          judge.pauses.leaves(life, incoming, userOf(stage, incoming));
          if (dice.hits(rates.answerLost / 2)) {
            // The line is cut, and what was sent is still on its way.
            time.after(dice.between(1_000, 9_900), () => {
              judge.grants.isOver(life, incoming.path, incoming.body);
              void handler.handle(incoming).then(arrived);
            });
            noteCause(incoming);
            return lost(dice.between(1, 500), "ECONNRESET");
          }
          if (dice.hits(rates.requestLost)) {
            judge.grants.isOver(life, incoming.path, incoming.body);
            noteCause(incoming);
            return lost(dice.between(1, 3_000), "ECONNRESET");
          }
          // A call on its way arrives, even if the process that sent it dies.
          const lateMs = stage.isOver ? undefined : stage.kinds.late(incoming);
          const ms = dice.hits(rates.slow) ? dice.between(1_000, 9_900) : dice.between(5, 80);
          time.after(lateMs === undefined ? ms : begunAt + lateMs - time.now, arrive);
        };

        const arrive = (): void => {
          judge.grants.isOver(life, incoming.path, incoming.body);
          const outlivesMs = stage.isOver ? undefined : stage.kinds.givenUp(incoming);
          if (outlivesMs !== undefined)
            time.after(
              Math.max(0, begunAt + outlivesMs - time.now),
              () => void handler.handle(incoming).then(arrived),
            );
          const givenUp = outlivesMs === undefined ? undefined : { status: 504 };
          const fault = givenUp ?? inBetween(incoming) ?? faultFor(stage, incoming, dice);
          if (fault !== undefined) handler.faults.add(fault);
          const isFaulty = fault !== undefined;
          void handler.handle(incoming).then((delivery) => back(delivery, arrived(delivery), isFaulty));
        };

        const arrived = (delivery: Delivery): string | undefined => {
          const entry = handler.journal.entries().at(-1);
          if (entry === undefined) return undefined;
          const { call, fault, outcome, status } = entry;
          const isRefused = fault !== undefined || refusing.has(outcome);
          const isPage = delivery.type !== "dropped" && /^<|"invalid_client"/.test(delivery.outgoing.body);
          const body = delivery.type === "answer" ? delivery.outgoing.body : "";
          if (isRefused && typeof status === "number")
            judge.lists.heard(life, namesLimit(status, body) ? 429 : status, isPage);
          if (call === "listUsers" && isNeutral(incoming)) {
            const isOutage = judge.limits.silences.isOutage(life);
            judge.lists.neutral(life, isOutage);
            if (isOutage) judge.limits.silences.neutral(life);
          }
          return judge.arrived(life, entry) ?? judge.numbers.presentsDead(incoming.body);
        };

        const back = (delivery: Delivery, id: string | undefined, isFaulty: boolean): void => {
          const ms = dice.hits(rates.slow) ? dice.between(1_000, 60_000) : dice.between(5, 80);
          if (process.meetsItsFate(life)) return;
          if (dice.hits(rates.answerLost)) {
            if (id !== undefined) judge.noteCause(id, "an answer was lost");
            else if (incoming.query.includes("skip=")) noteLostPage();
            return lost(ms, "ECONNRESET");
          }
          life.hear(ms, () => {
            if (endpointOf(incoming) !== "fhir") judge.limits.silences.sent(life);
            const {
              status = 0,
              headers = {},
              body = "",
            } = delivery.type === "answer" ? delivery.outgoing : {};
            if (waits && isFaulty) isUnanswered();
            else if (waits && isForUser && !unauthorized.has(status)) judge.limits.silences.answered(life);
            if (waits && namesLimit(status, body)) toldToWait(headers);
            // It shows that one user alone is to wait.
            else if (waits && delivery.type === "answer" && comesThrough(incoming, status)) {
              life.toldToWait.delete(endpointOf(incoming));
              life.neutralAt.set(endpointOf(incoming), time.now);
            }
            // A connection whose request was given up is closed.
            const got = answeredWith?.(waits && !stage.isOver ? delivery : null) ?? delivery;
            if (!waits && isDeaf) return;
            if (got.type === "answer") resolve(responseOf(got.outgoing));
            else reject(cut());
          });
        };

        // The second 429 about a user, if a call without an id succeeded between the two.
        const isOfItsUserAlone = (): boolean => {
          const user = userOf(stage, incoming);
          if (user === undefined) return false;
          const before = life.throttledAt.get(user) ?? Infinity;
          life.throttledAt.set(user, time.now);
          return (life.neutralAt.get(endpointOf(incoming)) ?? 0) > before;
        };

        const toldToWait = (headers: Readonly<Record<string, string>>): void => {
          const seconds = Number(headers["retry-after"] ?? NaN);
          if (Number.isNaN(seconds) || isOfItsUserAlone()) return;
          // A process whose clock is ahead believes sooner that the time is over, and so does one whose machine slept: it
          // adopts the right time after a minute.
          const skewMs = Math.max(...scenario.skewMs) - Math.min(...scenario.skewMs);
          const ms = seconds * 1_000 - skewMs - life.suspendedMs;
          life.toldToWait.set(endpointOf(incoming), { since: time.now, until: time.now + ms });
        };

        const patience = life.toldToWait.get(endpointOf(incoming));
        // What was under way when the process stood still leaves once it goes on.
        const since = Math.max(patience?.since ?? 0, life.heldUpUntil);
        // Another process, whose clock is days ahead, may have found the endpoint open.
        const isMisled = (): boolean => isAnyDaysOff(scenario, time.now - beginning);
        if (
          patience !== undefined &&
          time.now > since + underWayMs &&
          time.now < patience.until &&
          !isMisled()
        ) {
          judge.blame(`P4: ${life.name} calls although 1upHealth told it to wait`);
        }
        // A connection takes its time, and the process may stand still before the first byte leaves.
        life.hear(dice.hits(rates.slow) ? dice.between(1_000, 35_000) : dice.between(0, 20), write);
      });
    },
  };
  if (!scenario.kinds.includes("bulkExports")) return transport;
  return { ...transport, stream: tornStreams(stage, life, transport.send) };
}

/** Outcomes that say something of the client, and no fault brought them about. */
const refusing: ReadonlySet<string> = new Set(["unauthorized", "invalid_client", "rate_limited"]);

/** Is it a call without a user's id? */
function isNeutral({ path, query, body }: Incoming): boolean {
  if (path.endsWith("/oauth2/token")) return !/(^|&)(code|refresh_token)=/.test(body);
  return path.startsWith("/user-management") && /(^|&)limit=1(&|$)/.test(query);
}

/** How 1upHealth answers a refused secret: no user's call has come through then. */
const unauthorized: ReadonlySet<number> = new Set([302, 401]);

/** Does the answer show that calls about no user come through? A page of 1upHealth's list does, too. */
function comesThrough(incoming: Incoming, status: number): boolean {
  const { method, path, query } = incoming;
  const isPage = method === "GET" && path.endsWith("/user") && !/(^|&)(app|oneup)_user_id=/.test(query);
  return isNeutral(incoming) || (isPage && status === 200);
}

function endpointOf({ path }: Incoming): string {
  if (path.endsWith("/oauth2/token")) return "token";
  return path.startsWith("/user-management") ? "management" : "fhir";
}

function incomingOf({ method, url, headers, body }: TransportRequest): Incoming {
  const { pathname, search, origin } = new URL(url);
  return { method, path: pathname, query: search.slice(1), headers, body: body ?? "", origin };
}

function responseOf({ status, headers, body, bytes }: Outgoing): TransportResponse & Whole {
  const text = bytes === undefined ? body : Buffer.from(bytes).toString();
  return { status, headers: { ...headers }, text, bytes };
}

function cut(): TransportError {
  return new TransportError("Cannot tell what became of the call: the connection was cut", {
    sent: true,
    code: "ECONNRESET",
  });
}
