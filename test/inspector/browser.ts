/** A real browser for the tests of one file. */
import { chromium, type Browser } from "playwright-core";
import { afterAll, beforeAll } from "vitest";
import { pathOf } from "../support/needs.ts";

/** Starts Chromium before the first test and ends it after the last. The returned function yields it. */
export function useBrowser(): () => Browser {
  let browser: Browser | undefined;
  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: pathOf("chromium") ?? "",
      args: ["--no-sandbox", "--disable-dev-shm-usage"], // a container has neither
    });
  });
  afterAll(() => browser?.close());
  return () => {
    if (browser === undefined) throw new Error("Cannot use the browser: it runs during tests only");
    return browser;
  };
}
