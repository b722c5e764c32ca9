/** Tests that are silent on purpose, for `silence.test.ts`. */
import { defineConfig } from "vitest/config";
import everyday from "../../vitest.config.ts";

export default defineConfig({
  ...everyday,
  test: { ...everyday.test, include: ["test/house/silence/*.silent.ts"], maxWorkers: 2 },
});
