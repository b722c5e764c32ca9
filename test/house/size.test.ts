/** The size of the product, room by room. A number may be lowered here, never raised. */
import { parseSync } from "oxc-parser";
import { describe, expect, it } from "vitest";
import { isNode } from "../simulation/seams.ts";
import { read, sources } from "./repository.ts";

/** Lines of code, and nodes of the syntax tree, that a room may have at most. */
const caps: Readonly<Record<string, readonly [lines: number, nodes: number]>> = {
  machines: [1_310, 8_067],
  adapters: [7_804, 39_602],
  "src/store": [3_988, 31_387],
  "src/http": [2_988, 21_241],
  "src/fhir": [5_148, 39_227],
  "src/runtime": [16_952, 128_845],
  "src/inspector": [4_785, 28_025],
  "src/cli": [5_272, 36_669],
  "src/sandbox": [4_524, 33_924],
  "src/testing": [4_138, 36_588],
  "src/opentelemetry": [400, 3_000],
  product: [59_664, 417_240],
};

/** Lines that a function may have at most. */
const longestFunction = 422;

interface Size {
  lines: number;
  nodes: number;
  longest: number;
}

function sizeOf(path: string): Size {
  const source = read(path);
  if (!/\.tsx?$/.test(path)) return { lines: filled(source), nodes: 0, longest: 0 };
  const { program, comments } = parseSync(path, source);
  const size = { lines: filled(without(source, comments)), nodes: 0, longest: 0 };
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(visit);
    if (!isNode(value)) return;
    size.nodes += 1;
    if (/^(?:FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(value.type))
      size.longest = Math.max(size.longest, source.slice(value.start, value.end).split("\n").length);
    Object.values(value).forEach(visit);
  };
  visit(program);
  return size;
}

function without(source: string, comments: readonly { start: number; end: number }[]): string {
  const letters = source.split("");
  for (const { start, end } of comments)
    for (let at = start; at < end; at += 1) if (letters[at] !== "\n") letters[at] = " ";
  return letters.join("");
}

const filled = (text: string): number => text.split("\n").filter((line) => line.trim() !== "").length;

const roomOf = (path: string): string => /^(?:src\/[^/]+(?=\/)|[^/]+)/.exec(path)?.[0] ?? path;

const sizes = new Map<string, Size>();
for (const path of sources("src", "machines", "adapters").concat("src/inspector/page/page.css")) {
  const { lines, nodes, longest } = sizeOf(path);
  for (const name of [roomOf(path), "product"]) {
    const room = sizes.get(name) ?? { lines: 0, nodes: 0, longest: 0 };
    sizes.set(name, {
      lines: room.lines + lines,
      nodes: room.nodes + nodes,
      longest: Math.max(room.longest, longest),
    });
  }
}

describe("the size of", () => {
  it.each(Object.entries(caps))("%s stays within %j lines and nodes", (room, [lines, nodes]) => {
    const size = sizes.get(room);
    expect(size?.lines).toBeLessThanOrEqual(lines);
    expect(size?.nodes).toBeLessThanOrEqual(nodes);
  });

  it(`a function stays within ${longestFunction} lines`, () => {
    expect(sizes.get("product")?.longest).toBeLessThanOrEqual(longestFunction);
  });
});
