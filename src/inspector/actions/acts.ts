/**
 * `POST api/me` and `POST api/act`: what a person may do, and doing it. A page sends a token with each action, which proves
 * that the inspector's own page sends it, in the session that asked for the token. A request that is repeated does nothing
 * more: what was begun once is not begun again, and the repetition gets the same answer.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHmac, createSecretKey, randomBytes, timingSafeEqual } from "node:crypto";
import { checkValue } from "../../checks.ts";
import { invalidOption, isLifecycleError, type LifecycleError } from "../../errors.ts";
import { nextStepOf } from "../../next-step.ts";
import { readBody, json, refusalOf, refuse, type Refused } from "../responses.ts";
import type { Acted, Me } from "../shapes.ts";
import { recordOf, rowOf, withUser, type Fields, type Views } from "../views.ts";
import { aName, checkAct, onAccount, onUser, type Act } from "./act.ts";
import type { InspectorPermission, Person } from "./permission.ts";
import type { Lifecycle } from "../../index.ts";
import { internalsOf } from "../../runtime/internals.ts";

/** Who asks, and whether ids are masked for that page. */
export interface Asked {
  readonly person: Person;
  readonly masked: boolean;
}

/** What a request asks for, once it was read. */
interface Wanted {
  readonly needs: InspectorPermission;
  /** A second request with the same name does nothing more. */
  readonly once: string;
  readonly what: object;
  run(): Promise<object>;
}

/** The header that holds a page's token. */
const tokenHeader = "x-inspector-token";

/** The acts on this lifecycle. `now`: its time, ms since 1970. */
export function createActs(views: Views, now: () => number, changeSandbox: (told: Fields) => Promise<void>) {
  const tokens = pageTokens(views.lifecycle, now);
  const once = new Once<() => Response>();

  /**
   * Does it, and shows the user after it, unless the act was about the account.
   * @throws {LifecycleError} as the lifecycle's methods
   */
  async function done(act: Act, { person: { who }, masked }: Asked): Promise<Acted> {
    const { action, key, record } = act;
    const { lifecycle } = views;
    const ofUser = onUser[action];
    if (ofUser !== undefined) {
      if (record === "")
        throw invalidOption("Cannot do this: record must be that of the user, as its page has it");
      const status = await withUser(views, key, async (id) => {
        if ((await recordOf(lifecycle, id)).record !== record) throw new AnotherRecord();
        return ofUser(lifecycle, id, act, who);
      });
      return { action, user: rowOf(views, status, masked) };
    }
    const ofAccount = onAccount[action];
    if (ofAccount === undefined) throw invalidOption("Cannot do this: no such action");
    await ofAccount(lifecycle, act, who, now());
    return { action, user: null };
  }

  async function answerTo(run: Wanted["run"]): Promise<() => Response> {
    try {
      const acted = await run();
      return () => json(200, acted);
    } catch (error) {
      if (error instanceof AnotherRecord) return () => refuse(anotherRecord, "json");
      if (!isLifecycleError(error)) throw error;
      return () => refused(error);
    }
  }

  /** Does what the inspector's own page asks for in this session, if the person may. */
  async function answerPage(
    request: Request,
    { person }: Asked,
    read: (fields: Fields) => Wanted,
  ): Promise<Response> {
    const { headers } = request;
    if (!headers.has("origin")) return refuse(withoutOrigin, "json");
    if (!tokens.isOf(headers.get(tokenHeader), person)) return refuse(foreignToken, "json");
    const body = await readBody(request);
    if ("status" in body) return refuse(body, "json");
    let wanted: Wanted;
    try {
      wanted = read(body.fields);
    } catch (error) {
      if (!isLifecycleError(error)) throw error;
      return refused(error);
    }
    const { needs, what } = wanted;
    if (!person.may.has(needs)) return refuse(notAllowed(needs), "json");
    const name = `${person.session} ${wanted.once}`;
    const answer = once.run(name, JSON.stringify([needs, what]), () => answerTo(wanted.run));
    return answer === null ? refuse(anotherAct, "json") : (await answer)();
  }

  return {
    me: (person: Person): Me => ({ who: person.who, may: [...person.may], token: tokens.of(person) }),
    answer: (request: Request, asked: Asked): Promise<Response> =>
      answerPage(request, asked, (fields) => {
        const act = checkAct(fields);
        return { needs: act.action, once: act.once, what: act, run: () => done(act, asked) };
      }),
    /** `POST api/sandbox/change`. */
    changeSandbox: (request: Request, asked: Asked): Promise<Response> =>
      answerPage(request, asked, ({ once: name, ...told }) => ({
        needs: "sandbox",
        once: checkValue<unknown>("control the sandbox", "once", name, aName) as string, // or it throws
        what: told,
        run: async () => (await changeSandbox(told), {}),
      })),
  };
}

