/** `npm run outages` sets ONEUP_WRITE_OUTAGES: then the page is written instead of compared. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { afterAll, describe, expect, it } from "vitest";
import { read, root } from "../house/repository.ts";
import { onDeno } from "../support/built.ts";
import { needing } from "../support/needs.ts";
import { credentials, type Shown } from "./stage.ts";
import { outages } from "./outages.ts";
import { page, sectionOf } from "./table.ts";

const path = "docs/outages.md";
const isWriting = process.env["ONEUP_WRITE_OUTAGES"] === "1";
const sections: string[] = [];

describe("an outage", () => {
  afterAll(() => {
    if (isWriting && sections.length === outages.length) writeFileSync(join(root, path), page(sections));
  });

  // Deno's TLS has words of its own for a certificate that has expired.
  const played = outages.filter(({ name }) => !onDeno || name !== "The TLS certificate has expired");
  for (const outage of played) {
    it(`names cause and next step in four places: ${outage.name}`, needing(outage.needs ?? []), async () => {
      const shown = await outage.play();
      for (const [where, text] of Object.entries(shown) as [keyof Shown, string][]) {
        expect(text, `${where} names the cause`).toMatch(outage.cause);
        expect(text, `${where} names the next step`).toMatch(outage.nextStep);
        expect(text).not.toContain(credentials.clientSecret);
      }
      const section = sectionOf(outage, shown);
      sections.push(section);
      if (!isWriting) expect(read(path)).toContain(section);
    });
  }
});
