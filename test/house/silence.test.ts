import { describe, expect, it } from "vitest";
import { onDeno } from "../support/built.ts";
import { runTests } from "../support/run-inside.ts";

describe.runIf(!onDeno)("a test file that is silent", () => {
  it("is reported with the stacks of its worker and of the processes it started, and fails the run, which continues", async () => {
    const env = { ONEUP_TEST_SILENCE_MS: "6000" };
    const { code, printed } = await runTests([], env, "test/house/silence/vitest.config.ts");
    expect({ code, printed }).toMatchObject({ code: 1 });
    expect(printed).toMatch(
      /\[watchdog\] test\/house\/silence\/for-ever\.silent\.ts has been silent for \d+ s\./,
    );
    expect(printed).toMatch(/running: never comes back, beside a process that waits\n/);
    expect(printed).toMatch(
      /runs .*for-ever\.silent\.ts\n[^]*it runs:\n.* at turnsForEver \(.*for-ever\.silent\.ts:/,
    );
    expect(printed).toMatch(/a child of the test\n.*it waits for: .*Timeout/);
    expect(printed).toMatch(/is silent still\. Its process is ended, and the run fails\.\n/);
    expect(printed.match(/for-ever\.silent\.ts has been silent for/g)).toHaveLength(1);
    expect(printed).toMatch(/✓ test\/house\/silence\/well\.silent\.ts/);
  });
});
