/** The programs of `docs/frameworks.md`, each in a process of its own, with a sandbox and a visitor around it. */
import { join } from "node:path";
import { expect, it } from "vitest";
import { folder } from "../support/scene.ts";
import { programsIn, ran } from "./programs.ts";
import { read } from "./repository.ts";

/** The environment that the program finds, and a sandbox behind it. */
function before(): string {
  const place = folder("frameworks");
  return `
    import { createSandbox } from "oneup-lifecycle/sandbox";
    import process from "node:process";
    const sandbox = createSandbox();
    const server = await sandbox.listen();
    Object.assign(process.env, {
      ONEUP_CLIENT_ID: sandbox.credentials.clientId,
      ONEUP_CLIENT_SECRET: sandbox.credentials.clientSecret,
      ONEUP_STORE: ${JSON.stringify(join(place, "store"))},
      ONEUP_KEY: "ab".repeat(32),
      ONEUP_API: server.url,
      PORT: "0",
    });
    const show = async (response: Response) => console.log(response.status, JSON.stringify(await response.json()));
    const asks = (email: string) => ({
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ email }),
    });
  `;
}

/** On a busy machine a person would wait for less than a call takes. */
const patient = (program: string): string => program.replaceAll("waitMs: 2_000", "waitMs: 60_000");

const visited = [
  '201 {"state":"tokenActive","usable":true}',
  '400 {"error":"INVALID_ID"}',
  '200 {"ready":true,"problem":null,"nextStep":null}',
  "CLOSED",
  "",
].join("\n");

const closed = `await lifecycle.inspect("ada").catch((error) => console.log(error.code));`;

it("Fastify signs a user up, answers a probe, and closes after SIGTERM", () => {
  const [fastify = ""] = programsIn("docs/frameworks.md");
  const visit = `
    const url = "http://127.0.0.1:" + app.addresses()[0]?.port;
    await show(await fetch(url + "/sign-up", asks("ada@example.org")));
    await show(await fetch(url + "/sign-up", asks("a\\u0000b")));
    await show(await fetch(url + "/ready"));
    console.assert((await fetch(url + "/sign-up/eve/events")).status === 404);
    await lifecycle.onboard("bob");
    const renamed = await fetch(url + "/sign-up/bob/events");
    await lifecycle.rename("bob", "robert");
    await renamed.text(); // ends
    const stream = await fetch(url + "/sign-up/ada@example.org/events"); // is open while the process is ended
    const events = stream.text();
    const over = new Promise((resolve) => app.server.once("close", resolve));
    process.kill(process.pid, "SIGTERM");
    await over;
    await app.close();
    ${closed}
    console.log(await events);
    await server.close();
  `;
  const streamed = 'data: {"state":"tokenActive","usable":true}\n\n\n';
  expect(ran(before() + patient(fastify) + visit)).toMatchObject({ stdout: visited + streamed, stderr: "" });
});

it("Next.js's handlers sign a user up, answer a probe, and close after SIGTERM", () => {
  const [, next = ""] = programsIn("docs/frameworks.md");
  const visit = `
    register();
    await show(await POST(new Request("http://localhost/sign-up", asks("ada@example.org"))));
    await show(await POST(new Request("http://localhost/sign-up", asks("a\\u0000b"))));
    for (const body of ["", "null", "email=a"])
      console.assert((await POST(new Request("http://localhost/sign-up", { method: "POST", body }))).status === 400);
    await show(await GET());
    const lifecycle = await oneup();
    const over = new Promise((resolve) => Object.assign(process, { exit: resolve }));
    process.kill(process.pid, "SIGTERM");
    console.assert((await over) === 0);
    ${closed}
    await server.close();
  `;
  expect(ran(before() + patient(next) + visit)).toMatchObject({ stdout: visited, stderr: "" });
});

it("Next.js's handlers answer 503 while the store is away at the start, and the process still ends after SIGTERM", () => {
  const [, next = ""] = programsIn("docs/frameworks.md");
  const away = `process.env.ONEUP_STORE = "redis://127.0.0.1:1";`;
  const visit = `
    register();
    await show(await POST(new Request("http://localhost/sign-up", asks("ada@example.org"))));
    await show(await GET());
    const over = new Promise((resolve) => Object.assign(process, { exit: resolve }));
    process.kill(process.pid, "SIGTERM");
    console.log(await over);
    await server.close();
  `;
  expect(ran(before() + away + next + visit)).toMatchObject({
    stdout:
      '503 {"error":"STORE_UNAVAILABLE"}\n503 {"ready":false,"problem":"STORE_UNAVAILABLE","nextStep":null}\n0\n',
    stderr: "",
  });
});

it("NestJS's provider opens with its module, works, and closes with the application", () => {
  const [, provider = ""] = /```typescript\n([\s\S]*?)```/.exec(read("docs/frameworks.md")) ?? [];
  const [nest = ""] = /^import .* from "@nestjs\/common";\n/.exec(provider) ?? [];
  expect(nest).not.toBe("");
  const fakes = `
    const Injectable = () => () => {};
    interface OnModuleInit { onModuleInit(): Promise<void> }
    interface OnApplicationShutdown { onApplicationShutdown(): Promise<void> }
  `;
  const visit = `
    const oneup = new Oneup();
    await oneup.onModuleInit();
    const { lifecycle } = oneup;
    await lifecycle.onboard("ada", { waitMs: 0 });
    for await (const { state, usable } of lifecycle.watch("ada")) if (usable) { console.log(state); break; }
    await oneup.onApplicationShutdown();
    ${closed}
    await server.close();
  `;
  const program = before() + fakes + provider.replace(nest, "") + visit;
  expect(ran(program)).toMatchObject({ stdout: "tokenActive\nCLOSED\n", stderr: "" });
});
