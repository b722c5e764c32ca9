import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { describe, expect, it } from "vitest";
import { compile, onDeno, removeStale } from "../support/built.ts";
import { buildJoined } from "../published/joined.ts";
import { folder } from "../support/scene.ts";
import { linksIn, read, root, sources } from "./repository.ts";

/** The guides and examples, which README.md links to, are read where the package is installed. */
const inFolder = (folder: string, ending: RegExp): readonly string[] =>
  readdirSync(join(root, folder))
    .filter((name) => ending.test(name))
    .map((name) => `${folder}/${name}`);
const papers = [
  "AGENTS.md",
  "CHANGELOG.md",
  "LICENSE",
  "README.md",
  "SECURITY.md",
  "adapters/README.md",
  "machines/README.md",
  "package.json",
  ...inFolder("docs", /\.(?:md|png|svg)$/),
  ...inFolder("docs/monitoring", /\.(?:json|yml)$/),
  ...inFolder("examples", /\.(?:md|ts)$/),
];

const page = "src/inspector/page/";
const types = sources("src", "machines", "adapters")
  .filter((path) => !path.startsWith(page))
  .map((path) => `dist/${path.replace(/\.ts$/, ".d.ts")}`);
const ofThePage = ["icon.svg", "index.html", "page.css", "page.js"].map((name) => `dist/${page}${name}`);

/** What an application gets: the joined sources with their maps, the types of each, the inspector's page, and the papers. */
function shippedWith(joined: readonly string[]): readonly string[] {
  return [...joined, ...types, ...ofThePage, ...papers].toSorted();
}

const code = ["index.js", "command.js", "shared-ABCD.js"].map((name) => `dist/lib/${name}`);
const shipped = shippedWith(code.flatMap((path) => [path, `${path}.map`]));

interface Packed {
  readonly files: readonly { readonly path: string }[];
}

/** What npm would put into the tarball of this folder as it is, without building anything first. */
function packed(cwd: string): readonly string[] {
  const words = ["pack", "--dry-run", "--json", "--ignore-scripts"];
  const said: unknown = JSON.parse(
    execFileSync("npm", words, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }),
  );
  const [tarball] = Object.values(said as Readonly<Record<string, Packed>>); // a list, or from npm 12 on by name
  return (tarball?.files ?? []).map(({ path }) => path).toSorted();
}

/** A file of the folder, empty. */
function touch(path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, "");
}

/** A folder with our package.json and a built library, where more has been left lying about. */
function folderWith(...litter: string[]): string {
  const place = folder("tarball");
  for (const path of [...shipped, ...litter]) touch(join(place, path));
  copyFileSync(join(root, "package.json"), join(place, "package.json"));
  return place;
}

describe("npm pack --ignore-scripts", () => {
  it.runIf(!onDeno)("after the build packs the library and the papers, and nothing else", async () => {
    const [joined] = await Promise.all([buildJoined(), compile("src")]);
    expect(packed(root)).toEqual(shippedWith(Object.keys(joined)));
  });

  it("packs nothing of what tests, tools and people leave behind", () => {
    const litter = [
      "dist/test/support/child.js",
      "dist/test/.tsbuildinfo",
      "dist/examples/01-onboard.js",
      "dist/bench/main.js",
      "dist/stray.js",
      "dist/.tsbuildinfo",
      "dist/src/.tsbuildinfo",
      "dist/src/index.js",
      "dist/src/index.js.map",
      "dist/src/index.ts",
      "dist/lib/index.ts",
      "dist/lib/old/index.js",
      "dist/adapters/data.mdb",
      "dist/machines/.env",
      "src/index.js",
      "test/index.js",
      "coverage/index.html",
      "docs/index.html",
      "data/keys/key",
      ".env",
      "key",
      "oneup-lifecycle-0.1.0.tgz",
    ];
    expect(packed(folderWith(...litter))).toEqual(shipped);
  });

  it("what was built from a source that is gone is removed before the tests, and no other file", () => {
    const kept = [
      "dist/lib/shared-ABCD.js",
      "src/here.ts",
      "dist/src/here.js",
      "dist/src/here.d.ts",
      "dist/src/notes.txt",
      "dist/.tsbuildinfo",
    ];
    const gone = ["dist/src/gone.js", "dist/src/gone.d.ts", "dist/test/old/gone.js"];
    const place = folder("stale");
    for (const path of [...kept, ...gone]) touch(join(place, path));
    removeStale(place);
    const isThere = (path: string): boolean => existsSync(join(place, path));
    expect([kept.filter(isThere), gone.filter(isThere)]).toEqual([kept, []]);
  });
});

describe("the pages in the package", () => {
  const pages = papers.filter((path) => path.endsWith(".md"));
  const isAboutAClone = (path: string): boolean => read(path).includes("\n\nThis page is about a clone");

  const isThere = (path: string): boolean =>
    papers.some((paper) => paper === path || paper.startsWith(`${path}/`));

  it("link to nothing outside of it, except for those that are about a clone and say so", () => {
    expect(pages.filter(isAboutAClone)).toEqual(["docs/architecture.md", "docs/contributing.md"]);
    const leadingOut = pages
      .filter((path) => !isAboutAClone(path))
      .flatMap((path) =>
        linksIn(path)
          .map((link) => link.replace(/#.*/, ""))
          .filter((file) => file !== "" && !isThere(posix.join(posix.dirname(path), file)))
          .map((file) => `${path}: ${file}`),
      );
    expect(leadingOut).toEqual([]);
  });
});

describe("npm publish", () => {
  /** What stands before it, for a package.json that names these. */
  function publishing(...named: readonly string[]): { status: number | null; stderr: string } {
    const file = join(folder("addresses"), "package.json");
    const addresses = named.map((name) => [name, "https://example.org/lifecycle"]);
    writeFileSync(file, JSON.stringify({ name: "lifecycle", ...Object.fromEntries(addresses) }));
    const words = ["--import", "tsx", "test/published/addresses.ts", file];
    return spawnSync("node", words, { cwd: root, encoding: "utf8" });
  }

  it("is refused until package.json names the repository, the issues and the home", () => {
    const { status, stderr } = publishing("repository");
    expect([status, stderr]).toEqual([1, expect.stringContaining("got no bugs, homepage")]);
    expect(publishing("repository", "bugs", "homepage").status).toBe(0);
  });
});
