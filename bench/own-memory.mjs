/**
 * The peak memory of this process. Plain JavaScript, for processes started without a loader.
 *
 * @module
 */
import { readFileSync } from "node:fs";

/** This process's own memory, in MB; where the system does not report it, including memory-mapped files. */
export function ownMemory() {
  try {
    return Number(/^RssAnon:\s+(\d+) kB$/mu.exec(readFileSync("/proc/self/status", "utf8"))[1]) / 1_024;
  } catch {
    return process.memoryUsage.rss() / 1_048_576;
  }
}

let peak = 0;
setInterval(() => (peak = Math.max(peak, ownMemory())), 50).unref();

/** The highest so far, in MB. */
export function peakMemory() {
  return peak;
}
