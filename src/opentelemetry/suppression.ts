/**
 * The context of requests that other instrumentations must not report.
 *
 * @module
 */
import { context, createContextKey, ROOT_CONTEXT, type Context } from "@opentelemetry/api";

/**
 * The key that `suppressTracing()` of `@opentelemetry/core` sets: `createContextKey()` returns equal keys for equal
 * names, so that package is not needed.
 */
const suppressTracing = createContextKey("OpenTelemetry SDK Context Key SUPPRESS_TRACING");

/**
 * No tracer records in it, and no propagator adds a header: besides the key, which the SDK honours, it holds no span and
 * no baggage that could be sent.
 */
const unseenContext: Context = ROOT_CONTEXT.setValue(suppressTracing, true);

/** Runs a request whose URL, body or keys must not be reported. */
export function unseen<T>(task: () => Promise<T>): Promise<T> {
  return context.with(unseenContext, task);
}

/** Runs work that belongs to no caller: its spans have no parent. */
export function detached<T>(task: () => Promise<T>): Promise<T> {
  return context.with(ROOT_CONTEXT, task);
}
