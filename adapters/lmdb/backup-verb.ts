/**
 * The verb that copies a store. Its types name none of lmdb's, which TypeScript refuses without `skipLibCheck`.
 *
 * @module
 */

/** What the LMDB adapter offers besides the store. */
export interface Backup {
  /**
   * Copies a consistent snapshot of the store into the new folder `to` (mode 0700) while this process and others keep
   * writing. The folder appears once the copy is complete and on disk. Of concurrent copies to one target, one succeeds
   * and the others reject. A process that dies while copying leaves a folder `<to>.unfinished-…`, which may be removed.
   * The copy contains no key: back up the key separately.
   *
   * To restore a copy, stop all processes and put it in place of the store, or open it where it is. The users in it
   * continue from their state at the time of the copy. The copy does not contain later changes, so handle these before
   * work continues:
   * - Users who were onboarded later are missing from it, and `onboard(id)` would create them a second time. Call
   *   `onboard(id, { expect: "existing" })`.
   * - Users who were renamed later are stored under their old id, which 1upHealth no longer has or has given to another
   *   user. `onboard` of the new id would create a wrong second user. Call `onboard(newId, { expect: "existing" })`,
   *   and do not use the old id.
   *
   * So keep a list, outside the store, of the users that were onboarded or renamed since the last copy.
   *
   * Copying the files by other means (`cp`, `rsync`, …) is safe only while no process has the store open. A copy of a
   * store in use can be torn, and a torn copy may open and miss users.
   *
   * @throws {LifecycleError} `INVALID_OPTION` if `to` is not a path or lies in the store's folder; `STORE_UNUSABLE` if
   *   there is no store, if anything (even an empty folder) already exists at `to`, or if the copy cannot be written;
   *   `STORE_UNAVAILABLE` if another process is suspended during a write
   * @example
   * ```ts
   * import { lmdb } from "oneup-lifecycle/adapters/lmdb";
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const store = lmdb("./copied/lifecycle");
   * const { lifecycle } = await createTestLifecycle({ lifecycle: { store, encryption: { keys: ["0".repeat(64)] } } });
   * await lifecycle.onboard("ada");
   * await store.backup("./backups/2026-11-24"); // while other processes keep writing
   * await lifecycle.close();
   * ```
   */
  backup(to: string): Promise<void>;
}
