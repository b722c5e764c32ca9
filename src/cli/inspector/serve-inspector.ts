/**
 * Serves an inspector on this machine, with a one-time link, which is opened on request.
 *
 * @module
 */
import type { Inspector } from "../../inspector/index.ts";
import { printError } from "../screen.ts";
import { openBrowser } from "./open-browser.ts";
import { serve } from "./serve.ts";

/** An inspector that is served. */
export interface ServedInspector {
  readonly link: string;
  /** Ends it, and the server. */
  close(): Promise<void>;
}

/** `who`: whom the link is for. Rejects with Node's error if the port is in use. */
export async function serveInspector(
  inspector: Inspector,
  { port, isOpen, who }: { readonly port: number; readonly isOpen: boolean; readonly who?: string },
): Promise<ServedInspector> {
  let deleteFile = (): void => {};
  const server = await serve(async (request) => {
    const answer = await inspector.fetch(request);
    if (answer.headers.has("set-cookie")) deleteFile(); // the link was used
    return answer;
  }, port);
  const link = inspector.link(server.origin, who);
  if (isOpen)
    deleteFile = openBrowser(link, () => printError("Cannot open a browser: open the link yourself"));
  return {
    link,
    async close() {
      deleteFile();
      await inspector.close();
      await server.close();
    },
  };
}
