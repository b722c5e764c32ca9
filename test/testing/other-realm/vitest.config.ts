/** Runs `inside.child.ts` in a VM context, as Jest runs all tests. */
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  test: { include: ["inside.child.ts"], pool: "vmForks", watch: false, maxWorkers: 1 },
});
