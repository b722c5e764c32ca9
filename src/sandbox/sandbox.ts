/** The public interface of the sandbox, and of its server. */

import type { Some } from "../checks.ts";
import type { Behaviour } from "./options/behaviour.ts";
import type { Fault } from "./faults/fault.ts";
import type { Journal } from "./journal.ts";
import type { SandboxUser } from "./state/users.ts";
import type { VirtualClock } from "./clock/virtual-clock.ts";
import type { SandboxCredentials, SandboxSnapshot } from "./state/snapshot.ts";

/** A local, stateful 1upHealth for one application. */
export interface Sandbox {
  /** The credentials that it accepts now. */
  readonly credentials: SandboxCredentials;
  readonly clock: VirtualClock;
  readonly journal: Journal;
  /**
   * The entry point without a socket: pass it wherever a `fetch` is expected. The host is ignored; the path decides.
   * Control calls (`/_sandbox/…`) follow the rules of {@link Sandbox.listen}. A `Request` carries no body on a GET: use
   * `listen()` for that.
   *
   * @example
   * ```ts
   * import { createSandbox } from "oneup-lifecycle/sandbox";
   *
   * const sandbox = createSandbox();
   * const answer = await sandbox.fetch("https://api.1up.health/user-management/v1/user", {
   *   method: "POST",
   *   headers: { client_id: sandbox.credentials.clientId, client_secret: sandbox.credentials.clientSecret },
   *   body: new URLSearchParams({ app_user_id: "ada" }),
   * });
   * console.log(answer.status, await answer.json()); // 200 { success: true, code: …, oneup_user_id: … }
   * ```
   */
  fetch(input: Request | URL | string, init?: RequestInit): Promise<Response>;
  /**
   * The entry point with a socket: an HTTP server on 127.0.0.1. Programs on this machine control it through
   * `/_sandbox/…`, with the host `localhost`, `127.0.0.1` or `[::1]` and JSON declared as `application/json`; web pages of
   * other origins are refused there with 403.
   *
   * @example
   * ```ts
   * import { createSandbox } from "oneup-lifecycle/sandbox";
   *
   * const sandbox = createSandbox();
   * const server = await sandbox.listen();
   * console.log(server.endpoints); // { api: "http://127.0.0.1:40123", auth: … }
   * await server.close();
   * ```
   */
  listen(options?: ListenOptions): Promise<SandboxServer>;
  /**
   * Scripts a fault. Each call is hit by the first pending fault that matches it.
   *
   * @throws {LifecycleError} `INVALID_OPTION`
   * @example
   * ```ts
   * import { createSandbox } from "oneup-lifecycle/sandbox";
   *
   * const sandbox = createSandbox();
   * sandbox.fail({ call: "createUser", status: 500, commit: true, times: 2 }); // created, but the response is 500
   * ```
   */
  fail(fault: Fault): void;
  /**
   * The pending faults, in the order in which they were scripted.
   *
   * @example
   * ```ts
   * import { createSandbox } from "oneup-lifecycle/sandbox";
   *
   * const sandbox = createSandbox();
   * sandbox.fail({ response: "loginPage" });
   * console.log(sandbox.faults().length); // 1
   * ```
   */
  faults(): readonly Fault[];
  /**
   * Removes the pending faults.
   *
   * @example
   * ```ts
   * import { createSandbox } from "oneup-lifecycle/sandbox";
   *
   * const sandbox = createSandbox();
   * sandbox.fail({ status: 503, times: Infinity });
   * sandbox.clearFaults();
   * ```
   */
  clearFaults(): void;
  /**
   * Changes options of {@link Behaviour} from now on: `behave({ exists: 404, retryAfter: "date" })`. Options that are left
   * out stay.
   *
   * @throws {LifecycleError} `INVALID_OPTION`
   * @example
   * ```ts
   * import { createSandbox } from "oneup-lifecycle/sandbox";
   *
   * const sandbox = createSandbox();
   * sandbox.behave({ exists: 404, retryAfter: "date" });
   * ```
   */
  behave(change: Some<Behaviour>): void;
  /**
   * Counts `calls` management calls of another client of the account now. They are not in the journal. For a steady rate
   * see {@link Behaviour.spender}.
   *
   * @throws {LifecycleError} `INVALID_OPTION` if `calls` is not a whole number from 1
   * @example
   * ```ts
   * import { createSandbox } from "oneup-lifecycle/sandbox";
   *
   * const sandbox = createSandbox();
   * sandbox.spend(290); // ten calls are left this hour
   * ```
   */
  spend(calls: number): void;
  /**
   * Revokes every access token and refresh token of a user. Codes stay valid.
   *
   * @throws {LifecycleError} `USER_UNKNOWN`
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { clock, lifecycle, sandbox } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * await clock.advance("5m");
   * sandbox.revokeGrant("ada");
   * console.log((await lifecycle.fhir("ada", "r4").search("Patient")).resources); // []: with a new grant
   * ```
   */
  revokeGrant(appUserId: string): void;
  /**
   * Adds a user without a call and without a journal entry. Returns its `oneup_user_id`.
   *
   * @throws {LifecycleError} `INVALID_OPTION`
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle, sandbox } = await createTestLifecycle();
   * sandbox.createUser("ada");
   * const { state } = await lifecycle.onboard("ada", { expect: "existing" });
   * console.log(state); // reauthorized
   * ```
   */
  createUser(appUserId: string): number;
  /**
   * Adds resources of a user without calls, journal entries and read lag. A string is taken as JSON and keeps its digits.
   * A resource with an `id` keeps it, so that others can refer to it. Returns the ids.
   *
   * @throws {LifecycleError} `USER_UNKNOWN`; `INVALID_OPTION` for anything that is not a resource of that version, and for
   * an id that another resource of that type and version has, also of another user
   * @example
   * ```ts
   * import { createSandbox } from "oneup-lifecycle/sandbox";
   *
   * const sandbox = createSandbox();
   * sandbox.createUser("ada");
   * sandbox.addResources("ada", "r4", [{ resourceType: "Patient" }, '{"resourceType":"Basic","x":1.50}']);
   * ```
   */
  addResources(
    appUserId: string,
    version: "dstu2" | "stu3" | "r4",
    resources: Iterable<object | string>,
  ): string[];
  /**
   * Sets the `active` that responses show for a user.
   *
   * @throws {LifecycleError} `USER_UNKNOWN`, `INVALID_OPTION`
   * @example
   * ```ts
   * import { createSandbox } from "oneup-lifecycle/sandbox";
   *
   * const sandbox = createSandbox();
   * sandbox.createUser("ada");
   * sandbox.setActive("ada", false);
   * ```
   */
  setActive(appUserId: string, active: boolean): void;
  /**
   * All users, in order of creation.
   *
   * @example
   * ```ts
   * import { createSandbox } from "oneup-lifecycle/sandbox";
   *
   * const sandbox = createSandbox();
   * sandbox.createUser("ada");
   * console.log(sandbox.users().length); // 1
   * ```
   */
  users(): readonly SandboxUser[];
  /**
   * Replaces the credentials; those left out stay. Grants stay valid.
   *
   * @throws {LifecycleError} `INVALID_OPTION`, which changes nothing
   * @example
   * ```ts
   * import { createSandbox } from "oneup-lifecycle/sandbox";
   *
   * const sandbox = createSandbox();
   * sandbox.setCredentials({ clientSecret: "anotherclientsecret" });
   * console.log(sandbox.credentials.clientSecret); // anotherclientsecret
   * ```
   */
  setCredentials(credentials: Some<SandboxCredentials>): void;
  /**
   * Resets the sandbox: removes users, grants, resources, calls and faults; credentials, behaviour and seed return to
   * those of its creation. The clock stays. The same seed then gives the same numbers, codes and tokens again: a lifecycle
   * that has them takes them for another user's, so open one anew.
   *
   * @example
   * ```ts
   * import { createSandbox } from "oneup-lifecycle/sandbox";
   *
   * const sandbox = createSandbox();
   * sandbox.createUser("ada");
   * sandbox.reset();
   * console.log(sandbox.users()); // []
   * ```
   */
  reset(): void;
  /**
   * The whole state as JSON, with secrets in clear; without clock, journal and faults.
   *
   * @example
   * ```ts
   * import { createSandbox } from "oneup-lifecycle/sandbox";
   *
   * const sandbox = createSandbox();
   * const before = sandbox.snapshot();
   * sandbox.createUser("ada");
   * sandbox.restore(before);
   * console.log(sandbox.users()); // []
   * ```
   */
  snapshot(): SandboxSnapshot;
  /**
   * Restores a snapshot. Clock, journal and faults stay. Numbers, codes and tokens given since are given again, as after
   * {@link Sandbox.reset}. Calls that the snapshot counts toward the limit count toward the
   * limit of this sandbox, if both windows are of the same kind.
   *
   * @throws {LifecycleError} `INVALID_OPTION` for what is no result of {@link Sandbox.snapshot}, which changes nothing
   * @example
   * ```ts
   * import { createSandbox } from "oneup-lifecycle/sandbox";
   *
   * const [one, other] = [createSandbox(), createSandbox()];
   * one.createUser("ada");
   * other.restore(one.snapshot());
   * console.log(other.users().length); // 1
   * ```
   */
  restore(snapshot: SandboxSnapshot): void;
}

/** A sandbox that listens on a port. */
export interface SandboxServer {
  /** Its origin, e.g. `http://127.0.0.1:40123`. */
  readonly url: string;
  /** For the client's option of the same name: `api` replaces https://api.1up.health, `auth` https://auth.1up.health. */
  readonly endpoints: { readonly api: string; readonly auth: string };
  /**
   * Stops listening and closes every connection; calls that wait for their latency or a fault's delay are dropped. May be
   * called again.
   *
   * @example
   * ```ts
   * import { createSandbox } from "oneup-lifecycle/sandbox";
   *
   * const sandbox = createSandbox();
   * const server = await sandbox.listen({ port: 0 });
   * await server.close();
   * ```
   */
  close(): Promise<void>;
}

/** Options of `sandbox.listen()`. */
export interface ListenOptions {
  /** The port. @default 0 (any free port) */
  readonly port?: number | undefined;
}
