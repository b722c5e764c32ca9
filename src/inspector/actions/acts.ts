/**
 * `POST api/me` and `POST api/act`: what a person may do, and doing it.
 *
 * @module
 */
import { checkValue } from "../../checks.ts";
import { isLifecycleError, type LifecycleError } from "../../errors.ts";
import { nextStepOf } from "../../next-step.ts";
import { readBody } from "../read-body.ts";
import { json, refusalOf, refuse, type Refused } from "../responses.ts";
import type { Acted, Me } from "../shapes.ts";
import { recordOf, rowOf, withUser, type Fields, type Views } from "../views.ts";
import { aName, carryOut, checkAct, type Act, type Scene } from "./act.ts";
import { Once } from "./once.ts";
import { pageTokens } from "./page-tokens.ts";
import type { InspectorPermission, Person } from "./permission.ts";

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

  async function done(act: Act, { person, masked }: Asked): Promise<Acted> {
    const { lifecycle } = views;
    const scene: Scene = {
      lifecycle,
      now,
      withUser: ({ key, record }, use) =>
        withUser(views, key, async (id) => {
          if ((await recordOf(lifecycle, id)).record !== record) throw new AnotherRecord();
          return use(id);
        }),
    };
    const status = await carryOut(scene, act, person.who);
    return { action: act.action, user: status && rowOf(views, status, masked) };
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
    "Cannot do this: the user that the page shows was forgotten, and its id was onboarded anew since; nothing was done",
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
