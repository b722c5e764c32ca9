/** How the tests run: the same under Node and Deno. */
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const root = fileURLToPath(new URL("..", import.meta.url));

export default defineConfig({
  root,
  resolve: {
    // Tests and examples import the doors by name and get the source.
    alias: [
      { find: /^oneup-lifecycle$/, replacement: `${root}src/index.ts` },
      { find: /^oneup-lifecycle\/machines$/, replacement: `${root}machines/index.ts` },
      { find: /^oneup-lifecycle\/adapters\/(.+)$/, replacement: `${root}adapters/$1.ts` },
      { find: /^oneup-lifecycle\/(sandbox|testing)$/, replacement: `${root}src/$1/index.ts` },
    ],
  },
  test: {
    include: ["test/**/*.test.ts", "examples/**/*.test.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    reporters: ["default"],
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts", "machines/**/*.ts", "adapters/**/*.ts"],
      reporter: ["text-summary", "html"],
      reportsDirectory: "coverage",
    },
  },
});
