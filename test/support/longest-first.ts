/**
 * The order of the test files that a run plays: the longest first, so that none runs alone in the end. Vitest knows how
 * long each took when it was last played. Of the others, those that wait for servers and processes of their own, or play
 * stories, come first, then those in which hours pass, and the rest goes by its size.
 */
import { readFileSync } from "node:fs";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { drawnFiles } from "./drawn-files.ts";

const slow = /\/(?:adapters|chaos|cli|crash|examples|house|machines|processes|simulation)\/[^/]+$/;

/** The clock of a test is moved by hours or days. */
const hours = /advance\([^)]*(?:[hd]"|hour|day)/;

/** Longer than most files take, ms. */
const longMs = 20_000;

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const expected = new Map(drawnFiles(files).map((file) => [file, this.#expectedMs(file)]));
    return [...expected].sort(([, a], [, b]) => b - a).map(([file]) => file);
  }

  #expectedMs({ moduleId, project }: TestSpecification): number {
    const { cache, config } = this.ctx;
    const played = cache.getFileTestResults(`${project.name}:${moduleId.slice(config.root.length + 1)}`);
    if (played !== undefined) return played.failed ? Infinity : played.duration;
    const text = readFileSync(moduleId, "utf8");
    if (slow.test(moduleId)) return longMs + text.length;
    return hours.test(text) ? longMs / 2 + text.length : text.length / 10;
  }
}
