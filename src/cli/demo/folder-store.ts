/**
 * The store of the demo, in a folder. LMDB is loaded only here, so that no other command needs it.
 *
 * @module
 */
import type { StoreAdapter } from "../../store/contract.ts";

export async function folderStore(path: string): Promise<StoreAdapter> {
  const { lmdb } = await import("../../../adapters/lmdb.ts");
  return lmdb(path);
}
