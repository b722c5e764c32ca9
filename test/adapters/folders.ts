/** Folders of tests: each its own, gone when the test is over. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A new folder, named after what it is for. */
export function newFolder(purpose: string): string {
  return mkdtempSync(join(tmpdir(), `oneup-${purpose}-`));
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}
