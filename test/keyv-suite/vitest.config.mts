/**
 * How Keyv's own tests run on our storage adapters. They are installed apart, see `official/package.json`:
 *
 *     npm ci --prefix test/keyv-suite/official --ignore-scripts
 *     npx vitest run --config test/keyv-suite/vitest.config.mts
 *
 * `.mts`, so that tools that look for the project's own files (knip, the house tests) skip these.
 */
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

// oxlint-disable-next-line import/no-default-export -- vitest reads that one
export default defineConfig({
  root: fileURLToPath(new URL("../..", import.meta.url)),
  test: { include: ["test/keyv-suite/*.suite.mts"], pool: "forks", testTimeout: 30_000 },
});
