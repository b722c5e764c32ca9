/** Tests of which an everyday run draws some: those in a browser, for example, take a second or two of a core each. */
import * as vitest from "vitest";
import { draw, thorough } from "./effort.ts";

/** Registers tests as `it` does, everyday every `n`-th of them, from one that the run draws. In a thorough run all. */
export function drawnTests(n: number, drawn: number = draw): (title: string, test: () => unknown) => void {
  const register = vitest.it;
  let turn = drawn;
  return (title, test) => {
    if (turn++ % n === 0 || thorough) register(title, test);
  };
}
