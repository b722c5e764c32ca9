/**
 * `npm run published`: what an application gets. Packs the library, installs it in an empty folder, and runs the quick
 * start of the README there, on every runtime, where no call whose answer is lost may arrive twice.
 */
import process from "node:process";
import { installed, type Ran } from "./application.ts";
import { runtimes } from "./runtimes.ts";

const mostPackages = 24;
const wrong: string[] = [];

/** Says in a word how a program did, and keeps what it said if it did not do as it should. */
function verdict(name: string, ran: Ran, right: RegExp): string {
  if (ran.code === 0 && right.test(ran.said) && ran.complained === "") return `${ran.ms} ms`;
  wrong.push(`--- ${name}: code ${ran.code}\n${ran.said}${ran.complained}`);
  return "FAILED";
}

/** Says in a word whether TypeScript compiles a program. */
function understood(program: Parameters<typeof application.compile>[0]): string {
  const mistakes = application.compile(program);
  if (mistakes === "") return "understands";
  wrong.push(`--- types of ${program}:\n${mistakes}`);
  return "DOES NOT UNDERSTAND";
}

/** One line of the table. */
const row = (cells: readonly string[]): void =>
  console.log(
    cells
      .map((cell, n) => cell.padEnd([16, 14, 13, 10][n] ?? 0))
      .join("")
      .trimEnd(),
  );

const application = installed();
try {
  console.log(`An application installs ${application.packages} packages; the limit is ${mostPackages}.`);
  if (application.packages > mostPackages) wrong.push("--- packages: too many");
  console.log(`TypeScript ${understood("quick-start")} its types, and checks them.\n`);

  row(["", "entry points", "quick start", "command", "lost answers"]);
  const all = [...runtimes()];
  for (const runtime of all) {
    const { name, version } = runtime;
    const command = "node_modules/oneup-lifecycle/dist/lib/command.js";
    application.forget();
    row([
      `${name} ${version}`,
      verdict(
        `entry points on ${name}`,
        application.run(runtime, "entry-points.js", "vitest", "opentelemetry"),
        /^\. .*createLifecycle/,
      ),
      verdict(
        `quick start on ${name}`,
        application.run(runtime, "quick-start.js"),
        /^tokenActive [0-9a-f]{12} 40 1\n$/,
      ),
      verdict(`command on ${name}`, application.run(runtime, command, "--version"), /^\d+\.\d+\.\d+\n$/),
      verdict(
        `lost answers on ${name}`,
        application.run(runtime, "lost-answers.js"),
        /^{"GET":1,"POST":1,"PUT":1,"DELETE":1}\n$/,
      ),
    ]);
  }

  const telemetry = verdict("telemetry", application.testTelemetry(), /^\.\/opentelemetry openTelemetry$/m);
  console.log(`\nOpenTelemetry's API, installed beside it, opens its entry point: ${telemetry}`);
  console.log(`TypeScript ${understood("entry-points")} the types of all entry points.`);
  for (const version of ["4", "5"]) {
    const [newest] = all.filter(({ name, version: of }) => name === "Node" && of.startsWith("24."));
    if (newest === undefined) throw new Error("Vitest 5 needs Node 22 or later");
    const matchers = verdict(
      `matchers of Vitest ${version}`,
      application.testMatchers(version, newest),
      /1 passed/,
    );
    console.log(`Vitest ${version}, installed beside it, has the matchers: ${matchers}`);
    console.log(`TypeScript ${understood("matchers.test")} them.`);
  }
} finally {
  application.remove();
}
if (wrong.length > 0) {
  console.error(`\n${wrong.join("\n")}`);
  process.exitCode = 1;
}
