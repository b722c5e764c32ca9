/** Node never repeats an import that has failed: what a process makes of it that has no file descriptor for a moment. */
import process from "node:process";
import { expect, it } from "vitest";
import { onDeno, runs } from "../support/built.ts";
import { start } from "../support/started.ts";
import { serve } from "./local-server.ts";

it.skipIf(onDeno || process.platform === "win32")(
  "a process that has no file left when it first needs a package names that, and goes on once it has one",
  async () => {
    const { url } = await serve((response) => response.end("{}"));
    const script = "test/http/out-of-files.child.ts";
    const words = ["-c", 'ulimit -n 64 && exec "$0" "$@"', process.execPath, ...runs(script).slice(0, -1)];
    const { out, err } = await start(runs(script).at(-1) ?? "", [JSON.stringify(`${url}/user`)], {}, [
      "sh",
      ...words,
    ]).ended;
    expect(err).toBe("");
    expect(JSON.parse(out)).toEqual({ pg: "EMFILE", without: "EMFILE", afterwards: 200 });
  },
);
