/**
 * `npm run picture`: draws what `npm start` shows, from the sign-up to the take-over after `kill -9`, as `docs/demo.svg`
 * for the README.
 */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { root } from "./deno.ts";

/** A character's width and a line's height, px. */
const [width, height] = [8.4, 19];

const colours: Readonly<Record<string, string>> = {
  31: "#ff7b72",
  32: "#56d364",
  33: "#e3b341",
  36: "#56d4dd",
};

interface Style {
  readonly fill: string;
  readonly weight: string;
}

const plain: Style = { fill: "#d1d7e0", weight: "normal" };

/** The style after an ANSI sequence of this number. */
function styled(before: Style, code: string): Style {
  if (code === "1") return { ...before, weight: "bold" };
  if (code === "2") return { ...before, fill: "#7d8590" };
  return code in colours ? { ...before, fill: colours[code] ?? plain.fill } : plain;
}

/** A line as text elements, one a style, each at its column: the widths of glyphs differ between fonts. */
function drawn(line: string, row: number): string {
  let [style, column, text] = [plain, 0, ""];
  for (const part of line.split(/(\p{Cc}\[\d+m)/u)) {
    const code = /^\p{Cc}\[(\d+)m$/u.exec(part)?.[1];
    if (code !== undefined) {
      style = styled(style, code);
      continue;
    }
    for (const { 0: word, index } of part.matchAll(/\S+(?: \S+)*/g)) {
      const x = ((column + index) * width + 16).toFixed(1);
      const long = (word.length * width).toFixed(1);
      const weight = style.weight === "bold" ? ' font-weight="bold"' : "";
      text += `<text x="${x}" y="${row * height + 30}" fill="${style.fill}"${weight} textLength="${long}">${escaped(word)}</text>`;
    }
    column += part.length;
  }
  return text;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

const shown = execFileSync("npm", ["start", "--silent"], {
  cwd: root,
  encoding: "utf8",
  env: { ...process.env, FORCE_COLOR: "1", COLUMNS: "80" },
});
const told = shown.replace(/\n +Watch it in a browser:\n.*\n/, "");
const lines = told.split("\n").filter((line, index, all) => line !== "" || all[index - 1] !== "");
const end = lines.findIndex((line) => line.includes("Create the Patient"));
if (end < 0) throw new Error("npm start shows other steps than this picture expects");
const story = lines.slice(0, end - 1);
const size = { width: 85 * width, height: story.length * height + 36 };
const picture = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" role="img" aria-label="npm start: forty users sign up, a worker is killed, another continues">
<rect width="100%" height="100%" rx="8" fill="#0d1117"/>
<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,DejaVu Sans Mono,monospace" font-size="14" xml:space="preserve">
${story
  .map(drawn)
  .filter((text) => text !== "")
  .join("\n")}
</g>
</svg>
`;
writeFileSync(join(root, "docs/demo.svg"), picture);
process.stdout.write(`docs/demo.svg: ${story.length} lines, ${picture.length} bytes\n`);
