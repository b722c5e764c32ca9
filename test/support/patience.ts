/**
 * Waiting is no verdict about speed: `vi.waitFor()` and `vi.waitUntil()` give up after two minutes at the earliest, and
 * not after their own second. What comes sooner is met sooner.
 */
import { vi } from "vitest";

const least = 120_000;
const mark = Symbol.for("oneup-lifecycle tests are patient");

type Options = Parameters<typeof vi.waitFor>[1];

function longer(options: Options): Options {
  if (typeof options === "number") return Math.max(options, least);
  return { ...options, timeout: Math.max(options?.timeout ?? 0, least) };
}

// Files share their worker, and this is run for each.
if (!(mark in vi)) {
  const { waitFor, waitUntil } = vi;
  Object.assign(vi, {
    [mark]: true,
    waitFor: (task: Parameters<typeof waitFor>[0], options?: Options) => waitFor(task, longer(options)),
    waitUntil: (task: Parameters<typeof waitUntil>[0], options?: Options) => waitUntil(task, longer(options)),
  });
}
