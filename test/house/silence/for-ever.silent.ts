import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { beforeAll, beforeEach, describe, it } from "vitest";

/** As code that runs for ever, but for the heat. */
function turnsForEver(): void {
  const nothing = new Int32Array(new SharedArrayBuffer(4));
  while (true) Atomics.wait(nothing, 0, 0, 10);
}

// However long it takes to start, that is no part of the test, which has half a second.
beforeAll(async () => {
  const child = spawn(process.execPath, [
    "-e",
    "console.log(1); setInterval(() => {}, 1e9)",
    "a child of the test",
  ]);
  await new Promise((resolve) => child.stdout.once("data", resolve));
});

describe.concurrent("a test that stops its worker", () => {
  // Vitest loses the news that a test began if it comes within 100 ms of other news, until there is news again. These are.
  it("is heard of once another ends", { timeout: 5_000 }, () => pause(500));

  describe("and has begun", () => {
    // The run hears of the test when it begins, which is before this.
    beforeEach(async () => {
      while (!existsSync(process.env["ONEUP_TEST_HEARD"] ?? "")) await pause(10);
    });

    it("never comes back, beside a process that waits", { timeout: 500 }, () => turnsForEver());
  });
});
