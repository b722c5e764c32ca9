import { constants } from "node:os";
import { describe, expect, it } from "vitest";
import { unavailable } from "../../adapters/lmdb/failures.ts";
import { openFolder } from "../../adapters/lmdb/folder.ts";
import { folderOfTest } from "./lmdb-scene.ts";

const { errno } = constants;

describe("adapters/lmdb where the system takes no write", () => {
  it.each([
    [
      Object.assign(new Error("No space left on device"), { code: errno.ENOSPC }),
      /its disk is full; make room/,
    ],
    [Object.assign(new Error("Commit failed"), { code: "ENOSPC" }), /its disk is full; make room/],
    [
      new Error("Commit failed (see commitError for details)", {
        cause: new Error("No space left on device"),
      }),
      /its disk is full; make room/,
    ],
    [Object.assign(new Error("failed"), { code: errno.EDQUOT }), /quota of its user is used up; raise it/],
    [
      Object.assign(new Error("failed"), { code: errno.EFBIG }),
      /may make a file.*raise the limit \(ulimit -f/,
    ],
    [Object.assign(new Error("failed"), { code: errno.EROFS }), /read-only.*mount it for writing again/],
    [Object.assign(new Error("failed"), { code: errno.EIO }), /its disk failed.*system's log/],
    [new Error("Input/output error"), /its disk failed.*system's log/],
  ])("tells why, and what to do: %s", (cause, told) => {
    const error = unavailable("write to", cause);
    expect(error).toMatchObject({ code: "STORE_UNAVAILABLE", retryable: true, cause });
    expect(error.message).toMatch(/^Cannot write to the LMDB store: (?:its|the) /);
    expect(error.message).toMatch(told);
  });

  it("tells it as it opens a store, too", async () => {
    const refuse = (): never => {
      throw Object.assign(new Error("File too large"), { code: errno.EFBIG });
    };
    const opening = openFolder(folderOfTest(), { maxAccounts: 8, timeoutMs: 5_000 }, refuse);
    await expect(opening).rejects.toThrow(/^Cannot open the store: it must take writes.*ulimit -f/);
  });

  it("says nothing of a disk for another error", () => {
    expect(unavailable("write to", new Error("Invalid argument")).message).toBe(
      "Cannot write to the LMDB store",
    );
  });
});
