/**
 * Instruments a lifecycle: while one of its calls is pending, time may pass by itself, and once its process has crashed no
 * call of it resolves.
 *
 * @module
 */
import type { UserActorLogic } from "../runtime/watching/actor-logic.ts";
import { onAbort } from "../abort.ts";
import { isObject } from "../checks.ts";
import type { Lifecycle } from "../runtime/lifecycle.ts";
import { never, waitsInStep, type TestProcess } from "./test-process.ts";
import type { SteeredTime } from "./test-clock.ts";

/** What the instrumentation needs. */
export interface Watch {
  readonly life: TestProcess;
  /** The clock that may advance by itself while a call is pending; `null` for none. */
  readonly time: SteeredTime | null;
  /** Its calls wait for users, not for time. */
  readonly isPatient?: boolean;
  /** Follows a call until it is settled; `mayStay`: its caller need not wait for it. */
  readonly follow?: (<T>(name: string, call: Promise<T>, mayStay: boolean) => Promise<T>) | undefined;
}

type Verb = (...args: readonly unknown[]) => unknown;

/** Methods that wait for users, not for time: they may run forever, so they do not advance the clock. */
const patient: ReadonlySet<unknown> = new Set(["work", "watch", "events"]);

/**
 * How long a worker of a test sleeps at most between two polls of the store, in ms. No other process writes there, and
 * polling every second would add a step for each second that a test skips.
 */
const pollMs = 3_600_000;

/** The same for `watch()` and `events()`, in ms: how soon it sees a change that only the clock causes. */
export const watchMs = 60_000;

/** The instrumented lifecycle. Its methods are plain functions, so that a spy can replace one. */
export function instrumented(lifecycle: Lifecycle, watch: Watch): Lifecycle {
  const { life } = watch;
  const actors = new Map<object, () => void>();
  const close = async (): Promise<void> => {
    for (const end of actors.values()) end(); // actors that are still running stay as they are
    if (!life.isOver) await timed(watch, lifecycle.close(), true);
  };
  const work: Lifecycle["work"] = (options) => {
    const working = lifecycle.work({ pollMs, ...options });
    const signal = options?.signal;
    if (signal instanceof AbortSignal) {
      const unsubscribe = onAbort(signal, () => letTimePass(watch, working, true)); // for its calls under way
      working.then(unsubscribe, unsubscribe);
    }
    return followed(patiently(watch), "work()", unlessDead(life, working));
  };
  return {
    ...proxied(lifecycle, watch),
    remote: { ...proxied(lifecycle.remote, watch, "remote.") },
    account: { ...proxied(lifecycle.account, watch, "account.") },
    budget: { ...lifecycle.budget, refresh: proxied(lifecycle.budget, watch, "budget.").refresh },
    keys: { ...proxied(lifecycle.keys, watch, "keys.") },
    actor: timedActor(lifecycle.actor, watch, actors),
    work,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Actor logic that lets time pass by itself while an actor runs. `ends`: a function per running actor that ends this. */
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

/** Instruments a result: a promise, or an object with methods, such as a FHIR client or a paginator. */
function outcome(watch: Watch, result: unknown, name: string): unknown {
  if (result instanceof ReadableStream) return result; // which others accept as it is alone
  const path = `${name}.`;
  if (!(result instanceof Promise)) return isObject(result) ? proxied(result, watch, path) : result;
  const brought = result.then((value: unknown) => (leadsOn(value) ? proxied(value, watch, path) : value));
  return followed(watch, name, timed(watch, brought));
}

/** The call, followed if that is asked for. */
function followed<T>({ follow, isPatient = false }: Watch, name: string, call: Promise<T>): Promise<T> {
  return follow?.(name, call, isPatient) ?? call;
}

function patiently(watch: Watch): Watch {
  return { ...watch, time: null, isPatient: true };
}

/**
 * A proxy of the object with instrumented methods, inherited ones included.
 *
 * @param path how a call leads to it: `remote.`
 */
function proxied<T extends object>(target: T, watch: Watch, path = ""): T {
  return new Proxy(target, {
    get(of, name) {
      const value: unknown = Reflect.get(of, name, of);
      if (!isVerb(value)) return value;
      const through = patient.has(name) ? patiently(watch) : watch;
      const called = `${path}${String(name)}()`;
      return (...args: readonly unknown[]) => outcome(through, Reflect.apply(value, of, args), called);
    },
  });
}

/** The call's result; time may pass by itself meanwhile, or does so in any case (`always`). */
function timed<T>(watch: Watch, call: Promise<T>, always = false): Promise<T> {
  letTimePass(watch, call, always);
  return unlessDead(watch.life, call);
}

function letTimePass({ life, time }: Watch, call: Promise<unknown>, always: boolean): void {
  if (life.isOver || time === null) return;
  const forget = life.whenOver(time.waitFor(call, always));
  call.then(forget, forget);
}

/** The call's result, unless the process died meanwhile, or is dead. */
function unlessDead<T>(life: TestProcess, call: Promise<T>): Promise<T> {
  waitsInStep();
  if (life.isOver) {
    call.catch(() => {}); // its own result is not used
    return life.refuse();
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

/** Whether it is paginated, with a `next()` of its own, or an attachment, whose `bytes()` may repeat its call. */
function leadsOn(value: unknown): value is object {
  return isObject(value) && [value["next"], value["bytes"]].some(isVerb);
}
