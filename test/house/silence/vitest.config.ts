/** Tests that are silent on purpose, for `silence.test.ts`. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { defineConfig } from "vitest/config";
import type { Reporter } from "vitest/node";
import everyday from "../../vitest.config.ts";

// A test that stops its worker waits until the run has heard that it began: only then can the watchdog name it.
const folder = mkdtempSync(join(tmpdir(), "oneup-heard-"));
const heard = (process.env["ONEUP_TEST_HEARD"] = join(folder, "heard"));
const tellsWhatItHears: Reporter = {
  onTestCaseReady: ({ name }) => {
    if (name.startsWith("never comes back")) writeFileSync(heard, "");
  },
  onTestRunEnd: () => rmSync(folder, { recursive: true }),
};

export default defineConfig({
  ...everyday,
  test: {
    ...everyday.test,
    include: ["test/house/silence/*.silent.ts"],
    maxWorkers: 2,
    reporters: ["default", tellsWhatItHears],
  },
});
