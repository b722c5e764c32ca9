// The two ends of 15-webhooks.ts: a sender that tries again, and a receiver that verifies the signature.
import { createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import type { LifecycleEvent } from "oneup-lifecycle";

const secret = "a secret of the two services";

/** The signature covers the time as well, so that an old request cannot be sent again later. */
function signatureOf(time: string, body: string): string {
  return createHmac("sha256", secret).update(`${time}.${body}`).digest("hex");
}

/** The body of a request, if its sender has the secret and it was sent just now; otherwise `null`. */
export async function verified(request: IncomingMessage): Promise<string | null> {
  let body = "";
  for await (const chunk of request) body += String(chunk);
  const { "x-time": time = "", "x-signature": signature = "" } = request.headers;
  const expected = Buffer.from(signatureOf(String(time), body));
  const given = Buffer.from(String(signature));
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return null;
  return Math.abs(Date.now() - Number(time)) > 300_000 ? null : body;
}

/** A receiver answers one of these if it will never take this event; anything else may be over soon. */
const final = new Set([400, 413, 422]);

/** Posts an event until the receiver has it. False: it refuses the event for good, which must not hold up the others. */
export async function post(url: string, event: LifecycleEvent): Promise<boolean> {
  const body = JSON.stringify(event);
  for (let waitMs = 10; ; waitMs = Math.min(2 * waitMs, 60_000)) {
    const time = String(Date.now());
    const headers = { "x-time": time, "x-signature": signatureOf(time, body) };
    const waiting = new AbortController();
    const over = setTimeout(() => waiting.abort(), 10_000);
    const { signal } = waiting;
    // A redirect is not followed: it would make a GET without the event, or take it to another service.
    const response = await fetch(url, { method: "POST", headers, body, signal, redirect: "manual" }).catch(
      () => null, // it is away, or does not answer
    );
    await response?.body?.cancel();
    clearTimeout(over);
    if (response?.ok === true) return true;
    if (response !== null && final.has(response.status)) return false;
    await pause(waitMs);
  }
}
