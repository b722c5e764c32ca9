/**
 * A lifecycle whose calls are watched: while one is under way time may pass by itself, and once its process has crashed
 * nobody hears of it any more.
 *
 * @module
 */
import type { UserActorLogic } from "../runtime/actor.ts";
import { isObject } from "../runtime/checks.ts";
import type { Lifecycle } from "../runtime/lifecycle.ts";
import { gone, never } from "./life.ts";
import type { Life } from "./life.ts";
import type { SteeredTime } from "./test-clock.ts";

/** By whom calls are watched. */
export interface Watch {
  readonly life: Life;
  /** What may pass by itself while a call is under way; `null`: it passes for nobody. */
  readonly time: SteeredTime | null;
}

type Verb = (...args: readonly unknown[]) => unknown;

/** Verbs of whoever waits for news of people and not for time: it may go on for ever, and no time passes for it. */
const patient: ReadonlySet<string> = new Set(["work", "watch"]);

/**
 * How long a worker of a test sleeps at most between two looks at the store, ms: nobody else writes there, and each look
 * of the usual second would be a step on the way to tomorrow.
 */
const lookMs = 3_600_000;

/** Likewise whoever watches, ms: what a user becomes by the clock alone is seen that soon. */
export const watchMs = 60_000;

/** The lifecycle, watched. Its verbs are plain functions: a spy may stand in for one. */
export function watched(lifecycle: Lifecycle, watch: Watch): Lifecycle {
  const { life } = watch;
  const actors = new Map<object, () => void>();
  const close = async (): Promise<void> => {
    for (const end of actors.values()) end(); // those that are left stay as they are, for good
    if (!life.isOver) await timed(watch, lifecycle.close());
  };
  return {
    ...verbsOf(lifecycle, watch),
    remote: verbsOf(lifecycle.remote, watch),
    account: verbsOf(lifecycle.account, watch),
    keys: verbsOf(lifecycle.keys, watch),
    actor: timedActor(lifecycle.actor, watch, actors),
    work: (options) => heard(life, lifecycle.work({ lookMs, ...options })),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Logic of actors during whose work time may pass by itself. `ends`: of each that is at work, what says that it ends. */
function timedActor<Input>(
  logic: UserActorLogic<Input>,
  watch: Watch,
  ends: Map<object, () => void>,
): UserActorLogic<Input> {
  return {
    ...logic,
    start(snapshot, scope) {
      logic.start?.(snapshot, scope);
      if (snapshot.status !== "active" || watch.life.isOver) return;
      void timed(watch, new Promise<void>((resolve) => ends.set(scope.self, resolve)));
    },
    transition(snapshot, event, scope) {
      const next = logic.transition(snapshot, event, scope);
      if (next.status !== "active") {
        ends.get(scope.self)?.();
        ends.delete(scope.self);
      }
      return next;
    },
  };
}

/** A copy whose verbs are watched. */
function verbsOf<T extends object>(verbs: T, watch: Watch): T {
  const copies = Object.entries(verbs).map(([name, verb]: [string, unknown]) => {
    const follow = patient.has(name) ? { ...watch, time: null } : watch;
    const call = (...args: readonly unknown[]): unknown =>
      isVerb(verb) ? outcome(follow, Reflect.apply(verb, verbs, args)) : verb;
    return [name, isVerb(verb) ? call : verb];
  });
  return { ...verbs, ...Object.fromEntries(copies) } as T; // the same names, and what they give is of the same kind
}

/** What a verb gave, watched: a promise, or something with verbs of its own, as a FHIR client and a walk have. */
function outcome(watch: Watch, result: unknown): unknown {
  if (!(result instanceof Promise)) return isObject(result) ? proxied(result, watch) : result;
  const brought = result.then((value: unknown) => (leadsOn(value) ? proxied(value, watch) : value));
  return timed(watch, brought);
}

/** The same object, whose verbs are watched, wherever it has them from. */
function proxied<T extends object>(target: T, watch: Watch): T {
  return new Proxy(target, {
    get(of, name) {
      const value: unknown = Reflect.get(of, name, of);
      if (!isVerb(value)) return value;
      return (...args: readonly unknown[]) => outcome(watch, Reflect.apply(value, of, args));
    },
  });
}

/** What the call brings, while time may pass by itself. */
function timed<T>({ life, time }: Watch, call: Promise<T>): Promise<T> {
  if (!life.isOver && time !== null) {
    const forget = life.whenOver(time.waitFor(call));
    call.then(forget, forget);
  }
  return heard(life, call);
}

/** What the call brings, unless its process is gone by then. One that was gone before is a mistake of the test. */
function heard<T>(life: Life, call: Promise<T>): Promise<T> {
  if (life.isOver) {
    call.catch(() => {}); // it ends as what follows, or not at all
    return Promise.reject(gone());
  }
  return call.then(
    (value) => (life.isOver ? never() : value),
    (error: unknown) => {
      if (life.isOver) return never();
      throw error;
    },
  );
}

function isVerb(value: unknown): value is Verb {
  return typeof value === "function";
}

/** Has it a next one, as a page has? */
function leadsOn(value: unknown): value is object {
  return isObject(value) && "next" in value && isVerb(value.next);
}
