/** Actions on the inspector's page, in a real browser. */
import axe from "axe-core";
import { memory } from "oneup-lifecycle/adapters/memory";
import { createInspector, type InspectorOptions } from "oneup-lifecycle/inspector";
import type { BrowserContextOptions, Page } from "playwright-core";
import { describe, expect, it as always } from "vitest";
import { serve } from "../../src/cli/inspector/serve.ts";
import { drawnTests } from "../support/drawn-test.ts";
import { draw, oneIn } from "../support/effort.ts";
import { needing } from "../support/needs.ts";
import { afterwards, scene, type Scene } from "../support/scene.ts";
import { untilLive, useBrowser } from "./browser.ts";

type Lifecycle = Awaited<ReturnType<Scene["open"]>>;

describe("the inspector's page, with actions", needing(["chromium"]), () => {
  const browser = useBrowser();
  const it = drawnTests(3, draw + 1);

  /** A page that was opened for Eve with a link. `acts`: the bodies of what it has asked to be done. */
  async function opened(
    lifecycle: Lifecycle,
    options: InspectorOptions = { actions: true },
    context: BrowserContextOptions = {},
  ): Promise<{ readonly page: Page; readonly faults: string[]; readonly acts: any[] }> {
    const inspector = createInspector(lifecycle, { maskIds: false, ...options });
    const server = await serve(inspector.fetch, 0);
    const itsOwn = await browser().newContext(context);
    afterwards(async () => {
      await itsOwn.close();
      await inspector.close();
      await server.close();
    });
    const page = await itsOwn.newPage();
    const [faults, acts]: [string[], any[]] = [[], []];
    page.on("pageerror", (error) => faults.push(error.message));
    page.on("request", (request) => {
      if (request.url().endsWith("/api/act")) acts.push(request.postDataJSON());
    });
    await page.goto(
      options.authorize === undefined ? inspector.link(server.origin, "eve") : `${server.origin}/`,
    );
    await untilLive(page);
    return { page, faults, acts };
  }

  async function openUser(page: Page, id: string): Promise<void> {
    await page.getByRole("link", { name: "Users" }).click();
    await page.getByRole("link", { name: id, exact: true }).click();
    await page.locator(".timeline").waitFor();
  }

  const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });

  it("holds a user and lets it go on: each asks first, names the user and the cost, and is shown with who did it", async () => {
    const { lifecycle } = await worldOf(["ada@example.org", "bob"]);
    const { page, faults, acts } = await opened(lifecycle);
    await openUser(page, "ada@example.org");
    await button(page, "Hold…").click();
    const dialog = page.getByRole("dialog", { name: "Hold" });
    await dialog.getByText("ada@example.org").waitFor();
    await dialog.getByText("Costs no call.").waitFor();
    await dialog.getByText("Recorded as done by eve.").waitFor();
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    expect(acts).toEqual([]);
    await expect.poll(() => page.evaluate("document.activeElement.textContent")).toBe("Hold…");

    await page.keyboard.press("Enter");
    await button(page, "Hold").click(); // without a reason, the browser asks for one
    expect(acts).toEqual([]);
    await page.getByLabel("Why").fill("a complaint");
    await page.keyboard.press("Enter");
    await page.getByText("and held").waitFor();
    await button(page, "Close").click();
    await page.getByText("“a complaint”, by eve").waitFor();
    await page.locator(".timeline").getByText("an operator stopped its management calls, by eve").waitFor();
    expect(await lifecycle.inspect("ada@example.org")).toMatchObject({ hold: { by: "eve" } });

    await button(page, "Let it go on…").click();
    await button(page, "Let it go on").click();
    await page.getByText("with a working access token").waitFor();
    await button(page, "Close").click();
    await button(page, "Hold…").waitFor();
    expect((await lifecycle.inspect("ada@example.org")).hold).toBeNull();
    expect(acts.map(({ action }) => action)).toEqual(["hold", "unhold"]);
    expect(faults).toEqual([]);
  });

  it("offboards only after the word was typed, and with a purge only where that was chosen", async () => {
    const { lifecycle, sandbox } = await worldOf(["ada", "bob"]);
    const { page, acts } = await opened(lifecycle);
    for (const id of ["ada", "bob"]) {
      await openUser(page, id);
      await button(page, "Offboard…").click();
      const dialog = page.getByRole("dialog", { name: "Offboard" });
      await dialog.getByText("erased here, at once and for good").waitFor();
      await button(page, "Offboard").click();
      await page.getByLabel("Type offboard to go on").fill("yes");
      await button(page, "Offboard").click();
      expect((await lifecycle.inspect(id)).state).toBe("tokenActive");
      if (id === "bob") await dialog.getByRole("checkbox").check();
      await page.getByLabel("Type offboard to go on").fill("offboard");
      await button(page, "Offboard").click();
      await dialog.getByText("Done.").waitFor();
      await button(page, "Close").click();
      expect((await lifecycle.inspect(id)).state).toBe("offboarded");
      expect(sandbox.journal.count("fhir.purge") > 0).toBe(id === "bob");
    }
    expect(acts).toHaveLength(2);
  });

  it("does one thing where the button is pressed twice, and where an answer is lost and it is sent again", async () => {
    const { lifecycle, sandbox } = await worldOf(["ada"]);
    const { page, acts } = await opened(lifecycle);
    await openUser(page, "ada");
    sandbox.fail({ call: "issueAuthCode", delayMs: 500 });
    await button(page, "New grant…").click();
    await button(page, "Discard the grant and get a new one").dblclick();
    await page.getByText("with a working access token").waitFor();
    await button(page, "Close").click();
    expect(acts).toHaveLength(1);
    expect(sandbox.journal.count("issueAuthCode")).toBe(1);

    await page.route("**/api/act", async (route) => {
      await route.fetch(); // it is done, and its answer does not arrive
      await route.abort();
    });
    await button(page, "New grant…").click();
    await button(page, "Discard the grant and get a new one").click();
    await page.getByRole("alert").getByText("The inspector does not answer").waitFor();
    await page.unroute("**/api/act");
    await button(page, "Try once more").click();
    await page.getByText("with a working access token").waitFor();
    expect(acts[2]).toEqual(acts[1]);
    expect(sandbox.journal.count("issueAuthCode")).toBe(2);
  });

  it("tells what cannot be done and what to do, and goes on when it is tried once more", async () => {
    const { lifecycle } = await worldOf(["ada"]);
    const { page, acts } = await opened(lifecycle);
    await openUser(page, "ada");
    await lifecycle.hold("ada", "a complaint");
    await button(page, "New grant…").click();
    await button(page, "Discard the grant and get a new one").click();
    const alert = page.getByRole("alert");
    await alert.getByText("an operator holds the user (a complaint)").waitFor();
    await alert.getByText("What to do: wait for the end of the pause").waitFor();
    await lifecycle.unhold("ada");
    await button(page, "Try once more").click();
    await page.getByText("with a working access token").waitFor();
    expect(acts[1].once).not.toBe(acts[0].once);
  });

  it("retries a failed user, pauses the account, ends the pause and reopens gates", async () => {
    const { lifecycle, sandbox } = await worldOf([]);
    sandbox.fail({ call: "createUser", status: 400, body: { error: "bad" } });
    await lifecycle.onboard("ada").catch(() => {});
    const { page } = await opened(lifecycle);
    await openUser(page, "ada");
    await button(page, "Try again…").click();
    await button(page, "Try again").click();
    await page.getByText("with a working access token").waitFor();
    await button(page, "Close").click();

    await page.getByRole("link", { name: "Overview" }).click();
    await button(page, "Pause…").click();
    await page.getByLabel("Why").fill("a bill");
    await page.getByLabel("Which lanes").selectOption("bulk");
    await page.getByLabel("Until").selectOption("in an hour");
    await button(page, "Pause").click();
    await page.getByText("Done, for all processes.").waitFor();
    await button(page, "Close").click();
    await page.getByText("“a bill”, by eve").waitFor();
    expect((await lifecycle.health()).paused).toMatchObject([{ lane: "bulk", by: "eve" }]);
    await button(page, "End the pause…").click();
    await button(page, "End the pause").click();
    await page.getByText("Done, for all processes.").waitFor();
    await button(page, "Close").click();
    await page.getByText("“a bill”").waitFor({ state: "detached" });
    await page.getByRole("link", { name: "Account" }).click();
    await page.getByText("unpause").waitFor();
    expect((await lifecycle.account.history()).map(({ what, by }) => [what, by])).toEqual([
      ["pause", "eve"],
      ["unpause", "eve"],
    ]);
  });

  it("shows no button to those who may not, and only theirs to those who may some", async () => {
    const { lifecycle } = await worldOf(["ada"]);
    const buttons = async (options: InspectorOptions): Promise<readonly string[]> => {
      const { page } = await opened(lifecycle, options);
      const all = await page.locator(".actions button").allTextContents();
      await openUser(page, "ada");
      return [...all, ...(await page.locator(".actions button").allTextContents())];
    };
    expect(await buttons({})).toEqual([]);
    expect(await buttons({ actions: true, authorize: () => ({ who: "eve" }) })).toEqual([]);
    expect(await buttons({ authorize: () => ({ who: "eve", may: true }) })).toEqual([]);
    const some = () => ({ who: "eve", may: ["hold", "pause"] as const });
    expect(await buttons({ actions: ["hold", "offboard"], authorize: some })).toEqual(["Hold…"]);
  });

  it("is told plainly when it may no longer do what it could do when it was loaded", async () => {
    const { lifecycle } = await worldOf(["ada"]);
    let may = true;
    const { page } = await opened(lifecycle, { actions: true, authorize: () => ({ who: "eve", may }) });
    await openUser(page, "ada");
    await button(page, "New grant…").click();
    may = false;
    await button(page, "Discard the grant and get a new one").click();
    await page.getByRole("alert").getByText("you may not reauthorize here; nothing was done").waitFor();
    expect((await lifecycle.inspect("ada")).state).toBe("tokenActive");
  });

  it("shows a masked id masked, and a hostile one and a hostile name as text", async () => {
    const hostile = "<b>\u202Eada</b>";
    const { lifecycle } = await worldOf([hostile]);
    const authorize = () => ({ who: "<i>eve</i>", may: true });
    for (const maskIds of [false, true]) {
      const { page, faults } = await opened(lifecycle, { actions: true, authorize, maskIds });
      await openUser(page, maskIds ? "<…" : "<b>\\u202e\u202Eada</b>"); // its number is drawn before it
      await button(page, "Hold…").click();
      const dialog = page.getByRole("dialog", { name: "Hold" });
      await dialog.getByText(maskIds ? "<…" : hostile, { exact: true }).waitFor();
      await dialog.getByText("Recorded as done by <i>eve</i>.").waitFor();
      expect(await page.content()).not.toContain("<i>eve");
      expect(faults).toEqual([]);
    }
  });

  always.each(oneIn(2, ["light", "dark"] as const))(
    "has accessible dialogs that fit, with %s colours",
    async (colorScheme) => {
      const { lifecycle } = await worldOf(["x".repeat(512)]);
      for (const width of oneIn(2, [390, 1280])) {
        const { page } = await opened(
          lifecycle,
          { actions: true },
          { colorScheme, viewport: { width, height: 700 }, bypassCSP: true }, // for axe itself
        );
        const check = async (name: string): Promise<void> => {
          await button(page, `${name}…`).click();
          await page.getByRole("dialog").waitFor();
          await page.evaluate(axe.source);
          const { violations } = await page.evaluate<{ violations: { id: string }[] }>("axe.run()");
          expect({ name, width, ids: violations.map(({ id }) => id) }).toEqual({ name, width, ids: [] });
          const over = await page.evaluate(
            "document.querySelector('dialog').scrollWidth - document.querySelector('dialog').clientWidth",
          );
          expect({ name, width, over }).toEqual({ name, width, over: 0 });
          await page.keyboard.press("Escape");
        };
        await check("Pause");
        await openUser(page, "x".repeat(512));
        for (const name of ["New grant", "Hold", "Offboard"]) await check(name);
      }
    },
  );
});

async function worldOf(ids: readonly string[]): Promise<Scene & { readonly lifecycle: Lifecycle }> {
  const stage = await scene();
  const lifecycle = await stage.open({ store: memory() });
  for (const id of ids) await lifecycle.onboard(id);
  return { ...stage, lifecycle };
}
