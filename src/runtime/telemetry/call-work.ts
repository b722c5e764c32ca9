/**
 * A call to 1upHealth as a piece of work that is reported, and how it ended.
 *
 * @module
 */
import type { Answer, Call, Unanswered } from "../../http/call.ts";
import { causeOf } from "../../http/cause.ts";
import type { AboutUser, CallWork, Recorder } from "../../telemetry.ts";

/** Describes the call. `user`: the one it is for, if it is a single one. */
export function callWork(call: Call, user: AboutUser | null, type: CallWork["type"] = "call"): CallWork {
  const { name, endpoint, method, template, url } = call;
  const { hostname: address, port: given, protocol } = new URL(url);
  const port = given === "" ? (protocol === "https:" ? 443 : 80) : Number(given);
  return { type, call: name, endpoint, request: { method, template, address, port }, user };
}

/** Sends a call that is for no user's record, and reports it if there is telemetry. */
export function reported(
  recorder: Recorder | null,
  call: Call,
  send: () => Promise<Answer | Unanswered>,
): Promise<Answer | Unanswered> {
  if (recorder === null) return send();
  return recorder.during(callWork(call, null), send, (answer) => {
    if (answer.type !== "answer") return { outcome: answer.type, error: causeOf(call, answer, answer)?.code };
    const { status } = answer;
    return status < 400
      ? { outcome: "answered", status }
      : { outcome: "refused", status, error: `http_${status}` };
  });
}
