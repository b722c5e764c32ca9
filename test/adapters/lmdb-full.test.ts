import { describe, expect, it } from "vitest";
import { unavailable } from "../../adapters/lmdb/failures.ts";

describe("adapters/lmdb on a full disk", () => {
  it.each([
    Object.assign(new Error("No space left on device"), { code: 28 }),
    Object.assign(new Error("Commit failed"), { code: "ENOSPC" }),
    Object.assign(new Error("Disk quota exceeded"), { code: 122 }),
    new Error("Commit failed (see commitError for details)", { cause: new Error("No space left on device") }),
  ])("names it: %s", (cause) => {
    const error = unavailable("write to", cause);
    expect(error).toMatchObject({ code: "STORE_UNAVAILABLE", retryable: true, cause });
    expect(error.message).toBe("Cannot write to the LMDB store: its disk is full");
  });

  it("says nothing of a disk for another error", () => {
    expect(unavailable("write to", new Error("Invalid argument")).message).toBe(
      "Cannot write to the LMDB store",
    );
  });
});
