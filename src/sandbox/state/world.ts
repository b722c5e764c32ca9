/** The state of the simulated 1upHealth, independent of HTTP. */

import { anObject, check, checkValue, type Some } from "../../checks.ts";
import { type Behaviour, behaviourRules } from "../options/behaviour.ts";
import { Chance } from "../base/chance.ts";
import type { Subject } from "../base/plan.ts";
import { Grants } from "./grants.ts";
import type { Settings } from "../options/sandbox-options.ts";
import { Quota } from "./quota.ts";
import { Resources } from "../resources/resources.ts";
import { checkSnapshot, credentialRules, type SandboxCredentials, type SandboxSnapshot } from "./snapshot.ts";
import { Users } from "./users.ts";

/** Users, grants, resources and the quota of one application. */
export class World {
  /** The current settings. `behave()` changes this object in place, so that every reader sees the change. */
  readonly settings: Settings;
  readonly chance: Chance;
  readonly users: Users = new Users();
  readonly grants: Grants;
  readonly resources: Resources;
  readonly quota: Quota;
  credentials: SandboxCredentials;
  #formerSecrets: readonly string[] = [];
  readonly #asCreated: Settings;
  #changed: Partial<Behaviour> = {};
  readonly #empty: SandboxSnapshot;

  constructor(settings: Settings) {
    this.#asCreated = settings;
    this.settings = { ...settings };
    this.chance = new Chance(settings.seed);
    this.grants = new Grants(this.settings, this.chance);
    this.resources = new Resources(this.chance, this.settings);
    this.quota = new Quota(this.settings);
    this.credentials = { clientId: settings.clientId, clientSecret: settings.clientSecret };
    this.#empty = this.snapshot();
    this.quota.settle(this.now());
  }

  now(): number {
    return this.settings.clock.now();
  }

  /** The time by which all is visible that the answering replica shows. With a range of read lags it may be a later one. */
  lookedAt(): number {
    const [shortestMs, longestMs] = this.settings.readLagMs;
    return this.now() + (longestMs > shortestMs ? this.chance.next() * (longestMs - shortestMs) : 0);
  }

  knows(clientId: string | undefined, clientSecret: string | undefined): boolean {
    return clientId === this.credentials.clientId && clientSecret === this.credentials.clientSecret;
  }

  /** Replaces the credentials; those left out stay. @throws {LifecycleError} `INVALID_OPTION` */
  setCredentials(given: Some<SandboxCredentials>): void {
    checkValue("set the credentials", "options", given, anObject);
    const { clientId, clientSecret } = {
      ...this.credentials,
      ...check("set the credentials", given, credentialRules),
    };
    this.#formerSecrets = [...new Set([...this.#formerSecrets, this.credentials.clientSecret])];
    this.credentials = { clientId, clientSecret };
  }

  /** The user of a number, for the journal. */
  subject(oneupUserId: number | undefined): Subject {
    if (oneupUserId === undefined) return {};
    return { oneupUserId, appUserId: this.users.byId(oneupUserId)?.appUserId };
  }

  /** Changes the behaviour from now on. @throws {LifecycleError} `INVALID_OPTION` */
  behave(change: Some<Behaviour>): void {
    const changed = { ...this.#changed, ...check("change the sandbox", change, behaviourRules) };
    this.quota.settle(this.now());
    this.#setBehaviour(changed);
  }

  reset(): void {
    this.restore(this.#empty);
    this.quota.settle(this.now());
  }

  snapshot(): SandboxSnapshot {
    return {
      format: 1,
      credentials: this.credentials,
      formerSecrets: this.#formerSecrets,
      chance: this.chance.state,
      users: this.users.all,
      grants: this.grants.state,
      resources: this.resources.state,
      quota: this.quota.state,
      behaviour: this.#changed,
    };
  }

  /** @throws {LifecycleError} `INVALID_OPTION` for what is no snapshot, which changes nothing */
  restore(snapshot: SandboxSnapshot): void {
    const behaviour = checkSnapshot(snapshot);
    this.credentials = { ...snapshot.credentials };
    this.#formerSecrets = snapshot.formerSecrets ?? [];
    this.chance.state = snapshot.chance;
    this.users.all = snapshot.users;
    this.grants.state = snapshot.grants;
    this.resources.state = snapshot.resources;
    this.quota.state = snapshot.quota;
    this.#setBehaviour(behaviour);
  }

  #setBehaviour(changed: Partial<Behaviour>): void {
    this.#changed = changed;
    Object.assign(this.settings, this.#asCreated, changed);
  }
}
