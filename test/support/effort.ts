/**
 * How much the tests take upon themselves: enough for everyday in a few minutes, or, with `ONEUP_TEST_THOROUGH=1`, all of
 * it, as `.ci/run` asks for.
 */
import process from "node:process";

/** All of it. */
export const thorough: boolean = process.env["ONEUP_TEST_THOROUGH"] === "1";
