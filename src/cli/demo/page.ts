/**
 * Shows the demo in a browser while it runs.
 *
 * @module
 */
import type { Lifecycle } from "../../index.ts";
import { createInspector } from "../../inspector/index.ts";
import { openBrowser } from "../inspector/open-browser.ts";
import { serve } from "../inspector/serve.ts";
import { printError } from "../screen.ts";

/** The page, for as long as the demo runs. */
export interface DemoPage {
  /** Opens it, once, in one browser. */
  readonly link: string;
  close(): Promise<void>;
}

/** Serves the inspector on a free port of this machine; `isOpen`: and opens it. */
export async function showPage(lifecycle: Lifecycle, isOpen: boolean): Promise<DemoPage> {
  const inspector = createInspector(lifecycle, { maskIds: false });
  const server = await serve(inspector.fetch, 0);
  const link = inspector.link(server.origin);
  if (isOpen) openBrowser(link, () => printError("Cannot open a browser: open the link yourself"));
  return {
    link,
    async close() {
      await inspector.close();
      await server.close();
    },
  };
}
