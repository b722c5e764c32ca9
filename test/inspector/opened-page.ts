/** The inspector's page, opened in a browser. */
import type { Lifecycle } from "oneup-lifecycle";
import { createInspector, type InspectorOptions } from "oneup-lifecycle/inspector";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { serve, type Serving } from "../../src/cli/inspector/serve.ts";
import { afterwards, scene, type Scene } from "../support/scene.ts";
import { untilLive } from "./browser.ts";

/** A page that was opened with a link. */
export async function openedPage(
  browser: Browser,
  { inspector, server }: Inspected,
  options: BrowserContextOptions = {},
): Promise<Page & { readonly faults: string[] }> {
  const context = await browser.newContext(options);
  afterwards(() => context.close());
  const page = await context.newPage();
  const faults: string[] = [];
  const logged: string[] = [];
  page.on("pageerror", ({ message }) => logged.push(message) && faults.push(message));
  page.on("console", (line) => {
    logged.push(line.text());
    if (line.type() === "error" && !/ERR_CONNECTION|Failed to load/.test(line.text()))
      faults.push(line.text());
  });
  await page.goto(inspector.link(server.origin));
  await untilLive(page, logged);
  return Object.assign(page, { faults });
}

/** An inspector that listens. */
export interface Inspected {
  readonly inspector: ReturnType<typeof createInspector>;
  readonly server: Serving;
}

/** Serves an inspector of this lifecycle. */
export async function inspect(lifecycle: Lifecycle, options: InspectorOptions = {}): Promise<Inspected> {
  const inspector = createInspector(lifecycle, options);
  const server = await serve(inspector.fetch, 0);
  afterwards(async () => {
    await inspector.close();
    await server.close();
  });
  return { inspector, server };
}

/** A scene with these users. */
export async function worldOf(ids: readonly string[]): Promise<Scene & { readonly lifecycle: Lifecycle }> {
  const stage = await scene();
  const lifecycle = await stage.open();
  for (const id of ids) await lifecycle.onboard(id);
  return { ...stage, lifecycle };
}
