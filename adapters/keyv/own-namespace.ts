/**
 * Gives a storage adapter of the application a namespace without modifying it. Keyv 5 writes its namespace into the
 * adapter it is given and adds a permanent listener to it, so an application that also uses the adapter elsewhere would
 * no longer find its own keys. So Keyv is given a view.
 *
 * @module
 */
import type { KeyvStoreAdapter } from "keyv";

/**
 * A view of the adapter with a namespace of its own. The adapter's methods run on the view, so they use the view's
 * namespace. Methods of a `Map`, or of an adapter with private fields, work only on the object itself; there the key
 * prefix of Keyv alone keeps the keys apart. Until `made` is called, no listener is added to the adapter.
 */
export function namespacedView(adapter: KeyvStoreAdapter): { view: KeyvStoreAdapter; made: () => void } {
  /** Properties that setting the namespace has written. */
  const own = new Map<PropertyKey, unknown>();
  const knowsOnlyItself = adapter instanceof Map || hasPrivateFields(adapter);
  let isMade = false;
  let isNaming = false;

  function method(name: PropertyKey, run: (...given: unknown[]) => unknown): unknown {
    if (name === "on" && !isMade) return () => view;
    if (!knowsOnlyItself) return run;
    const itself = run.bind(adapter);
    return name === "iterator" ? () => itself(adapter.namespace) : itself;
  }

  function name(value: unknown): void {
    const set = setterOf(adapter, "namespace");
    if (set === undefined || knowsOnlyItself) return void own.set("namespace", value);
    isNaming = true;
    try {
      set.call(view, value);
    } finally {
      isNaming = false;
    }
  }

  const view: KeyvStoreAdapter = new Proxy(adapter, {
    get(_, property) {
      if (own.has(property)) return own.get(property);
      const there: unknown = Reflect.get(adapter, property, knowsOnlyItself ? adapter : view);
      return typeof there === "function" && property !== "constructor"
        ? method(property, there as (...given: unknown[]) => unknown) // checked to be a function
        : there;
    },
    set(_, property, value) {
      if (property === "namespace") name(value);
      else if (isNaming || own.has(property)) own.set(property, value);
      else return Reflect.set(adapter, property, value);
      return true;
    },
    has: (_, property) => own.has(property) || property in adapter,
  });
  return { view, made: () => void (isMade = true) };
}

function setterOf(value: object, name: string): ((value: unknown) => void) | undefined {
  for (let at: object | null = value; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    const property = Object.getOwnPropertyDescriptor(at, name);
    if (property !== undefined) return property.set;
  }
  return undefined;
}

/** Private fields in a class's source, or as compiled for older engines. */
const privateFields = /(^|[^\w"'`&/])#[A-Za-z_$]|__classPrivateField|_classPrivate/m;

/** Whether methods of this object may work only on the object itself. */
export function hasPrivateFields(value: object): boolean {
  for (let at = prototypeOf(value); at !== null && at !== Object.prototype; at = prototypeOf(at)) {
    const { constructor } = at;
    if (typeof constructor === "function" && privateFields.test(String(constructor))) return true;
  }
  return false;
}

function prototypeOf(value: object): object | null {
  return Object.getPrototypeOf(value) as object | null; // typed as any
}
