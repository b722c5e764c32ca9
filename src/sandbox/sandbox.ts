/** The sandbox as its users hold it: doors, clock, journal, faults, and a hand in the world. */

import { LifecycleError } from "../errors.ts";
import type { Behaviour } from "./behaviour.ts";
import type { Fault } from "./fault.ts";
import { addResources } from "./add-resources.ts";
import { answerRequest } from "./fetch-door.ts";
import { Handler } from "./handler.ts";
import type { Journal } from "./journal.ts";
import { readOptions, type SandboxOptions } from "./options.ts";
import { check, whole } from "./rules.ts";
import { listen, type ListenOptions, type SandboxServer } from "./server.ts";
import type { SandboxUser } from "./users.ts";
import type { VirtualClock } from "./virtual-clock.ts";
import { type SandboxCredentials, type SandboxSnapshot, World } from "./world.ts";

/** A local, stateful 1upHealth for one application. */
export interface Sandbox {
  /** What it accepts now. */
  readonly credentials: SandboxCredentials;
  readonly clock: VirtualClock;
  readonly journal: Journal;
  /**
   * The form without a socket: give it to whatever takes a `fetch`. Any host; the path decides. A `Request`
   * carries no body on a GET: for that use `listen()`.
   */
  fetch(input: Request | URL | string, init?: RequestInit): Promise<Response>;
  /** The form with a socket: an HTTP server on 127.0.0.1. */
  listen(options?: ListenOptions): Promise<SandboxServer>;
  /**
   * Scripts a fault. Each call is hit by the first waiting fault that fits it.
   *
   * @throws {LifecycleError} `INVALID_OPTION`
   */
  fail(fault: Fault): void;
  /** The faults that still wait for their call, in the order in which they were scripted. */
  faults(): readonly Fault[];
  /** Forgets the faults that still wait. */
  clearFaults(): void;
  /**
   * Changes options that hold for a {@link Behaviour}, from now on: `behave({ exists: 404, retryAfter: "date" })`.
   * What is left out stays.
   *
   * @throws {LifecycleError} `INVALID_OPTION`
   */
  behave(change: Partial<Behaviour>): void;
  /**
   * Somebody else spends the account's management calls: counts `calls` of them now. They are in no journal. For
   * a steady one see {@link Behaviour.spender}.
   *
   * @throws {LifecycleError} `INVALID_OPTION` when `calls` is no whole number from 1
   */
  spend(calls: number): void;
  /**
   * Ends every access token and refresh token of a user. Codes stay.
   *
   * @throws {LifecycleError} `USER_UNKNOWN`
   */
  revokeGrant(appUserId: string): void;
  /** Puts a user there as if it had always been: no call, no journal. Returns its `oneup_user_id`. */
  createUser(appUserId: string): number;
  /**
   * Puts resources of a user there as if they had always been: no call, no journal, no read lag. A string is taken
   * as JSON, with its digits. Returns the ids that the server gave them.
   *
   * ```ts
   * sandbox.addResources("ada", "r4", [{ resourceType: "Patient" }, '{"resourceType":"Basic","x":1.50}']);
   * ```
   *
   * @throws {LifecycleError} `USER_UNKNOWN`; `INVALID_OPTION` for what is no resource of that version
   */
  addResources(
    appUserId: string,
    version: "dstu2" | "stu3" | "r4",
    resources: Iterable<object | string>,
  ): string[];
  /**
   * Sets what answers show as `active`.
   *
   * @throws {LifecycleError} `USER_UNKNOWN`
   */
  setActive(appUserId: string, active: boolean): void;
  /** All users, in order of creation. */
  users(): readonly SandboxUser[];
  /** Rotates the credentials; what is left out stays. Grants stay. */
  setCredentials(credentials: Partial<SandboxCredentials>): void;
  /**
   * Back to the beginning: no users, grants, resources, calls, faults; credentials, behaviour and seed as created.
   * The clock stays.
   */
  reset(): void;
  /** The whole world as JSON, with its secrets in clear; without clock, journal and faults. */
  snapshot(): SandboxSnapshot;
  /** Puts a world back. Clock, journal and faults stay. */
  restore(snapshot: SandboxSnapshot): void;
}

/**
 * Creates a local 1upHealth.
 *
 * ```ts
 * const sandbox = createSandbox();
 * const server = await sandbox.listen();
 * // … a client with `endpoints: server.endpoints`, `credentials: sandbox.credentials` …
 * sandbox.clock.advance(7_200_000); // two hours later
 * await server.close();
 * ```
 *
 * @throws {LifecycleError} `INVALID_OPTION`
 */
export function createSandbox(options: SandboxOptions = {}): Sandbox {
  return sandboxOver(new Handler(new World(readOptions(options))));
}

/** The sandbox over a handler, for whoever has another door to it. */
export function sandboxOver(handler: Handler): Sandbox {
  const { world } = handler;
  const userNamed = (verb: string, appUserId: string): SandboxUser => {
    const user = world.users.find(appUserId);
    if (user !== undefined) return user;
    throw new LifecycleError("USER_UNKNOWN", `Cannot ${verb}: the sandbox has no user "${appUserId}"`);
  };
  const sandbox: Sandbox = {
    get credentials() {
      return world.credentials;
    },
    clock: world.settings.clock,
    journal: handler.journal,
    fetch: (input, init) => answerRequest(handler, sandbox, new Request(input, init)),
    listen: (listenOptions = {}) => listen(handler, sandbox, listenOptions),
    fail: (fault) => handler.faults.add(fault),
    faults: () => handler.faults.waiting,
    clearFaults: () => handler.faults.clear(),
    behave: (change) => world.behave(change),
    spend(calls) {
      check("spend", { calls }, { calls: whole(1) });
      for (let i = 0; i < calls; i++) world.quota.take(world.now());
    },
    revokeGrant: (appUserId) => world.grants.revoke(userNamed("revoke the grant", appUserId).oneupUserId),
    createUser: (appUserId) =>
      (world.users.find(appUserId) ?? world.users.add(appUserId, world.settings.active)).oneupUserId,
    addResources: (appUserId, version, resources) =>
      addResources(world, userNamed("add the resources", appUserId).oneupUserId, version, resources),
    setActive(appUserId, active) {
      world.users.change(userNamed("change the user", appUserId), { active });
    },
    users: () => world.users.all,
    setCredentials(credentials) {
      world.credentials = { ...world.credentials, ...credentials };
    },
    reset: () => handler.reset(),
    snapshot: () => world.snapshot(),
    restore: (snapshot) => world.restore(snapshot),
  };
  return sandbox;
}
