/**
 * `POST api/me` and `POST api/act`: what a person may do, and doing it.
 *
 * @module
 */
import { isLifecycleError, type LifecycleError } from "../../errors.ts";
import { nextSteps } from "../../next-step.ts";
import { readBody } from "../read-body.ts";
import { json, refusalOf, refuse, type Refused } from "../responses.ts";
import type { Acted, Me } from "../shapes.ts";
import { rowOf, withUser, type Views } from "../views.ts";
import { carryOut, checkAct, type Act, type Scene } from "./act.ts";
import { Once } from "./once.ts";
import { pageTokens } from "./page-tokens.ts";
import type { InspectorAction, Person } from "./permission.ts";

/** Who asks, and whether ids are masked for that page. */
export interface Asked {
  readonly person: Person;
  readonly masked: boolean;
}

/** See the module. */
export interface Acts {
  me(person: Person): Me;
  answer(request: Request, asked: Asked): Promise<Response>;
}

/** The header that holds a page's token. */
const tokenHeader = "x-inspector-token";

/** The acts on this lifecycle. `now`: its time, ms since 1970. */
export function createActs(views: Views, now: () => number): Acts {
  const tokens = pageTokens(views.lifecycle, now);
  const once = new Once<() => Response>();

  async function done(act: Act, { person, masked }: Asked): Promise<Acted> {
    const { lifecycle } = views;
    const scene: Scene = { lifecycle, now, withUser: (key, use) => withUser(views, key, use) };
    const status = await carryOut(scene, act, person.who);
    return { action: act.action, user: status && rowOf(views, status, masked) };
  }

  async function answerTo(act: Act, asked: Asked): Promise<() => Response> {
    try {
      const acted = await done(act, asked);
      return () => json(200, acted);
    } catch (error) {
      if (!isLifecycleError(error)) throw error;
      return () => refused(error);
    }
  }

  return {
    me: (person) => ({ who: person.who, may: [...person.may], token: tokens.of(person) }),
    async answer(request, asked) {
      const { headers } = request;
      const { person } = asked;
      if (!headers.has("origin")) return refuse(withoutOrigin, "json");
      if (!tokens.isOf(headers.get(tokenHeader), person)) return refuse(foreignToken, "json");
      const body = await readBody(request);
      if (body.type === "refused") return refuse(body.refused, "json");
      let act: Act;
      try {
        act = checkAct(body.fields);
      } catch (error) {
        if (!isLifecycleError(error)) throw error;
        return refused(error);
      }
      if (!person.may.has(act.action)) return refuse(notAllowed(act.action), "json");
      const name = `${person.session} ${act.once}`;
      const answer = once.run(name, JSON.stringify(act), () => answerTo(act, asked));
      return answer === null ? refuse(anotherAct, "json") : (await answer)();
    },
  };
}

function refused(error: LifecycleError): Response {
  return refuse({ ...refusalOf(error), next: nextSteps[error.code] }, "json");
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
const anotherAct: Refused = {
  status: 409,
  code: "INVALID_REQUEST",
  message: "Cannot do this: something else was begun with the same once; nothing more was done",
};

function notAllowed(action: InspectorAction): Refused {
  return {
    status: 403,
    code: "NOT_ALLOWED",
    message: `Cannot do this: you may not ${action} here; nothing was done`,
    next: "ask the person who runs this inspector",
  };
}
