/**
 * Refuses an empty result of a search that contradicts itself, before it is taken for a proof that there is no such
 * resource.
 *
 * @module
 */
import { LifecycleError } from "../../errors.ts";
import type { AnyPage } from "./fhir-page.ts";

/** Codes of issues, also of mere warnings, with which a server says that it has not searched everything. */
const unfinished: ReadonlySet<string | undefined> = new Set(["incomplete", "timeout"]);

/** @throws {LifecycleError} `BAD_ANSWER` (retryable) if one of these pages, none of which has a match, is no proof of that */
export function refuseUnproven(
  task: string,
  pages: readonly Pick<AnyPage, "bundle" | "issues" | "total">[],
): void {
  for (const { bundle, issues, total = 0 } of pages) {
    const wrong =
      bundle["type"] !== "searchset"
        ? "a search must be answered with a searchset, got another Bundle"
        : total > 0
          ? "a search must find as many as its total, got none of them"
          : issues.some(({ code }) => unfinished.has(code))
            ? "a search must be complete, got a warning that it is not"
            : null;
    if (wrong !== null)
      throw new LifecycleError("BAD_ANSWER", `Cannot ${task}: ${wrong}`, {
        retryable: true,
        facts: { issues },
      });
  }
}
