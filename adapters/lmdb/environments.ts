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

/** A share in an environment. */
export interface Share {
  readonly root: RootDatabase;
  /** Gives it back, when nothing is under way that came from here; the last one closes the environment. */
  close(): Promise<void>;
}

interface Environment {
  readonly root: RootDatabase;
  shares: number;
  /** Its end, once it has begun. */
  closing?: Promise<void>;
}

const environments = new Map<string, Environment>();

/** A share in the environment of the folder, which `open` opens unless this process has it open. */
export async function shareOf(folder: string, open: () => RootDatabase): Promise<Share> {
  for (;;) {
    const known = environments.get(nameOf(folder));
    if (known?.closing === undefined) return share(folder, known ?? { root: open(), shares: 0 });
    await known.closing.catch(() => undefined); // whoever closes it is told
  }
}

function share(folder: string, environment: Environment): Share {
  const name = nameOf(folder); // not before it is open: only now its file is there
  environments.set(name, environment);
  environment.shares++;
  const giveBack = async (): Promise<void> => {
    if (--environment.shares > 0) return;
    environment.closing = environment.root.close();
    try {
      await environment.closing;
    } finally {
      environments.delete(name);
    }
  };
  let given: Promise<void> | undefined;
  return { root: environment.root, close: () => (given ??= giveBack()) }; // who says it twice closes nobody else's
}

/** By what lmdb itself knows an environment again: the file, wherever its folder was moved. */
function nameOf(folder: string): string {
  const file = statSync(join(folder, "data.mdb"), { bigint: true, throwIfNoEntry: false });
  return file === undefined || file.ino === 0n ? realpathSync(folder) : `${file.dev}:${file.ino}`;
}
