// Structured logs: a logger of pino fits as it is, and each line has fields that a program can filter by.
//
//   npm run example 14-structured-logs       or       deno run -A examples/14-structured-logs.ts
import { createLifecycle } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { createSandbox } from "oneup-lifecycle/sandbox";
import { pino } from "pino";

// A local 1upHealth, so that this example runs anywhere. It throttles the first call for a second.
const sandbox = createSandbox();
const server = await sandbox.listen();
sandbox.fail({ call: "createUser", status: 429, headers: { "retry-after": "1" } });

// Names of levels instead of numbers, and neither the process nor the host, so that the lines are short.
const logger = pino({ base: null, formatters: { level: (level) => ({ level }) } });

const lifecycle = await createLifecycle({
  credentials: sandbox.credentials,
  endpoints: server.endpoints,
  store: memory(), // in production a durable store, such as lmdb("./data/lifecycle")
  logger: logger.child({ component: "oneup-lifecycle" }),
});

try {
  const { usable } = await lifecycle.onboard("ada@example.org");

  // Your own lines name a user as the library does, so that both are found together.
  logger.info({ user: lifecycle.alias("ada@example.org"), usable }, "Ada has signed up");
} finally {
  await lifecycle.close();
  await server.close();
}
