import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { forEachRow } from "../../src/runtime/bulk/for-each-row.ts";

const never = new AbortController().signal;

describe("eachRow()", () => {
  it("keeps no row that is done with, so a list may be as long as it likes", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void; // what the flag brings
    const refs: WeakRef<object>[] = [];
    async function* rows(): AsyncGenerator<{ readonly text: string }> {
      for (let number = 0; number < 500; number++) {
        const row = { text: `row ${number}` };
        refs.push(new WeakRef(row));
        yield row;
      }
      await new Promise((resolve) => setTimeout(resolve, 10)); // a turn in which what is not held can go
      collect();
      expect(refs.filter((ref) => ref.deref() !== undefined).length).toBeLessThan(20);
    }
    await forEachRow(rows(), 8, never, async () => {});
    expect(refs).toHaveLength(500);
  });

  it("listens to the signal only while it reads", async () => {
    const stop = new AbortController();
    const listening: string[] = [];
    const signal = new Proxy(stop.signal, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        return (...args: unknown[]): unknown => {
          if (name === "addEventListener") listening.push(String(args[0]));
          if (name === "removeEventListener") listening.pop();
          return Reflect.apply(value, target, args);
        };
      },
    });
    await forEachRow(["ada", "bob"], 2, signal, async () => {
      expect(listening).toEqual(["abort"]);
    });
    expect(listening).toEqual([]);
  });

  it("reads nothing once the signal has aborted", async () => {
    const read: string[] = [];
    function* rows(): Generator<string> {
      read.push("ada");
      yield "ada";
    }
    const reason = new Error("not today");
    const done = forEachRow(rows(), 4, AbortSignal.abort(reason), async () => {});
    await expect(done).rejects.toBe(reason);
    expect(read).toEqual([]);
  });

  it.each([
    ["is silent", () => new Promise<IteratorResult<string>>(() => {})],
    ["goes on", async () => ({ done: false, value: "bob" }) as const],
  ])(
    "throws what a task threw though the source %s, and closes it though that throws as well",
    async (_, later) => {
      let asked = 0;
      let closed = 0;
      const rows: AsyncIterable<string> = {
        [Symbol.asyncIterator]: () => ({
          next: () => (asked++ === 0 ? Promise.resolve({ done: false, value: "ada" }) : later()),
          return: () => {
            closed++;
            throw new Error("of the source");
          },
        }),
      };
      const trouble = new Error("of the task");
      const done = forEachRow(rows, 4, never, async (row) => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        if (row === "ada") throw trouble;
      });
      await expect(done).rejects.toBe(trouble);
      expect(closed).toBe(1);
    },
  );
});
