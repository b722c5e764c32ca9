/**
 * Refuses pages of a search that prove nothing about what is not on them, before a missing resource is taken for one that
 * does not exist.
 *
 * @module
 */
import { LifecycleError } from "../../errors.ts";
import type { AnyPage } from "./fhir-page.ts";

/** Codes of issues, also of mere warnings, with which a server says that it has not searched everything. */
const unfinished: ReadonlySet<string | undefined> = new Set(["incomplete", "timeout"]);

/** @throws {LifecycleError} `BAD_ANSWER` (retryable) if the page is of no search, or says that the search is not complete */
export function refuseUnfinished(task: string, { bundle, issues }: Pick<AnyPage, "bundle" | "issues">): void {
  const wrong =
    bundle["type"] !== "searchset"
      ? "a search must be answered with a searchset, got another Bundle"
      : issues.some(({ code }) => unfinished.has(code))
        ? "a search must be complete, got a warning that it is not"
        : null;
  if (wrong !== null) throw refusal(task, wrong, issues);
}

/** @throws {LifecycleError} `BAD_ANSWER` (retryable) if one of these pages, none of which has a match, is no proof of that */
export function refuseUnproven(
  task: string,
  pages: readonly Pick<AnyPage, "bundle" | "issues" | "total">[],
): void {
  for (const page of pages) {
    refuseUnfinished(task, page);
    const { issues, total = 0 } = page;
    if (total > 0) throw refusal(task, "a search must find as many as its total, got none of them", issues);
  }
}

function refusal(task: string, wrong: string, issues: AnyPage["issues"]): LifecycleError {
  return new LifecycleError("BAD_ANSWER", `Cannot ${task}: ${wrong}`, { retryable: true, facts: { issues } });
}
