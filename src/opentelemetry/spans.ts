/**
 * Work as spans. Names and attributes follow OpenTelemetry's semantic conventions for HTTP and database clients; what
 * they have no name for begins with `oneup.`.
 *
 * @module
 */
import {
  context,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Span,
  type SpanOptions,
  type Tracer,
} from "@opentelemetry/api";
import { isLifecycleError } from "../errors.ts";
import type { AboutRequest, AboutUser, Ended, Work } from "../telemetry.ts";

/** Runs a piece of work in a span. `onEnd` is told how it ended, also if it threw. */
export async function inSpan<T>(
  tracer: Tracer,
  described: Described,
  task: () => Promise<T>,
  end: (result: T) => Ended,
  onEnd: (ended: Ended) => void,
): Promise<T> {
  const span = tracer.startSpan(described.name, described.options);
  let ended: Ended = { outcome: "failed", error: other };
  try {
    const result = await context.with(trace.setSpan(context.active(), span), task);
    ended = end(result);
    return result;
  } catch (error) {
    ended = failure(error);
    throw error;
  } finally {
    endSpan(span, ended);
    onEnd(ended);
  }
}

/** The value that the conventions give to an error of no known type. */
const other = "_OTHER";

/** Of an error only its code is kept: messages and stacks of other libraries may quote what was sent. */
function failure(error: unknown): Ended {
  if (!isLifecycleError(error)) return { outcome: "failed", error: other };
  return { outcome: "failed", error: error.code, status: error.status ?? error.failedCall?.status };
}

/** What a span starts with. */
export interface Described {
  readonly name: string;
  readonly options: SpanOptions;
}

/** Describes the span of a piece of work in a store of that name. `own`: attributes that the application adds. */
export function describeWork(work: Work, store: string, own: Attributes): Described {
  switch (work.type) {
    case "onboard":
      return described("onboard", SpanKind.INTERNAL, { ...own, ...of(work.user) });
    case "call":
    case "fhir": {
      const { call, endpoint, request, user } = work;
      const sent = { ...sentTo(request), "oneup.call": call, "oneup.endpoint": endpoint };
      const name = `${request.method} ${request.template}`;
      return described(name, SpanKind.CLIENT, { ...own, ...sent, ...(user && of(user)) });
    }
    case "commit": {
      const { verb, user } = work;
      const stored = { "db.system.name": systems[store] ?? store, "db.operation.name": verb };
      return described(`${verb} ${store}`, SpanKind.CLIENT, { ...own, ...stored, ...of(user) });
    }
    default:
      return work satisfies never;
  }
}

function described(name: string, kind: SpanKind, attributes: Attributes): Described {
  return { name, options: { kind, attributes } };
}

/** Stores that the conventions know by another name. */
const systems: Readonly<Record<string, string>> = { postgres: "postgresql" };

function of({ alias, state }: AboutUser): Attributes {
  return { "user.hash": alias, ...(state !== undefined && { "oneup.user.state": state }) };
}

function sentTo({ method, template, address, port }: AboutRequest): Attributes {
  return {
    "http.request.method": method,
    "url.template": template,
    "server.address": address,
    "server.port": port,
  };
}

function endSpan(span: Span, { outcome, status, error, state }: Ended): void {
  span.setAttribute("oneup.outcome", outcome);
  if (state !== undefined) span.setAttribute("oneup.user.next_state", state);
  if (typeof status === "number") span.setAttribute("http.response.status_code", status);
  if (error !== undefined) {
    span.setAttribute("error.type", error);
    span.setStatus({ code: SpanStatusCode.ERROR });
  }
  span.end();
}
