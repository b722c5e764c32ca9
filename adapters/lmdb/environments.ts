/**
 * One environment for each folder that this process has open.
 *
 * A transaction of LMDB holds the lock for writing on a thread of its own, and waits there until this thread has run its
 * callback. A second environment of the same folder would ask for that lock on this thread, which would wait for itself
 * and never go on (lmdb 3.5.6, where opening is a transaction as well). So whoever opens a folder again gets a share.
 *
 * @module
 */
import { realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import type { RootDatabase } from "lmdb";

/** What opens an environment. */
export interface Opening {
  /** How many accounts it can hold. */
  readonly maxAccounts: number;
  readonly open: () => RootDatabase;
}

/** A share in an environment. */
export interface Share {
  readonly root: RootDatabase;
  /** How many accounts it can hold: what its first opening said. */
  readonly maxAccounts: number;
  /**
   * Does the folder hold what is open? Of a store that was removed LMDB keeps the files without a name, and writes on;
   * nobody would find what it wrote.
   */
  isThere(): boolean;
  /** Gives it back, when nothing is under way that came from here; the last one closes the environment. */
  close(): Promise<void>;
}

interface Environment extends Pick<Share, "root" | "maxAccounts"> {
  /** The file that is open. */
  readonly file: string;
  shares: number;
  /** Its end, once it has begun. */
  closing?: Promise<void>;
}

/** By file, as lmdb itself knows them again, wherever a folder was moved. */
const environments = new Map<string, Environment>();

/** A share in the environment of the folder, which is opened unless this process has it open. */
export async function shareOf(folder: string, opening: Opening): Promise<Share> {
  for (;;) {
    const known = environments.get(fileIn(folder) ?? "");
    if (known?.closing === undefined) return share(folder, known ?? opened(folder, opening));
    await known.closing.catch(() => undefined); // whoever closes it is told
  }
}

function opened(folder: string, { maxAccounts, open }: Opening): Environment {
  const root = open();
  const file = fileIn(folder) ?? `removed at once: ${folder}`;
  const environment: Environment = { root, maxAccounts, file, shares: 0 };
  environments.set(file, environment);
  return environment;
}

function share(folder: string, environment: Environment): Share {
  const { root, maxAccounts, file } = environment;
  environment.shares++;
  const giveBack = async (): Promise<void> => {
    if (--environment.shares > 0) return;
    environment.closing = root.close();
    try {
      await environment.closing;
    } finally {
      environments.delete(file);
    }
  };
  let given: Promise<void> | undefined;
  return {
    root,
    maxAccounts,
    isThere: () => fileIn(folder) === file,
    close: () => (given ??= giveBack()), // who says it twice closes nobody else's
  };
}

/** The file of the store in the folder. */
function fileIn(folder: string): string | undefined {
  const path = join(folder, "data.mdb");
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  return stats.ino === 0n ? realpathSync(path) : `${stats.dev}:${stats.ino}`; // not everywhere have files numbers
}
