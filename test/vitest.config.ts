/** How the tests run: the same under Node and Deno. */
import process from "node:process";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import type { VitestPluginContext } from "vitest/node";
import { draw, thorough } from "./support/effort.ts";
import { LongestFirst } from "./support/longest-first.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** `ONEUP_TEST_ALONE=1`: without the suites that start processes of their own, which take most of the time. */
const alone = process.env["ONEUP_TEST_ALONE"] === "1";
const withProcesses = [
  "test/chaos/**",
  "test/crash/**",
  "test/processes/**",
  "test/cli/**",
  "test/examples/**",
];
if (alone) process.stderr.write(`Left out, for ONEUP_TEST_ALONE is set: ${withProcesses.join(", ")}\n`);
if (!thorough) {
  process.stderr.write(
    `Fewer rounds and stories than ONEUP_TEST_THOROUGH=1 asks for, drawn by ONEUP_TEST_DRAW=${draw}: see test/support/effort.ts\n`,
  );
}

/** Vitest 4.1 cannot print an error of a global setup that it read from its cache. */
const uncachedSetups = {
  name: "uncached-setups",
  configureVitest: ({ experimental_defineCacheKeyGenerator: define }: VitestPluginContext) =>
    define(({ id }) => (id.startsWith(`${root}test/support/`) ? false : undefined)),
};

export default defineConfig({
  root,
  plugins: [uncachedSetups],
  resolve: {
    // Tests and examples import the entry points by name and get the source.
    alias: [
      { find: /^oneup-lifecycle$/, replacement: `${root}src/index.ts` },
      { find: /^oneup-lifecycle\/machines$/, replacement: `${root}machines/index.ts` },
      { find: /^oneup-lifecycle\/adapters\/(.+)$/, replacement: `${root}adapters/$1.ts` },
      {
        find: /^oneup-lifecycle\/(inspector|opentelemetry|sandbox|testing)$/,
        replacement: `${root}src/$1/index.ts`,
      },
      {
        find: /^oneup-lifecycle\/testing\/simulate$/,
        replacement: `${root}src/testing/simulate/index.ts`,
      },
      { find: /^oneup-lifecycle\/testing\/vitest$/, replacement: `${root}src/testing/vitest.ts` },
    ],
  },
  test: {
    include: ["test/**/*.test.ts", "examples/**/*.test.ts"],
    exclude: alone ? withProcesses : [],
    // In the end the first has the last word.
    globalSetup: ["left-out", "in-memory", "built", "watchdog"].map((name) => `test/support/${name}.ts`),
    setupFiles: "test/support/patience.ts",
    // Compiled modules are kept for the next run, by their content.
    experimental: {
      fsModuleCache: true,
      fsModuleCachePath: `${root}node_modules/.cache/oneup-tests-modules`,
    },
    pool: "forks",
    isolate: false, // tests leave nothing behind; a process a file would take longer than most files do
    maxWorkers: alone ? 3 : 6, // on two cores: most tests wait for something, above all those that start processes
    sequence: { sequencer: LongestFirst },
    maxConcurrency: 12, // what waits for the same lease or window waits together
    expect: { poll: { timeout: 120_000 } }, // as test/support/patience.ts has it
    testTimeout: 600_000, // it ends what hangs, and judges nothing
    hookTimeout: 600_000,
    reporters: ["default"],
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts", "machines/**/*.ts", "adapters/**/*.ts"],
      reporter: ["text-summary", "html"],
      reportsDirectory: "coverage",
    },
  },
});
