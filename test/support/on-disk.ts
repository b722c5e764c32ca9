/** An LMDB store and its key, side by side in one folder. */
import { join } from "node:path";
import { keyFile, type LifecycleOptions } from "oneup-lifecycle";
import { lmdb } from "oneup-lifecycle/adapters/lmdb";

export function onDisk(path: string): Pick<LifecycleOptions, "store" | "encryption"> {
  return { store: lmdb(join(path, "store")), encryption: keyFile(join(path, "key")) };
}
