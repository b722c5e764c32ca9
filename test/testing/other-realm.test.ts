import process from "node:process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { onDeno } from "../support/built.ts";
import { start } from "../support/started.ts";

const vitest = fileURLToPath(new URL("../../node_modules/vitest/vitest.mjs", import.meta.url));

it.skipIf(onDeno)("the library works in a VM context, as under Jest", async () => {
  const words = [vitest, "run", "--config", "test/testing/other-realm/vitest.config.ts"];
  const { out, err } = await start(words[0] ?? "", words.slice(1), {}, [process.execPath]).ended;
  expect(`${err}${out}`).toMatch(/Tests\s+5 passed/);
});
