/** The users of the sandbox, found by either id without a scan. */

/** A user as 1upHealth stores it. */
export interface SandboxUser {
  /** Assigned by the server; never changes. */
  readonly oneupUserId: number;
  /** The application's own id; unique within the application. */
  readonly appUserId: string;
  /** Shown in responses. Any other effect in 1upHealth is undocumented, so it has none here. */
  readonly active: boolean;
}

/** All users, in the order in which they were created. */
export class Users {
  #all: SandboxUser[] = [];
  readonly #places = new Map<number, number>();
  readonly #byAppUserId = new Map<string, number>();

  find(appUserId: string): SandboxUser | undefined {
    const id = this.#byAppUserId.get(appUserId);
    return id === undefined ? undefined : this.byId(id);
  }

  byId(oneupUserId: number): SandboxUser | undefined {
    const place = this.#places.get(oneupUserId);
    return place === undefined ? undefined : this.#all[place];
  }

  /** Creates a user. The caller ensures that `appUserId` is free. */
  add(appUserId: string, active: boolean): SandboxUser {
    return this.#put({ oneupUserId: 1001 + this.#all.length, appUserId, active });
  }

  /** Changes a user. The caller ensures that a new `appUserId` is free. */
  change(user: SandboxUser, to: { readonly appUserId?: string; readonly active?: boolean }): SandboxUser {
    this.#byAppUserId.delete(user.appUserId);
    return this.#put({ ...user, ...to });
  }

  page(skip: number, limit: number): readonly SandboxUser[] {
    return this.#all.slice(skip, skip + limit);
  }

  get all(): readonly SandboxUser[] {
    return [...this.#all];
  }

  set all(users: readonly SandboxUser[]) {
    this.#all = [];
    this.#places.clear();
    this.#byAppUserId.clear();
    for (const user of users) this.#put({ ...user });
  }

  #put(user: SandboxUser): SandboxUser {
    const place = this.#places.get(user.oneupUserId) ?? this.#all.length;
    this.#all[place] = user;
    this.#places.set(user.oneupUserId, place);
    this.#byAppUserId.set(user.appUserId, user.oneupUserId);
    return user;
  }
}
