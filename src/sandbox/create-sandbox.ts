/**
 * Creates the sandbox: its state, its handler, and the public object.
 *
 * Adds resources without a call: the data that a test needs before its first call.
 *
 * @module
 */
import { LifecycleError } from "../errors.ts";
import { answerRequest, type CallHandler, listen } from "./http/listen.ts";
import { Handler } from "./handler.ts";
import { aName } from "./options/behaviour.ts";
import { readOptions, type SandboxOptions } from "./options/sandbox-options.ts";
import { aSwitch, checkValue, whole, invalid } from "../checks.ts";
import type { SandboxUser } from "./state/users.ts";
import { World } from "./state/world.ts";
import type { Sandbox } from "./sandbox.ts";
import { isFhirVersion, isServed } from "./resources/served-types.ts";
import { jsonText, parseObject } from "./base/message.ts";
import { isDeeper } from "./base/is-deeper.ts";

/** The most calls that one `spend()` uses up: each is kept until its window is over. */
const mostSpent = 1_000_000;

/**
 * Creates a local 1upHealth.
 *
 * @throws {LifecycleError} `INVALID_OPTION`
 * @example
 * ```ts
 * import { createSandbox } from "oneup-lifecycle/sandbox";
 *
 * const sandbox = createSandbox();
 * const server = await sandbox.listen();
 * // … a client with `endpoints: server.endpoints`, `credentials: sandbox.credentials` …
 * sandbox.clock.advance(7_200_000); // two hours later
 * await server.close();
 * ```
 */
export function createSandbox(options: SandboxOptions = {}): Sandbox {
  return sandboxOver(new Handler(new World(readOptions(options))));
}

/**
 * The sandbox over a handler, for callers that reach the handler directly.
 *
 * @param calls handles what arrives by `fetch()` and `listen()`
 */
export function sandboxOver(handler: Handler, calls: CallHandler = handler): Sandbox {
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
    fetch: (input, init) => answerRequest(calls, sandbox, new Request(input, init)),
    listen: (listenOptions = {}) => listen(calls, sandbox, listenOptions),
    fail: (fault) => handler.faults.add(fault),
    faults: () => handler.faults.waiting,
    clearFaults: () => handler.faults.clear(),
    behave: (change) => world.behave(change),
    spend(calls) {
      checkValue("spend", "calls", calls, whole(1, mostSpent));
      for (let i = 0; i < calls; i++) world.quota.take(world.now());
    },
    revokeGrant: (appUserId) => world.grants.revoke(userNamed("revoke the grant", appUserId).oneupUserId),
    createUser(appUserId) {
      checkValue("create the user", "appUserId", appUserId, aName);
      return (world.users.find(appUserId) ?? world.users.add(appUserId, world.settings.active)).oneupUserId;
    },
    addResources: (appUserId, version, resources) =>
      addResources(world, userNamed("add the resources", appUserId).oneupUserId, version, resources),
    setActive(appUserId, active) {
      checkValue("change the user", "active", active, aSwitch);
      world.users.change(userNamed("change the user", appUserId), { active });
    },
    users: () => world.users.all,
    setCredentials: (credentials) => world.setCredentials(credentials),
    reset: () => handler.reset(),
    snapshot: () => world.snapshot(),
    restore: (snapshot) => world.restore(snapshot),
  };
  return sandbox;
}

const verb = "add the resources";

/** FHIR's rule for ids. */
const resourceId = /^[A-Za-z0-9.-]{1,64}$/;

/**
 * Adds resources of a user, readable at once, and returns their ids: those that they have, and new ones.
 *
 * @throws {LifecycleError} `INVALID_OPTION`; the resources before the invalid one have been added
 */
export function addResources(
  world: World,
  owner: number,
  version: string,
  resources: Iterable<object | string>,
): string[] {
  if (!isFhirVersion(version)) throw invalid(verb, "version must be one of dstu2, stu3, r4", "another");
  const ids: string[] = [];
  for (const resource of resources) {
    const text = typeof resource === "string" ? resource : (jsonText(resource) ?? "");
    const parsed = parseObject(text);
    const type = parsed?.["resourceType"];
    if (parsed === undefined || typeof type !== "string" || !isServed(version, type) || isDeeper(parsed)) {
      const rule = `each must be a resource that 1upHealth serves in ${version}`;
      throw invalid(verb, rule, `something else after ${ids.length} of them`);
    }
    const { id } = parsed;
    if (id !== undefined && (typeof id !== "string" || !resourceId.test(id)))
      throw invalid(verb, `an id must match ${resourceId.source}`, `another after ${ids.length} of them`);
    if (id !== undefined && world.resources.owned("client", version, type, id) !== undefined)
      throw invalid(verb, "an id must be free", `${type}/${id}, which exists, after ${ids.length} of them`);
    ids.push(world.resources.create(owner, version, type, text, world.now(), { atOnce: true, id }).id);
  }
  return ids;
}
