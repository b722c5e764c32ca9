/** How the inspector's page looks on screens of all sizes. */
import axe from "axe-core";
import type { BrowserContextOptions, Page } from "playwright-core";
import { describe, expect, it as always } from "vitest";
import { drawnTests } from "../support/drawn-test.ts";
import { draw, oneIn } from "../support/effort.ts";
import { needing } from "../support/needs.ts";
import { useBrowser } from "./browser.ts";
import { inspect, openedPage, worldOf, type Inspected } from "./opened-page.ts";

const hostile = ["\u202Egro.elpmaxe@ada", "אבג@example.org", '🦉 & "owl"', "x".repeat(512)];
const views = ["", "users", "users?state=tokenActive", "imports", "account", "sandbox"];
/** A phone, a small screen, a large one, and 4k. */
const widths = [390, 1280, 1920, 3840];

describe("the layout of the inspector's page", needing(["chromium"]), () => {
  const browser = useBrowser();
  const it = drawnTests(2);
  const opened = (inspected: Inspected, options?: BrowserContextOptions) =>
    openedPage(browser(), inspected, options);

  it("prints nothing of a row over something else, however wide the screen and long the ids", async () => {
    const { lifecycle } = await worldOf(["ada", "x".repeat(200)]);
    for (const maskIds of [false, true]) {
      const page = await opened(await inspect(lifecycle, { maskIds }));
      await lifecycle.reauthorize("ada");
      const base = new URL(page.url());
      for (const view of ["", "users", "account", "sandbox"]) {
        await page.goto(new URL(view, base).href);
        await page.locator(".steps li, .users td, .endpoints td").first().waitFor();
        for (const width of [360, 768, 1024, 1280, 1920]) {
          await page.setViewportSize({ width, height: 850 });
          expect({ view, width, printedOver: await printedOver(page) }).toEqual({
            view,
            width,
            printedOver: [],
          });
        }
      }
    }
  });

  it("fits a small phone with reasons, names and ids of one long word", async () => {
    const word = "x".repeat(200);
    const { lifecycle, sandbox } = await worldOf(["ada", word]);
    await lifecycle.hold("ada", word, { by: word.slice(100) });
    await lifecycle.account.pause({ reason: word, by: word.slice(100) });
    sandbox.fail({ call: "refreshToken", status: 503, times: Infinity });
    const stop = new AbortController();
    const running = lifecycle.onboardMany(["eve"], { name: word.slice(136), signal: stop.signal });
    const page = await opened(await inspect(lifecycle, { actions: true }), {
      viewport: { width: 360, height: 740 },
    });
    const base = new URL(page.url());
    const users: string[] = [];
    for (const id of ["ada", word]) {
      await page.goto(new URL("users", base).href);
      await page.getByRole("link", { name: id, exact: true }).click();
      await page.locator(".timeline").waitFor();
      users.push(page.url().slice(base.href.length));
    }
    for (const view of [...views, ...users]) {
      await page.goto(new URL(view, base).href);
      await page.locator(".card").first().waitFor();
      await page.getByText("live", { exact: true }).waitFor();
      const over = await page.evaluate(`[
        document.documentElement.scrollWidth - innerWidth,
        ...Array.from(document.querySelectorAll(".card"), (card) => card.scrollWidth - card.clientWidth),
      ].filter((pixels) => pixels > 0)`);
      expect({ view, over }).toEqual({ view, over: [] });
    }
    stop.abort();
    await running.catch(() => {});
  });

  always.each(
    oneIn(2, [
      ["light", oneIn(4, widths)],
      ["dark", oneIn(4, widths, draw + 2)],
    ] as const),
  )("is accessible and fits every screen, with %s colours, %j pixels wide", async (colorScheme, some) => {
    const { lifecycle, sandbox } = await worldOf(hostile);
    sandbox.fail({ call: "createUser", status: 503, times: Infinity });
    await lifecycle.onboard("late", { waitMs: 0 });
    await lifecycle.account.pause({ reason: "a bill" });
    const inspected = await inspect(lifecycle);
    const page = await opened(inspected, { colorScheme, bypassCSP: true }); // for axe itself
    const stop = new AbortController();
    const running = lifecycle.onboardMany(["eve"], { name: "x".repeat(64), signal: stop.signal });
    const base = new URL(page.url());
    await page.getByRole("link", { name: "Users" }).click();
    await page.getByRole("link", { name: "late" }).click();
    await page.locator(".timeline").waitFor();
    const user = page.url().slice(base.href.length);
    for (const view of [...views, user]) {
      await page.goto(new URL(view, base).href);
      await page.locator(".card").first().waitFor();
      await page.evaluate(axe.source);
      for (const width of some) {
        await page.setViewportSize({ width, height: 850 });
        const { violations } = await page.evaluate<{ violations: { id: string }[] }>("axe.run()");
        expect({ view, width, ids: violations.map(({ id }) => id) }).toEqual({ view, width, ids: [] });
        const over = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
        expect({ view, width, over: Number(over) > 0 }).toEqual({ view, width, over: false });
      }
    }
    stop.abort();
    await running.catch(() => {});
  });
});

/** The rows in which a part is printed over another one. */
async function printedOver(page: Page): Promise<readonly string[]> {
  const look = `(() => {
    const printed = (part) => {
      const range = document.createRange();
      range.selectNodeContents(part);
      return [...range.getClientRects()].filter(({ width }) => width > 0);
    };
    const meet = (one, other) =>
      one.left < other.right - 1 && other.left < one.right - 1 &&
      one.top < other.bottom - 1 && other.top < one.bottom - 1;
    return [...document.querySelectorAll(".steps li, tbody tr")]
      .filter((row) => {
        const parts = [...row.children].map(printed);
        return parts.some((part, at) =>
          parts.slice(at + 1).some((other) => part.some((one) => other.some((two) => meet(one, two)))));
      })
      .map((row) => row.innerText);
  })()`;
  return page.evaluate<readonly string[]>(look);
}
