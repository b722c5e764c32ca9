/**
 * The file in which a sandbox's state outlives its process.
 *
 * @module
 */
import { readFile, rename, writeFile } from "node:fs/promises";
import { isObject } from "../../checks.ts";
import { systemClock } from "../../clock.ts";
import { isLifecycleError } from "../../errors.ts";
import { restoreFrom } from "../../sandbox/http/restore-from.ts";
import type { Sandbox, SandboxSnapshot } from "../../sandbox/index.ts";
import { UsageError } from "../arguments.ts";
import { isSystemError, reasonOf } from "../system-error.ts";

/** The content of the file. */
export interface KeptState {
  /** How far the sandbox's clock was ahead of the machine's, in ms; for a stopped clock, its time. */
  readonly clock: { readonly aheadMs: number } | { readonly stoodAt: number };
  /** The limit that the stored quota counts against. */
  readonly limit: string;
  readonly world: SandboxSnapshot;
}

/**
 * Reads and writes the file. It holds the sandbox's secrets in clear; they are valid nowhere else. `limit` names the
 * current limit: a stored quota of another limit is discarded.
 */
export function stateFile(path: string, limit: string) {
  let written = "";

  function strange(): UsageError {
    return new UsageError(`Cannot use ${path}: it must be a file written by --state`);
  }

  return {
    /** The stored state; `null` if the file does not exist yet. @throws {UsageError} if it holds something else */
    async read(): Promise<KeptState | null> {
      try {
        const kept: unknown = JSON.parse(await readFile(path, "utf8"));
        if (isKept(kept)) return kept;
      } catch (error) {
        if (isSystemError(error)) {
          if (error.code === "ENOENT") return null;
          throw new UsageError(`Cannot read ${path}: ${error.code}`);
        }
      }
      throw strange();
    },

    /** Restores the state. @throws {UsageError} if it is not valid */
    restore(sandbox: Sandbox, { world, limit: counted }: KeptState): void {
      const { quota } = sandbox.snapshot(); // nothing is counted yet
      try {
        restoreFrom(sandbox, counted === limit ? world : { ...world, quota });
      } catch (error) {
        if (isLifecycleError(error)) throw strange();
        throw error;
      }
    },

    /** Saves the state if it has changed: to a draft that is then renamed, so that no reader sees half a file. */
    async keep(sandbox: Sandbox): Promise<void> {
      const { clock } = sandbox;
      const now = clock.now();
      const kept: KeptState = {
        // Rounded to a second: the difference between the clocks jitters, and would make an equal state look changed.
        clock: clock.running
          ? { aheadMs: Math.round((now - systemClock.now()) / 1_000) * 1_000 }
          : { stoodAt: now },
        limit,
        world: sandbox.snapshot(),
      };
      const text = `${JSON.stringify(kept)}\n`;
      if (text === written) return;
      const draft = `${path}.new`;
      try {
        await writeFile(draft, text, { mode: 0o600 });
        await rename(draft, path);
      } catch (error) {
        throw new UsageError(`Cannot write ${path}: ${reasonOf(error)}`);
      }
      written = text;
    },
  };
}

/** See {@link stateFile}. */
export type StateFile = ReturnType<typeof stateFile>;

function isKept(value: unknown): value is KeptState {
  if (!isObject(value) || !("world" in value)) return false;
  const { clock, limit } = value;
  if (!isObject(clock) || typeof limit !== "string") return false;
  return Number.isFinite("aheadMs" in clock ? clock["aheadMs"] : clock["stoodAt"]);
}
