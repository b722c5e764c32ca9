/** Carries out a call, or not, and returns the normal response or the one that a fault specifies. */

import { type Fault, isCarriedOut } from "./fault.ts";
import { json, type Outgoing, parseObject } from "../base/message.ts";
import { type Carried, type Plan, refused } from "../base/plan.ts";
import { faultResponses } from "./fault-responses.ts";
import { retryAfterHeader } from "../oauth/plan-user-management.ts";
import type { World } from "../state/world.ts";

const nothing: Carried = refused("fault", { status: 500, headers: {}, body: "" });

/** Carries out a call, with the fault that hits it, if any. */
export function carryOut(world: World, plan: Plan, fault: Fault | undefined): Carried {
  if (fault === undefined) return plan.carryOut();
  const carried = isCarriedOut(fault) ? plan.carryOut() : nothing;
  const code = carried.secrets?.issuedCode;
  if (fault.codeReadyMs !== undefined && code !== undefined) {
    world.grants.holdBack(code, world.now() + fault.codeReadyMs);
  }
  return { ...carried, outgoing: answerOf(world, fault, carried.outgoing) };
}

function answerOf(world: World, fault: Fault, due: Outgoing): Outgoing {
  const { response, status, omit } = fault;
  if (omit !== undefined) return without(due, omit);
  if (response !== undefined) {
    const answer = faultResponses[response].answer(world, status, due);
    return {
      ...answer,
      status: status ?? answer.status,
      headers: { ...answer.headers, ...headersOf(world, fault) },
    };
  }
  return status === undefined ? due : replaced(status, fault.body, headersOf(world, fault));
}

function replaced(status: number, body: unknown, headers: Readonly<Record<string, string>>): Outgoing {
  if (body === undefined) return { status, headers, body: "" };
  if (typeof body !== "string") return json(status, body, headers);
  const type = body.trimStart().startsWith("<") ? "text/html" : "text/plain";
  return { status, headers: { "content-type": `${type}; charset=utf-8`, ...headers }, body };
}

function headersOf(world: World, { headers, retryAfterMs, retryAfter }: Fault): Record<string, string> {
  if (retryAfterMs === undefined) return { ...headers };
  const form = retryAfter ?? (world.settings.retryAfter || "seconds");
  return { ...headers, ...retryAfterHeader(form, world.now(), retryAfterMs) };
}

function without(outgoing: Outgoing, fields: readonly string[]): Outgoing {
  const body = parseObject(outgoing.body);
  if (body === undefined) return outgoing;
  for (const field of fields) delete body[field];
  return { ...outgoing, body: JSON.stringify(body) };
}
