/** Storage adapters, made for either version of Keyv, and the ways in which they are given to `keyv()`. */
import { Keyv, type KeyvStoreAdapter } from "keyv";
import {
  Keyv as Keyv6,
  KeyvBridgeAdapter,
  type KeyvBridgeStore,
  keyvStorageCapability,
  type KeyvStorageCapability,
  type KeyvStorageEntry,
  type KeyvStorageGetResult,
} from "keyv6";

type Listener = (...given: unknown[]) => void;

/** A storage adapter for Keyv 5 that names its own keys, as @keyv/redis does. */
export class Naming implements KeyvStoreAdapter {
  opts = { dialect: "sqlite" }; // one of those that Keyv iterates over
  listeners: Listener[] = [];
  readonly data: Map<string, string>;
  ownName: string | undefined = undefined;

  constructor(data = new Map<string, string>()) {
    this.data = data;
  }

  get namespace(): string | undefined {
    return this.ownName;
  }
  set namespace(value: string | undefined) {
    this.ownName = value;
  }
  keyOf(key: string): string {
    return this.ownName === undefined ? key : `${this.ownName}/${key}`;
  }
  async get<Value>(key: string): Promise<Value | undefined> {
    return this.data.get(this.keyOf(key)) as Value | undefined; // as it was set
  }
  async set(key: string, value: string): Promise<boolean> {
    this.data.set(this.keyOf(key), value);
    return true;
  }
  async delete(key: string): Promise<boolean> {
    return this.data.delete(this.keyOf(key));
  }
  async clear(): Promise<void> {
    this.data.clear();
  }
  async *iterator<Value>(namespace?: string): AsyncGenerator<[string, Value], void> {
    const prefix = namespace === undefined ? "" : `${namespace}/`;
    for (const [key, value] of this.data)
      if (key.startsWith(prefix)) yield [key.slice(prefix.length), value as Value]; // as it was set
  }
  on(_event: string, listener: Listener): this {
    this.listeners = [...this.listeners, listener];
    return this;
  }
  off(_event: string, listener: Listener): this {
    this.listeners = this.listeners.filter((each) => each !== listener);
    return this;
  }
}

/** One that cannot be used through anything but itself. */
export class Private extends Naming {
  readonly #salt: string = "private";
  override keyOf(key: string): string {
    return super.keyOf(this.#salt === "" ? "" : key);
  }
}

/** The same data through a storage adapter for Keyv 6. */
export class Naming6 {
  readonly capabilities: KeyvStorageCapability;
  namespace: string | undefined = undefined;
  readonly data: Map<string, string>;
  /** The third argument of each write. */
  readonly expiries = new Set<unknown>();

  constructor(data = new Map<string, string>()) {
    this.data = data;
    this.capabilities = keyvStorageCapability(this);
  }
  keyOf(key: string): string {
    return this.namespace === undefined ? key : `${this.namespace}/${key}`;
  }
  async get<Value>(key: string): Promise<KeyvStorageGetResult<Value>> {
    return this.data.get(this.keyOf(key));
  }
  async set(key: string, value: unknown, expires?: number): Promise<boolean> {
    this.expiries.add(expires);
    this.data.set(this.keyOf(key), String(value));
    return true;
  }
  async setMany<Value>(entries: KeyvStorageEntry<Value>[]): Promise<boolean[]> {
    return Promise.all(entries.map(({ key, value, expires }) => this.set(key, value, expires)));
  }
  async getMany<Value>(keys: string[]): Promise<KeyvStorageGetResult<Value | undefined>[]> {
    return Promise.all(keys.map((key) => this.get<Value>(key)));
  }
  async has(key: string): Promise<boolean> {
    return this.data.has(this.keyOf(key));
  }
  async hasMany(keys: string[]): Promise<boolean[]> {
    return Promise.all(keys.map((key) => this.has(key)));
  }
  async delete(key: string): Promise<boolean> {
    return this.data.delete(this.keyOf(key));
  }
  async deleteMany(keys: string[]): Promise<boolean[]> {
    return Promise.all(keys.map((key) => this.delete(key)));
  }
  async clear(): Promise<void> {
    this.data.clear();
  }
  async *iterator<Value>(): AsyncGenerator<(string | Awaited<Value> | undefined)[], void> {
    const prefix = this.keyOf("");
    for (const [key, value] of this.data) {
      if (this.namespace === undefined && key.includes("/")) continue; // as @keyv/redis does
      if (key.startsWith(prefix)) yield [key.slice(prefix.length), value];
    }
  }
  on(): this {
    return this;
  }
}

/** What can be seen of an object: its members and what they hold. */
export function looks(value: object): string {
  const members = Object.getOwnPropertyNames(value).map((name) => [name, String(Reflect.get(value, name))]);
  return JSON.stringify([...members, ["namespace", String(Reflect.get(value, "namespace"))]]);
}

/** A storage adapter as Keyv 6 wraps it. */
export const bridged = (storage: object): KeyvBridgeAdapter =>
  new KeyvBridgeAdapter(storage as KeyvBridgeStore); // its namespace may be undefined

type Giving = (storage: KeyvStoreAdapter) => KeyvStoreAdapter | Keyv | Keyv6;

const alone: Giving = (storage) => storage;
const beneath5: Giving = (storage) => new Keyv({ store: storage });
const beneath6: Giving = (storage) => new Keyv6({ store: storage });

/** What the process that writes gives to `keyv()`, and then the one that finds what was written. */
type Turns = readonly [wrote: string, found: string, write: Giving, find: Giving];

export const givings: readonly [Turns, ...Turns[]] = [
  ["alone", "alone", alone, alone],
  ["Keyv 5", "Keyv 6", beneath5, beneath6],
  ["Keyv 6", "Keyv 5", beneath6, beneath5],
  ["Keyv 6", "Keyv 6", beneath6, beneath6],
];
