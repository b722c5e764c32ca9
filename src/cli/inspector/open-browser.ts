/**
 * Opens an address in the browser of this machine.
 *
 * @module
 */
import { spawn } from "node:child_process";
import process from "node:process";

/** The program that opens an address, and its words before it. */
function opener(): readonly [program: string, ...words: string[]] {
  if (process.platform === "darwin") return ["open"];
  return process.platform === "win32" ? ["rundll32", "url.dll,FileProtocolHandler"] : ["xdg-open"];
}

/** Opens it, or calls `onFailure`: a server has no browser. */
export function openBrowser(address: string, onFailure: () => void): void {
  const [program, ...words] = opener();
  const opening = spawn(program, [...words, address], { stdio: "ignore", detached: true });
  opening.on("error", onFailure);
  opening.on("exit", (code) => code !== null && code !== 0 && onFailure());
  opening.on("spawn", () => opening.unref()); // this process need not wait for it
}
