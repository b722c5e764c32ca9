/** Breaks sources at their seams. Every change is one of the syntax tree: none knows a name that the product chose. */
import { isNode, parsed, seamsIn, type Node, type Seam, type Sources } from "./seams.ts";

/** Returns changed code. Its arguments are code, too; each piece is in brackets where that matters. */
export type Rewrite = (
  /** The code itself. */
  it: string,
  see: {
    /** The code at another seam of the same file: its value, or its name if it is a declaration. */
    readonly at: (seam: string) => string;
    /** All the code at another seam of the same file. */
    readonly whole: (seam: string) => string;
    /** A part of the marked code, by its path in the tree, e.g. `arguments.0`. */
    readonly part: (path: string) => string;
  },
) => string;

/** One change, at a seam. */
export type Change = { readonly at: string } & (
  | /** The statement, or the member of a list, is left out. */
    { readonly skip: true }
  /** A condition (of the marked `if`, of `… ? … : …`, or a marked one itself) always holds, never, or the other way round. */
  | { readonly when: "always" | "never" | "negated" }
  /** Another value: of a declaration, an assignment, a property, a `return` (of the marked `if`, too), or the expression itself. */
  | { readonly becomes: Rewrite }
  /** Another statement. */
  | { readonly does: Rewrite }
);

/** One mistake: what the broken library does, and how it comes to that. */
export type Mutant = { readonly name: string } & (Change | { readonly all: readonly Change[] });

/** The changes of a mutant. */
export function changesOf(mutant: Mutant): readonly Change[] {
  return "all" in mutant ? mutant.all : [mutant];
}

/** Seams that a rewrite looks at, beside the one at which it changes something. */
export function seenBy(mutant: Mutant): readonly string[] {
  const seen: string[] = [];
  const at = (seam: string): string => (seen.push(seam), "it");
  for (const change of changesOf(mutant)) rewriteOf(change)?.("it", { at, whole: at, part: () => "it" });
  return seen;
}

/** The rewrite of a change, if it has one. */
export function rewriteOf(change: Change): Rewrite | undefined {
  if ("becomes" in change) return change.becomes;
  return "does" in change ? change.does : undefined;
}

interface Edit {
  readonly file: string;
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** The sources that a mutant changes, changed. @throws {Error} if it cannot be done, or the result does not parse */
export function broken(sources: Sources, mutant: Mutant): Sources {
  const after = new Map<string, string>();
  for (const change of changesOf(mutant)) {
    const now = new Map([...sources, ...after]); // one change may stand within the next
    const { file, start, end, text } = edit(now, seamsIn(now), change);
    const whole = now.get(file) ?? "";
    after.set(file, whole.slice(0, start) + text + whole.slice(end));
  }
  for (const [file, text] of after) {
    if (text === sources.get(file)) throw new Error(`"${mutant.name}" changes nothing in ${file}`);
    parsed(file, text);
  }
  return after;
}

function edit(sources: Sources, seams: ReadonlyMap<string, Seam>, change: Change): Edit {
  const seam = seamOf(seams, change.at);
  const { file, node } = seam;
  const whole = sources.get(file) ?? "";
  const at = (text: string, { start, end }: Pick<Node, "start" | "end">): Edit => ({
    file,
    start,
    end,
    text,
  });
  // Not ";", which would end the statement before it where the code has no semicolons.
  if ("skip" in change) return at(isStatement(node) ? "{}" : "", left(seam, whole));
  if ("when" in change) {
    const condition = conditionOf(node);
    const was = sliced(whole, condition);
    const now = { always: "(true)", never: "(false)", negated: `!(${was})` }[change.when];
    return at(now, condition);
  }
  const beside = (other: string): Node => {
    const there = seamOf(seams, other);
    if (there.file === file) return there.node;
    throw new Error(`"${other}" stands in ${there.file}, and "${change.at}" in ${file}`);
  };
  const see = {
    at: (other: string): string => {
      const there = beside(other);
      return `(${sliced(whole, nameOf(there) ?? valueOf(there))})`;
    },
    whole: (other: string): string => sliced(whole, beside(other)),
    part: (path: string): string => `(${sliced(whole, partOf(valueOf(node), path))})`,
  };
  if ("does" in change) {
    if (!isStatement(node)) throw new Error(`"${change.at}" marks no statement`);
    return at(change.does(sliced(whole, node), see), node);
  }
  const value = valueOf(node);
  const text = `(${change.becomes(`(${sliced(whole, value)})`, see)})`;
  if (node["shorthand"] === true) return at(`${sliced(whole, node)}: ${text}`, node);
  return at(text, value);
}

function seamOf(seams: ReadonlyMap<string, Seam>, name: string): Seam {
  const seam = seams.get(name);
  if (seam === undefined) throw new Error(`No place is marked as "${name}"`);
  return seam;
}

function sliced(text: string, { start, end }: Pick<Node, "start" | "end">): string {
  return text.slice(start, end);
}

function isStatement({ type }: Node): boolean {
  return type.endsWith("Statement");
}

/** From where to where nothing is left if the code is left out: a member takes the comma behind it along. */
function left({ name, node, isMember }: Seam, whole: string): Pick<Node, "start" | "end"> {
  if (!isMember && !isStatement(node)) throw new Error(`"${name}" cannot be left out: it is a ${node.type}`);
  const comma = isMember ? (/^\s*,/.exec(whole.slice(node.end))?.[0].length ?? 0) : 0;
  return { start: node.start, end: node.end + comma };
}

function child(node: Node, field: string): Node {
  const found = node[field];
  if (!isNode(found)) throw new Error(`A ${node.type} has no ${field}`);
  return found;
}

/** The condition of the code. */
function conditionOf(node: Node): Node {
  if (node.type === "IfStatement") return child(node, "test");
  const value = valueOf(node);
  if (value.type === "AwaitExpression")
    throw new Error("A mark of a condition stands before something that is awaited");
  return value.type === "ConditionalExpression" ? child(value, "test") : value;
}

/** The expression in which the code ends: what it declares, assigns, returns, holds or is. */
function valueOf(node: Node): Node {
  switch (node.type) {
    case "VariableDeclaration": {
      const [only, ...others] = node["declarations"] as Node[]; // ESTree has a list here
      if (only === undefined || others.length > 0)
        throw new Error("A mark stands before several declarations");
      return child(only, "init");
    }
    case "ExpressionStatement": {
      const expression = child(node, "expression");
      return expression.type === "AssignmentExpression" ? child(expression, "right") : expression;
    }
    case "ReturnStatement":
      return child(node, "argument");
    case "IfStatement": {
      const then = child(node, "consequent");
      const [only] = then.type === "BlockStatement" ? (then["body"] as Node[]) : [then]; // likewise
      if (only?.type !== "ReturnStatement")
        throw new Error("A mark stands before an if that does not return");
      return child(only, "argument");
    }
    case "Property":
    case "PropertyDefinition":
      return child(node, "value");
    default:
      return node;
  }
}

/** The name that the code gives to a value. */
function nameOf(node: Node): Node | null {
  if (node.type === "VariableDeclaration") return child((node["declarations"] as Node[])[0] ?? node, "id");
  if (node.type !== "ExpressionStatement") return null;
  const expression = child(node, "expression");
  return expression.type === "AssignmentExpression" ? child(expression, "left") : null;
}

function partOf(node: Node, path: string): Node {
  let part: unknown = node;
  for (const step of path.split(".")) part = (part as Readonly<Record<string, unknown>> | undefined)?.[step];
  if (!isNode(part)) throw new Error(`A ${node.type} has no ${path}`);
  return part;
}
