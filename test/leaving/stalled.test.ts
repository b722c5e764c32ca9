/** A process that stood still goes on after another process has taken its export or leave over, and finished it. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { exportFolder, type ExportWriter, type Lifecycle } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { describe, expect, it } from "vitest";
import { through } from "../support/altered.ts";
import { folder, scene, working } from "../support/scene.ts";

const options = { name: "spring", versions: ["r4"], types: ["Observation"] } as const;

/** Two processes, of which the first waits at its store once `stall.at` says so. */
async function twoProcesses(users: number) {
  const made = await scene({ limit: { calls: 1_000 } });
  const inner = memory();
  const stall = { at: (_verb: string): boolean => false, over: Promise.resolve() };
  const store = through(inner, async (verb, ask) => {
    if (stall.at(verb)) await stall.over;
    return ask();
  });
  const [stalled, next] = [await made.open({ store }), working(await made.open({ store: inner }))];
  for (let user = 0; user < users; user++) {
    await next.onboard(`user-${user}`);
    made.sandbox.addResources(`user-${user}`, "r4", observations());
  }
  return { ...made, stalled, next, stall };
}

function* observations(): Generator<string> {
  for (let number = 0; number < 250; number++)
    yield `{"resourceType":"Observation","status":"final","valueInteger":${number}}`;
}

/** The names of the files of all users, and the number of lines of each. */
function linesIn(path: string): Readonly<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const user of readdirSync(path)) {
    if (user === "export.json") continue;
    for (const name of readdirSync(join(path, user)))
      found[name] = readFileSync(join(path, user, name), "utf8").split("\n").length - 1;
  }
  return found;
}

function offboardAll(process: Lifecycle, count: number, receipts: string) {
  return process.offboardMany("all", { name: "leave", count, receipts });
}

describe("exportMany() that stood still", () => {
  /** A writer that waits before its first page is written, as its process does. */
  function waiting(writer: ExportWriter, over: Promise<void>, reached: () => void): ExportWriter {
    return {
      ...writer,
      async open(file) {
        const opened = await writer.open(file);
        return {
          ...opened,
          async append(lines, cursor) {
            reached();
            await over;
            return opened.append(lines, cursor);
          },
        };
      },
    };
  }

  it("leaves the file as the next process has finished it, though its user was purged meanwhile", async () => {
    const { stalled, next } = await twoProcesses(1);
    const path = folder("export");
    let goOn = (): void => {};
    const over = new Promise<void>((resolve) => (goOn = resolve));
    const reached = new Promise<void>((resolve) => {
      const write = waiting(exportFolder(path), over, resolve);
      stalled.exportMany("all", { ...options, write }).then(ended, ended);
    });
    let outcome: unknown;
    function ended(one: unknown): void {
      outcome = one;
    }
    await reached;
    await next.exportMany("all", { ...options, write: path });
    const { count } = await next.offboardMany("all", { name: "leave" });
    await offboardAll(next, count, join(folder("receipts"), "receipts.ndjson"));
    goOn();
    await expect.poll(() => outcome).toMatchObject({ code: "TAKEN_OVER" });
    expect(linesIn(path)).toEqual({ "r4.Observation.ndjson": 250 });
  });

  it("finishes no file that is whole, even if nothing else stops it", async () => {
    const path = folder("export");
    const file = { oneupUserId: 7, version: "r4", type: "Observation", restarted: null } as const;
    const [late, writer] = [exportFolder(path), exportFolder(path)];
    for (const each of [late, writer]) await each.begin("spring");
    const [first, second] = [await late.open(file), await writer.open(file)];
    await second.append("{}\n{}\n", null);
    await second.finish();
    await first.append("{}\n", null);
    await expect(first.finish()).rejects.toMatchObject({ code: "TAKEN_OVER" });
    await first.discard?.();
    await first.close();
    expect(linesIn(path)).toEqual({ "r4.Observation.ndjson": 2 });
  });

  it("begins a file anew whose process died while it began it anew itself", async () => {
    const path = folder("export");
    const file = { oneupUserId: 7, version: "r4", type: "Observation", restarted: null } as const;
    const first = exportFolder(path);
    await first.begin("spring");
    const dying = await first.open(file);
    await dying.append("{}\n{}\n", "a cursor");
    const user = join(path, "7");
    const part = readdirSync(user).find((name) => name.endsWith(".part")) ?? "";
    writeFileSync(join(user, part), ""); // cut, and its cursor is still there
    await dying.close();
    const next = exportFolder(path);
    await next.begin("spring");
    const opened = await next.open(file);
    expect(opened.cursor).toBeNull();
    await opened.append("{}\n", null);
    await opened.finish();
    expect(linesIn(path)).toEqual({ "r4.Observation.ndjson": 1 });
  });

  it("leaves no unfinished file behind, once every user is finished", async () => {
    const { next } = await twoProcesses(2);
    const path = folder("export");
    await next.exportMany(["user-0"], { ...options, write: path });
    const [user = ""] = readdirSync(path).filter((name) => name !== "export.json");
    for (const name of ["part", "cursor"])
      writeFileSync(join(path, user, `r4.Observation.ndjson.0123456789ab.${name}`), "{}\n");
    await next.exportMany("all", { ...options, write: path });
    expect(linesIn(path)).toEqual({ "r4.Observation.ndjson": 250 });
  });
});

describe("offboardMany() that stood still", () => {
  it("before it wrote its last receipts ends, and calls none of the next process's receipts lost", async () => {
    const { stalled, next, stall } = await twoProcesses(5);
    const receipts = join(folder("receipts"), "receipts.ndjson");
    const { count } = await stalled.offboardMany("all", { name: "leave" });
    let goOn = (): void => {};
    stall.over = new Promise((resolve) => (goOn = resolve));
    let outcome: unknown;
    const ended = (one: unknown): void => void (outcome = one);
    const reached = new Promise<void>((resolve) => {
      const onProgress = ({ phase }: { readonly phase: string }): void => {
        // It has seen that the leave is its own, and lists the users that need a receipt.
        stall.at = (verb) => {
          const isThere = phase === "purging" && verb === "page";
          if (isThere) resolve();
          return isThere;
        };
      };
      stalled.offboardMany("all", { name: "leave", count, receipts, onProgress }).then(ended, ended);
    });
    await reached;
    expect(await offboardAll(next, count, receipts)).toMatchObject({ receipts: count, closed: true });
    goOn();
    await expect.poll(() => outcome).toMatchObject({ code: "TAKEN_OVER" });
  });
});