function refused(error: LifecycleError): Response {
  return refuse({ ...refusalOf(error), next: nextStepOf(error) }, "json");
}

const withoutOrigin: Refused = {
  status: 403,
  code: "FORBIDDEN",
  message: "Cannot do this: the request must have an Origin, which the inspector's page sends",
};
const foreignToken: Refused = {
  status: 403,
  code: "FORBIDDEN",
  message: "Cannot do this: the page's token is missing, old, or of another session; nothing was done",
  next: "load the page again",
};
/** The user that the page shows was forgotten, and has come back. */
class AnotherRecord extends Error {}

const anotherRecord: Refused = {
  status: 409,
  code: "ANOTHER_RECORD",
  message:
    "Cannot do this: the user that the page shows was forgotten, and its id was onboarded again since; nothing was done",
  next: "load the page again, and look at the user as it is now",
};
const anotherAct: Refused = {
  status: 409,
  code: "INVALID_REQUEST",
  message: "Cannot do this: something else was begun with the same once; nothing more was done",
};

function notAllowed(needs: InspectorPermission): Refused {
  const what = needs === "sandbox" ? "control the sandbox" : needs;
  return {
    status: 403,
    code: "NOT_ALLOWED",
    message: `Cannot do this: you may not ${what} here; nothing was done`,
    next: "ask the person who runs this inspector",
  };
}

/** A token lasts until the end of the next period, ms. */
const periodMs = 12 * 3_600_000;

/** Tokens by a key of the lifecycle's store, so that they are good in each process with it. */
function pageTokens(lifecycle: Lifecycle, now: () => number) {
  const key = internalsOf(lifecycle)?.key("inspector page token") ?? createSecretKey(randomBytes(32));
  const digest = (person: Person, period: number): Uint8Array =>
    createHmac("sha256", key)
      .update(JSON.stringify([period, person.session]))
      .digest();
  const period = (): number => Math.floor(now() / periodMs);
  return {
    of: (person: Person): string => Buffer.from(digest(person, period())).toString("base64url"),
    /** Whether the token was made for this person's session, less than a day ago. */
    isOf(token: string | null, person: Person): boolean {
      const given = Buffer.from(token ?? "", "base64url");
      const isSame = (made: Uint8Array): boolean =>
        made.length === given.length && timingSafeEqual(made, given);
      return [0, 1].some((ago) => isSame(digest(person, period() - ago)));
    },
  };
}

/** Answers that are kept; the oldest are dropped first. */
const mostKept = 1_000;

export class Once<T> {
  readonly #begun = new Map<string, { readonly what: string; readonly answer: Promise<T> }>();

  /** Begins it, unless it was begun under this name. `null`: something else was begun under it. */
  run(name: string, what: string, begin: () => Promise<T>): Promise<T> | null {
    const known = this.#begun.get(name);
    if (known !== undefined) return known.what === what ? known.answer : null;
    const answer = begin();
    this.#begun.set(name, { what, answer });
    const [oldest] = this.#begun.keys();
    if (this.#begun.size > mostKept && oldest !== undefined) this.#begun.delete(oldest);
    return answer;
  }
}
