/** `docs/outages.md`: what each outage shows. */
import type { Outage } from "./outages.ts";
import type { Shown } from "./stage.ts";

/** The section of one outage. */
export function sectionOf({ name }: Outage, { health, status, explain, log }: Shown): string {
  const views = [
    ["health()", health],
    ["status", status],
    ["explain ada", explain],
    ["log", log],
  ].map(([where, text]) => `# ${where}\n${text}`);
  return [`## ${name}`, "", "```text", views.join("\n\n"), "```", ""].join("\n");
}

/** The whole page. */
export function page(sections: readonly string[]): string {
  return `${introduction}\n${sections.join("\n")}`;
}

const introduction = `# Outages

What an operator sees while one user, Ada, meets an outage. The tests (\`test/outages\` of the clone) play each of them against the library and the commands, and compare what they see with this page; \`npm run outages\` writes it again. \`PORT\`, \`TIME\`, \`HEX\`, \`N\` and \`…\` differ from run to run. The commands ran in another process than the one that called. [The runbook](runbook.md) has the commands that help.
`;
