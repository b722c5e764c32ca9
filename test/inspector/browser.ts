/** A real browser for the tests of one file. */
import { chromium, type Browser, type Page } from "playwright-core";
import { afterAll, beforeAll } from "vitest";
import { pathOf } from "../support/needs.ts";

/** A busy machine may need longer than Playwright's 30 s. */
const patienceMs = 120_000;

/** Starts Chromium before the first test and ends it after the last. The returned function yields it. */
export function useBrowser(): () => Browser {
  let browser: Browser | undefined;
  beforeAll(async () => {
    const launched = await chromium.launch({
      executablePath: pathOf("chromium") ?? "",
      args: ["--no-sandbox", "--disable-dev-shm-usage"], // a container has neither
      timeout: patienceMs,
    });
    const newContext = launched.newContext.bind(launched);
    launched.newContext = async (options) => {
      const context = await newContext(options);
      context.setDefaultTimeout(patienceMs);
      return context;
    };
    browser = launched;
  });
  afterAll(() => browser?.close());
  return () => {
    if (browser === undefined) throw new Error("Cannot use the browser: it runs during tests only");
    return browser;
  };
}

/** Waits until the page shows that it is kept up to date. `logged`: the console, for an error. */
export async function untilLive(page: Page, logged: readonly string[] = []): Promise<void> {
  const isLive = page.getByText("live", { exact: true }).waitFor();
  await isLive.catch(async (error: unknown) => {
    const shown = await page.locator("body").innerText();
    throw new Error(`The page is not live: ${[...logged, shown].join("\n")}`, { cause: error });
  });
}
