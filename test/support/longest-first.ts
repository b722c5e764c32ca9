/**
 * The order of the test files that a run plays: the longest first, so that none runs alone in the end. Vitest knows how long each took in
 * the run before; in the first run, in a fresh clone, it goes by their size. Then those that wait for servers and
 * processes of their own come first.
 */
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { drawnFiles } from "./drawn-files.ts";

const waiting = /\/(?:adapters|chaos|cli|crash|examples|house|processes)\/[^/]+$/;

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(drawnFiles(files));
    const { cache, config } = this.ctx;
    const wasRun = ({ moduleId, project }: TestSpecification): boolean =>
      cache.getFileTestResults(`${project.name}:${moduleId.slice(config.root.length + 1)}`) !== undefined;
    if (sorted.some(wasRun)) return sorted;
    const rank = ({ moduleId }: TestSpecification): number => (waiting.test(moduleId) ? 0 : 1);
    return sorted.sort((a, b) => rank(a) - rank(b));
  }
}
