/** Writes the table of R4 elements anew, after an update of `@types/fhir`: `npm run elements`. */
import { writeFileSync } from "node:fs";
import { r4ElementsSource } from "./r4-elements.ts";

writeFileSync(new URL("../../src/sandbox/fhir/r4-elements.ts", import.meta.url), r4ElementsSource());
