/** The inspector's page in a real browser. */
import { randomBytes } from "node:crypto";
import { createInspector } from "oneup-lifecycle/inspector";
import type { BrowserContextOptions, Page } from "playwright-core";
import { describe, expect } from "vitest";
import { serve } from "../../src/cli/inspector/serve.ts";
import { lmdb } from "../../adapters/lmdb.ts";
import { memory } from "../../adapters/memory.ts";
import { lostStore } from "../../src/store/lost-store.ts";
import { altered } from "../support/altered.ts";
import { startChild } from "../support/child.ts";
import { drawnTests } from "../support/drawn-test.ts";
import { needing } from "../support/needs.ts";
import { onDisk } from "../support/on-disk.ts";
import { afterwards, folder, scene } from "../support/scene.ts";
import { untilLive, useBrowser } from "./browser.ts";
import { inspect, openedPage, worldOf, type Inspected } from "./opened-page.ts";

const hostile = [
  "<script>document.title = 'broken'</script>",
  "\u202Egro.elpmaxe@ada",
  "אבג@example.org",
  '🦉 & "owl"',
  "x".repeat(512),
];
const worker = new URL("worker.child.ts", import.meta.url);
describe("the inspector's page", needing(["chromium"]), () => {
  const browser = useBrowser();
  const it = drawnTests(3);

  const opened = (inspected: Inspected, options?: BrowserContextOptions) =>
    openedPage(browser(), inspected, options);

  it("shows users and steps live, also those of another process, and a user's path by a link that lasts", async () => {
    const at = folder("inspector-page");
    const stage = await scene();
    const encryption = { keys: [randomBytes(32)] };
    const here = await stage.open({ store: lmdb(at), encryption });
    const there = await stage.open({ store: lmdb(at), encryption });
    await here.onboard("ada@example.org");
    const inspected = await inspect(here);
    const page = await opened(inspected);
    const active = page.locator(".node", { hasText: "tokenActive" }).locator(".count");
    await expectText(active, "1");
    await there.onboard("bob@example.org");
    await expectText(active, "2");
    await here.onboard("cyd@example.org");
    await expectText(active, "3");
    await page.locator(".steps", { hasText: here.alias("cyd@example.org") }).waitFor();

    await page.getByRole("link", { name: "Users" }).click();
    await page.getByRole("link", { name: "bob@example.org" }).click();
    await page.getByRole("heading", { name: "bob@example.org" }).waitFor();
    await page.getByText("The user is tokenActive").waitFor();
    expect(await page.locator(".edge.lit").count()).toBe(2);
    expect(page.url()).not.toContain("bob");
    await there.reauthorize("bob@example.org");
    await page.getByText("The user is reauthorized").waitFor();
    await there.hold("bob@example.org", "a complaint"); // without events, and no number of users changes
    await page.getByText("“a complaint”").waitFor();
    await page.getByRole("link", { name: "Users" }).click();
    await page.locator("tr", { hasText: "bob@example.org" }).getByText("an operator holds it").waitFor();
    await page.goBack();
    await page.getByText("“a complaint”").waitFor();
    await there.unhold("bob@example.org");
    await page.getByText("“a complaint”").waitFor({ state: "detached" });
    const link = page.url();
    await page.goBack();
    await page.getByRole("link", { name: "cyd@example.org" }).waitFor();

    await page.getByLabel("Exact app_user_id").fill("ada@example.org");
    await page.getByRole("button", { name: "Find" }).click();
    await page.getByRole("heading", { name: "ada@example.org" }).waitFor();
    await page.goto(link);
    await page.getByRole("heading", { name: "bob@example.org" }).waitFor();
    expect(page.faults).toEqual([]);
  });

  it("tells that 1upHealth refuses the secret of another process", async () => {
    const at = folder("inspector-secrets");
    const { open, sandbox } = await scene();
    const encryption = { keys: [randomBytes(32)] };
    const page = await opened(await inspect(await open({ store: lmdb(at), encryption })));
    await page.getByText("Nothing holds calls back.").waitFor();
    const credentials = { ...sandbox.credentials, clientSecret: "yesterday's" };
    const stale = await open({ store: lmdb(at), encryption, credentials });
    await stale.onboard("ada").catch(() => {});
    await page.getByText(/^The secret of another process is refused, tried .+; next try in /).waitFor();
    expect(await page.getByText("Nothing holds calls back.").count()).toBe(0);
  });

  it("goes on by itself after its server was away", async () => {
    const { lifecycle } = await worldOf(["ada"]);
    const first = await inspect(lifecycle);
    const page = await opened(first);
    const port = Number(new URL(first.server.origin).port);
    await first.server.close();
    await page.getByText("reconnecting…").waitFor();
    const again = await serve(first.inspector.fetch, port);
    afterwards(() => again.close());
    await untilLive(page);
    await lifecycle.onboard("bob");
    await expectText(page.locator(".node", { hasText: "tokenActive" }).locator(".count"), "2");
    expect(page.faults).toEqual([]);
  });

  it("keeps no connection while its tab is hidden: a browser has six for all tabs", async () => {
    const { lifecycle } = await worldOf(["ada"]);
    const { inspector, server } = await inspect(lifecycle);
    const page = await opened({ inspector, server });
    const look = (state: "hidden" | "visible"): Promise<void> =>
      page.evaluate((seen) => {
        Object.defineProperty(document, "visibilityState", { value: seen, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
      }, state);
    const tabs: Page[] = [];
    await look("hidden");
    await page.getByText("reconnecting…").waitFor();
    for (let tab = 0; tab < 6; tab++) {
      tabs.push(await page.context().newPage());
      await tabs[tab]?.goto(`${server.origin}/`);
      await untilLive(tabs[tab] ?? page);
    }
    await tabs[0]?.close();
    await look("visible");
    await untilLive(page);
    await lifecycle.onboard("bob");
    await expectText(page.locator(".node", { hasText: "tokenActive" }).locator(".count"), "2");
    expect(page.faults).toEqual([]);
  });

  it("shows imports and the sandbox live, by addresses of their own, and the back button works", async () => {
    const { lifecycle, sandbox } = await worldOf(["ada@example.org"]);
    const page = await opened(await inspect(lifecycle));
    const base = new URL(page.url());
    await page.goto(new URL("imports", base).href);
    await page.getByText("No import has users without a token.").waitFor();
    await lifecycle.account.pause({ lane: "bulk", reason: "a look first" });
    const running = lifecycle.onboardMany(["bob", "cyd"], { name: "spring-2026", expect: "new" });
    await page.getByRole("heading", { name: "spring-2026" }).waitFor();
    await page.getByText("a look first").waitFor();
    const bar = page.getByRole("progressbar");
    expect(await bar.getAttribute("aria-valuenow")).toBe("0");
    await lifecycle.account.unpause();
    await running;
    await expect.poll(() => bar.getAttribute("aria-valuenow"), { timeout: 60_000 }).toBe("2");
    await page.getByText("over,").waitFor();

    await page.getByRole("link", { name: "Sandbox" }).click();
    await page.locator("tr", { hasText: "exchangeCode" }).first().waitFor();
    sandbox.fail({ call: "refreshToken", status: 503, times: 7 });
    await page.getByText("HTTP 503").waitFor();
    await page.reload();
    await page.getByText("HTTP 503").waitFor();
    await page.goBack();
    await page.getByRole("heading", { name: "spring-2026" }).waitFor();
    expect(await page.title()).toBe("Imports · oneup-lifecycle");
    expect(page.faults).toEqual([]);
  });

  it("lets a person who may move the sandbox's clock and script faults, and play a life", async () => {
    const { lifecycle, sandbox } = await worldOf(["ada"]);
    const reading = await opened(await inspect(lifecycle));
    await reading.getByRole("link", { name: "Sandbox" }).click();
    await reading.getByText("turn actions on").waitFor();
    expect(await reading.getByRole("button").count()).toBe(0);
    const page = await opened(await inspect(lifecycle, { actions: true }));
    await page.getByRole("link", { name: "Sandbox" }).click();
    await page.getByLabel("what happens").selectOption("invalidGrant");
    await page.getByLabel("to which call").selectOption("refreshToken");
    await page.getByRole("button", { name: "Script it" }).click();
    await page.getByText("invalidGrant for the next 1 of refreshToken").waitFor();
    const before = sandbox.clock.now();
    await page.getByRole("button", { name: "+2 h" }).click();
    await expect.poll(() => sandbox.clock.now() - before).toBeGreaterThanOrEqual(7_200_000);
    await lifecycle.accessToken("ada");
    await page.locator("tr", { hasText: "invalid grant instead" }).waitFor();
    await page.getByText("none scripted").waitFor();
    await page.getByLabel("what happens").selectOption("noCode");
    await page.getByLabel("to which call").selectOption("refreshToken");
    await page.getByRole("button", { name: "Script it" }).click();
    await page.getByRole("button", { name: "Clear all" }).click();
    await page.getByText("none scripted").waitFor();
    expect(page.faults).toEqual([]);
  });

  it("shows that a process was killed, and that another goes on with its users", async () => {
    const path = folder("inspector-killed");
    const { sandbox, server, open } = await scene();
    const work = {
      url: server.url,
      credentials: sandbox.credentials,
      path,
      leaseMs: 8_000,
      timeoutMs: 5_000,
      graceMs: 1_000,
    };
    const lifecycle = await open({ ...onDisk(path), events: { keep: "1d" } });
    const page = await opened(await inspect(lifecycle));
    sandbox.fail({ call: "exchangeCode", delayMs: 600_000, times: Infinity });
    const killed = startChild(worker, { ...work, ids: ["ada"] });
    afterwards(() => killed.kill("SIGKILL"));
    const processes = page.locator(".card", { has: page.getByText("Processes at work") });
    await processes.getByText(`${killed.pid}-`).waitFor();
    await page.locator(".diagram .passed").first().waitFor();
    await page.getByRole("link", { name: "Users" }).click();
    await page.getByRole("link", { name: "ada" }).click();
    await page.getByText(/^another process has it, or died with it: /).waitFor();
    killed.kill("SIGKILL");
    await killed.ended;
    sandbox.clearFaults();
    const next = startChild(worker, { ...work, ids: [] });
    afterwards(() => next.kill("SIGKILL"));
    await page.getByText(/The user is (?:tokenActive|reauthorized)/).waitFor();
    await page.getByRole("link", { name: "Overview" }).click();
    await processes.getByText(`${next.pid}-`).waitFor();
    await processes.getByText(`${killed.pid}-`).waitFor();
    expect(page.faults).toEqual([]);
  });

  it("tells what to do once its server has begun anew and knows it no longer", async () => {
    const { lifecycle } = await worldOf(["ada"]);
    const first = await inspect(lifecycle);
    const page = await opened(first);
    const port = Number(new URL(first.server.origin).port);
    await first.server.close();
    const next = createInspector(lifecycle);
    const again = await serve(next.fetch, port);
    afterwards(async () => {
      await next.close();
      await again.close();
    });
    await page.getByRole("alert").getByText("it must be opened with a new link").waitFor();
    expect(await page.getByText("live", { exact: true }).count()).toBe(0);
    await page.goto(next.link(again.origin));
    await untilLive(page);
  });

  it("does not call itself live while its stream is silent, and opens another one", async () => {
    const { lifecycle } = await worldOf(["ada"]);
    const inspector = createInspector(lifecycle);
    let isSilent = true;
    const silence = (): Response => {
      const body = new ReadableStream({ start: (it) => it.enqueue("event: beat\ndata: {}\n\n") });
      const headers = { "content-type": "text/event-stream" };
      return new Response(body.pipeThrough(new TextEncoderStream()), { headers });
    };
    const server = await serve(async (request) => {
      return isSilent && request.url.endsWith("api/live") ? silence() : inspector.fetch(request);
    }, 0);
    afterwards(async () => {
      await inspector.close();
      await server.close();
    });
    const context = await browser().newContext();
    afterwards(() => context.close());
    const page = await context.newPage();
    await page.clock.install();
    await page.goto(inspector.link(server.origin));
    await untilLive(page);
    isSilent = false;
    expect(await page.locator(".node").count()).toBe(0);
    await page.clock.fastForward(40_000);
    await page.locator(".node").first().waitFor();
    await untilLive(page);
  });

  it("tells that the store was lost, why and what to do, and shows no number of before as one of now", async () => {
    let isLost = false;
    const store = altered(memory(), ({ account }) => ({
      account: {
        ...account,
        async load() {
          if (isLost) throw lostStore();
          return account.load();
        },
      },
    }));
    const stage = await scene();
    const lifecycle = await stage.open({ store });
    await lifecycle.onboard("ada");
    const page = await opened(await inspect(lifecycle));
    const status = page.getByRole("status");
    const alert = page.getByRole("alert").first();
    await page.getByText("next call now").waitFor();
    await page.getByRole("link", { name: "Account" }).click();
    const ready = page.locator(".facts div", { hasText: "Ready" }).locator("dd");
    await expectText(ready, "yes");
    isLost = true;
    await expectText(status, "not current");
    const why =
      /STORE_UNUSABLE: Cannot use the store any more: it was emptied or replaced .*; stop every process/;
    expect(await ready.textContent()).toMatch(why);
    for (const view of ["Users", "Imports", "Overview"]) {
      await page.getByRole("link", { name: view, exact: true }).click();
      expect(await alert.textContent()).toMatch(why);
      expect(await alert.textContent()).toMatch(
        /What to do: do what the message names, .* no longer current\.$/,
      );
    }
    await page.getByText("next call not known").waitFor();
    expect(await page.locator(".aside", { hasText: "1 user" }).textContent()).toMatch(
      /^1 user as of \d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/,
    );
    expect(page.faults).toEqual([]);
  });

  it("shows hostile ids as text", async () => {
    const { lifecycle } = await worldOf(hostile);
    const page = await opened(await inspect(lifecycle));
    await page.getByRole("link", { name: "Users" }).click();
    for (const id of hostile) {
      const name = id.replace("\u202E", "\\u202e\u202E"); // its number is drawn before it
      const link = page.getByRole("link", { name, exact: true });
      await link.waitFor();
      expect(await link.textContent()).toBe(id);
    }
    const [unturned, hebrew] = [await drawn(page, "gro.elpmaxe@ada"), await drawn(page, "אבג@example.org")];
    expect(unturned).toEqual(unturned.toSorted((a, b) => a - b));
    expect(hebrew.slice(0, 3)).toEqual(hebrew.slice(0, 3).toSorted((a, b) => b - a));
    expect(hebrew.slice(4, 11)).toEqual(hebrew.slice(4, 11).toSorted((a, b) => a - b));
    expect(Math.max(...hebrew.slice(4))).toBeLessThan(Math.min(...hebrew.slice(0, 3)));
    await page.getByRole("link", { name: hostile[0] ?? "", exact: true }).click();
    await page.getByRole("heading", { name: hostile[0] ?? "", exact: true }).waitFor();
    expect(await page.title()).toBe("User · oneup-lifecycle");
    expect(page.faults).toEqual([]);
  });

  it("draws ids that differ in what is not seen differently, everywhere, and copies them as they are", async () => {
    const ids = ["ada", " ada", "ada ", "a\u200bda", "a\u00adda", "ada\ufe0f", "ada\u{e0100}", "ada\\u0020"];
    const spaced = ["ad a", "ad  a", "ad\u00a0a", "ad\u3000a", "ad\u2003a", "ad\u2800a"];
    const { lifecycle } = await worldOf([...ids, ...spaced]);
    const page = await opened(await inspect(lifecycle, { actions: true }));
    await page.getByRole("link", { name: "Users" }).click();
    await page
      .locator("tbody tr")
      .nth(ids.length + spaced.length - 1)
      .waitFor();
    const pictures = new Set<string>();
    for (const link of await page.locator("tbody th a").all())
      pictures.add((await link.screenshot()).toString("base64"));
    const copied = await page.evaluate<
      string[]
    >(`Array.from(document.querySelectorAll("tbody th a"), (link) => {
      getSelection().selectAllChildren(link);
      return String(getSelection());
    })`);
    expect(pictures.size).toBe(ids.length + spaced.length);
    expect(copied.toSorted()).toEqual([...ids, ...spaced].toSorted());
    await page.locator("tbody th a", { has: page.locator(".unseen[data-shown='\\\\u200b']") }).click();
    const marks = (within: string) => page.locator(`${within} .unseen[data-shown='\\\\u200b']`).count();
    await page.getByRole("button", { name: "Offboard…" }).click();
    await page.getByRole("dialog").waitFor();
    expect([await marks(".person h2"), await marks("dialog .about")]).toEqual([1, 1]);
    expect(page.faults).toEqual([]);
  });

  it("says which numbers of the last hour are the least, and since when it counts", async () => {
    const { lifecycle } = await worldOf([]);
    const inspector = createInspector(lifecycle, { authorize: () => ({ who: "ada" }) });
    const steps = { from: "created", to: "codeIssued", hour: 12_345, recent: 1_234 };
    const since = new Date(Date.now() - 1_200_000);
    const busy = { name: "1-a", isThis: false, users: 7, steps: 9, lastAt: since };
    const server = await serve(async (request) => {
      if (!request.url.endsWith("api/live")) return inspector.fetch(request);
      const asked = new Request(new URL("overview", request.url), {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: "{}",
      });
      const overview = await (await inspector.fetch(asked)).json();
      overview.flow = { since, isPartial: true, arrows: [steps], processes: [busy] };
      const text = `event: overview\ndata: ${JSON.stringify(overview)}\n\n`;
      const body = new ReadableStream({ start: (it) => it.enqueue(text) });
      const headers = { "content-type": "text/event-stream" };
      return new Response(body.pipeThrough(new TextEncoderStream()), { headers });
    }, 0);
    afterwards(async () => {
      await inspector.close();
      await server.close();
    });
    const page = await (await browser().newContext()).newPage();
    afterwards(() => page.close());
    await page.goto(server.origin);
    await expectText(page.locator(".diagram .passed"), "≥12.3K");
    const row = page.locator("tr", { hasText: "codeIssued" });
    expect(await row.locator("td").allTextContents()).toEqual(["1,234", "≥ 12,345"]);
    expect(await page.getByText("at least, counted since 20 min").count()).toBe(2);
    expect(await page.locator("tr", { hasText: "1-a" }).locator("td").nth(1).textContent()).toBe("9");
  });
});

/** Where each character of a text is drawn, from the left. */
async function drawn(page: Page, text: string): Promise<readonly number[]> {
  const look = `(() => {
    const walker = document.createTreeWalker(document.querySelector("table.users"), NodeFilter.SHOW_TEXT);
    while (walker.nextNode().data !== ${JSON.stringify(text)});
    return Array.from(walker.currentNode.data, (_, at) => {
      const range = document.createRange();
      range.setStart(walker.currentNode, at);
      range.setEnd(walker.currentNode, at + 1);
      return range.getBoundingClientRect().left;
    });
  })()`;
  return page.evaluate<readonly number[]>(look);
}

/** Waits until an element has this text. */
async function expectText(element: ReturnType<Page["locator"]>, text: string): Promise<void> {
  await expect.poll(() => element.textContent(), { timeout: 60_000 }).toBe(text);
}
