/**
 * `npm run published`: what an application gets. Packs the library, installs it in an empty folder, and runs the quick
 * start of the README there, on every runtime.
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

/** One line of the table. */
const row = (cells: readonly string[]): void =>
  console.log(
    cells
      .map((cell, n) => cell.padEnd([16, 10, 13][n] ?? 0))
      .join("")
      .trimEnd(),
  );

const application = installed();
try {
  console.log(`An application installs ${application.packages} packages; the limit is ${mostPackages}.`);
  if (application.packages > mostPackages) wrong.push("--- packages: too many");
  const mistakes = application.compile();
  if (mistakes !== "") wrong.push(`--- types:\n${mistakes}`);
  console.log(`TypeScript ${mistakes === "" ? "understands" : "DOES NOT UNDERSTAND"} its types.\n`);

  row(["", "entry points", "quick start", "command"]);
  for (const runtime of runtimes()) {
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
    ]);
  }

  const telemetry = verdict("telemetry", application.testTelemetry(), /^\.\/opentelemetry openTelemetry$/m);
  console.log(`\nOpenTelemetry's API, installed beside it, opens its entry point: ${telemetry}`);
  const matchers = verdict("matchers", application.testMatchers(), /1 passed/);
  console.log(`Vitest, installed beside it, has the matchers: ${matchers}`);
} finally {
  application.remove();
}
if (wrong.length > 0) {
  console.error(`\n${wrong.join("\n")}`);
  process.exitCode = 1;
}
