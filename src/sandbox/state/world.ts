/** The truth: everything that the sandbox's 1upHealth knows, and nothing of HTTP. */

import { type Behaviour, infinite, readChange } from "./behaviour.ts";
import { Chance, type ChanceState } from "./chance.ts";
import { Grants, type GrantsState } from "./grants.ts";
import type { Settings } from "./options.ts";
import { Quota, type QuotaState } from "./quota.ts";
import { Resources } from "./resources.ts";
import type { StoredResource } from "./stored-resource.ts";
import { type SandboxUser, Users } from "./users.ts";

/** The application's credentials. */
export interface SandboxCredentials {
  readonly clientId: string;
  readonly clientSecret: string;
}

/**
 * A sandbox's state as JSON. Holds codes, tokens and the client secret in clear, and absolute times: it does not
 * hold the clock, the journal or the scripted faults.
 */
export interface SandboxSnapshot {
  /** `restore()` takes those of format 1, too. */
  readonly format: 2;
  readonly credentials: SandboxCredentials;
  readonly chance: ChanceState;
  readonly users: readonly SandboxUser[];
  readonly grants: GrantsState;
  readonly resources: readonly StoredResource[];
  readonly quota: QuotaState;
  /** What `behave()` changed. */
  readonly behaviour?: Partial<Behaviour>;
}

/** Users, grants, resources and the quota of one application. */
export class World {
  /** As they are now: `behave()` changes this very object, and everybody looks into it afresh. */
  readonly settings: Settings;
  readonly chance: Chance;
  readonly users: Users = new Users();
  readonly grants: Grants;
  readonly resources: Resources;
  readonly quota: Quota;
  credentials: SandboxCredentials;
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

  knows(clientId: string | undefined, clientSecret: string | undefined): boolean {
    return clientId === this.credentials.clientId && clientSecret === this.credentials.clientSecret;
  }

  /** Changes how it behaves from now on. @throws {LifecycleError} `INVALID_OPTION` */
  behave(change: Partial<Behaviour>): void {
    const changed = { ...this.#changed, ...readChange(change) };
    this.quota.settle(this.now());
    this.#setBehaviour(changed);
  }

  reset(): void {
    this.restore(this.#empty);
    this.quota.settle(this.now());
  }

  snapshot(): SandboxSnapshot {
    return {
      format: 2,
      credentials: this.credentials,
      chance: this.chance.state,
      users: this.users.all,
      grants: this.grants.state,
      resources: this.resources.state,
      quota: this.quota.state,
      behaviour: this.#changed,
    };
  }

  restore(snapshot: SandboxSnapshot): void {
    this.credentials = snapshot.credentials;
    this.chance.state = snapshot.chance;
    this.users.all = snapshot.users;
    this.grants.state = snapshot.grants;
    this.resources.state = snapshot.resources;
    this.quota.state = snapshot.quota;
    this.#setBehaviour(infinite(snapshot.behaviour ?? {}));
  }

  #setBehaviour(changed: Partial<Behaviour>): void {
    this.#changed = changed;
    Object.assign(this.settings, this.#asCreated, changed);
  }
}
