/**
 * The key of stores in memory.
 *
 * @module
 */
import { randomBytes } from "node:crypto";

/** They need no configured key: this one dies with the process, as they do. */
export const memoryKey: Uint8Array = randomBytes(32);
