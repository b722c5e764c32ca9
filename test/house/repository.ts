/** What stands in the repository, read for the tests of its rules. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's folder. */
export const root: string = fileURLToPath(new URL("../..", import.meta.url));

/** Text of a file, by its path from the root. */
export function read(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** A JSON file, by its path from the root. */
export function readJson<T>(path: string): T {
  return JSON.parse(read(path)) as T; // the test says what it expects and fails otherwise
}

/** All TypeScript files in these folders, as paths from the root. */
export function sources(...folders: string[]): string[] {
  return folders
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
        .map((name) => `${folder}/${name.replaceAll("\\", "/")}`)
        .filter((path) => /\.tsx?$/.test(path) && !path.includes("/node_modules/")),
    )
    .sort();
}

/** Paths of all files that git keeps; in a copy without git, of all that are not ignored. */
export function tracked(hasGit: boolean = existsSync(join(root, ".git"))): string[] {
  if (hasGit) return execFileSync("git", ["ls-files"], { cwd: root, encoding: "utf8" }).trim().split("\n");
  const ignored = new Set(read(".gitignore").split("\n"));
  const below = (folder: string): string[] =>
    readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
      const path = `${folder}${entry.name}`;
      if (!entry.isDirectory()) return entry.name.endsWith(".tgz") ? [] : [path];
      return ignored.has(`${entry.name}/`) || ignored.has(`${path}/`) ? [] : below(`${path}/`);
    });
  return below("");
}

/** The links and pictures of a page that lead to files of the repository, as they are written. */
export function linksIn(path: string): string[] {
  const text = read(path).replaceAll(/```[^]*?```/g, "");
  const links = text.matchAll(/(?:\]\(|src=")(?!https?:|mailto:)([^)"\s]+)[)"]/g);
  return Array.from(links, ([, link = ""]) => link);
}

/** A file's code without its comments, which may name what the code must not use. */
export function code(path: string): string {
  return read(path)
    .replaceAll(/\/\*[^]*?\*\//g, "")
    .replaceAll(/(^|\s)\/\/.*$/gm, "$1");
}

/** Places (`file:line`) where a file's text matches. */
export function places(path: string, text: string, pattern: RegExp): string[] {
  return text
    .split("\n")
    .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1} ${line.trim()}`] : []));
}
