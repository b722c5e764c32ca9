import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { entryPoints } from "../published/joined.ts";
import { code, places, read, readJson, root, sources } from "./repository.ts";

interface Package {
  readonly version: string;
  readonly bin: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

interface Deno {
  readonly version: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly imports: Readonly<Record<string, string>>;
}

const npm = readJson<Package>("package.json");
const deno = readJson<Deno>("deno.json");

/** The source that `./dist/….d.ts` is built from. */
function sourceOf(types: string): string {
  return types.replace(/^\.\/dist\//, "./").replace(/\.d\.ts$/, ".ts");
}

/** What package.json maps to files: the name, and its types and code. */
const mapped = Object.entries(npm.exports).flatMap(([name, target]) =>
  typeof target === "string" ? [] : [{ name, ...target }],
);

describe("entry points", () => {
  it("package.json and deno.json map the same entry points to the same files", () => {
    expect(Object.fromEntries(mapped.map(({ name, types }) => [name, sourceOf(types)]))).toEqual(
      deno.exports,
    );
  });

  it("package.json gives every entry point the file that is joined from its source, and itself", () => {
    const joined = Object.entries(entryPoints()).map(([name, source]) => [`./dist/lib/${name}.js`, source]);
    const given = mapped.map(({ types, default: code }) => [code, sourceOf(types)]);
    expect([...given, [npm.bin["oneup-lifecycle"], "./src/cli/main.ts"]]).toEqual(joined);
    expect(npm.exports["./package.json"]).toBe("./package.json");
  });

  it.each(Object.entries(deno.exports))(
    "%s opens on a file whose first comment states its purpose",
    (_door, file) => {
      expect(existsSync(join(root, file))).toBe(true);
      expect(read(file)).toMatch(/^\/\*\*[^]*?@module\b[^]*?\*\//);
    },
  );

  it("every adapter has an entry point", () => {
    const adapters = sources("adapters")
      .filter((path) => path.split("/").length === 2) // folders hold the parts of the adapter of that name
      .map((path) => `./${path}`);
    expect(Object.values(deno.exports).filter((file) => file.startsWith("./adapters/"))).toEqual(
      expect.arrayContaining(adapters),
    );
  });

  it("deno.json knows the entry points by name, and the versions of package.json", () => {
    for (const [entryPoint, file] of Object.entries(deno.exports)) {
      expect(deno.imports[entryPoint.replace(/^\./, "oneup-lifecycle")]).toBe(file);
    }
    for (const [name, range] of Object.entries(npm.dependencies)) {
      if (!name.startsWith("@types/")) expect(deno.imports[name]).toBe(`npm:${name}@${range}`);
    }
    const fhir = npm.dependencies["@types/fhir"];
    for (const version of ["r2", "r3", "r4"]) {
      expect(deno.imports[`fhir/${version}.js`]).toBe(`npm:@types/fhir@${fhir}/${version}.d.ts`);
    }
    expect(deno.version).toBe(npm.version);
  });

  it("OpenTelemetry is loaded by its own entry point alone", () => {
    const pattern = /from "@opentelemetry\//;
    const product = sources("src", "machines", "adapters");
    const loading = product.filter((path) => places(path, code(path), pattern).length > 0);
    expect(loading).not.toEqual([]);
    expect(loading.filter((path) => !path.startsWith("src/opentelemetry/"))).toEqual([]);
    const users = product.filter((path) => places(path, code(path), /from "[./]+opentelemetry\//).length > 0);
    expect(users).toEqual([]);
  });

  it("the command starts with a line that tells a shell what runs it", () => {
    expect(read(entryPoints()["command"] ?? "")).toMatch(/^#!\/usr\/bin\/env node\n/);
  });
});
