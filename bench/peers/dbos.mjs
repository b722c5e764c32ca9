/**
 * A DBOS workflow of two steps (docs.dbos.dev). A user is one workflow, identified by its id; the tokens are its output.
 * Workflows that a dead process left behind resume when the next one starts.
 *
 * @module
 */
import { DBOS } from "@dbos-inc/dbos-sdk";
import { callsTo, retries } from "./calls.mjs";

const again = {
  retriesAllowed: true,
  maxAttempts: retries.attempts,
  intervalSeconds: retries.firstMs / 1_000,
  backoffRate: retries.factor,
};

/** @type {ReturnType<typeof callsTo>} */
let calls;
const onboarding = DBOS.registerWorkflow(
  async (id) => {
    const code = await DBOS.runStep(() => calls.createUser(id), { name: "createUser", ...again });
    return DBOS.runStep(() => calls.exchangeCode(code), { name: "exchangeCode", ...again });
  },
  { name: "onboarding" },
);

/** @type {import("./side.ts").Peer["open"]} */
export async function open({ provider, server, atATime }) {
  calls = callsTo(provider);
  DBOS.setConfig({
    name: "bench",
    systemDatabaseUrl: server,
    systemDatabasePoolSize: atATime,
    logger: { info() {}, debug() {}, warn() {}, error() {} }, // failures are counted instead
  });
  await DBOS.launch();
  return {
    async onboard(id) {
      const workflow = await DBOS.startWorkflow(onboarding, { workflowID: id })(id);
      try {
        await workflow.getResult();
        return true;
      } catch {
        return false;
      }
    },
    token: async (id) => (await DBOS.retrieveWorkflow(id).getResult()).accessToken,
    async close() {
      await DBOS.shutdown();
      await calls.close();
    },
  };
}
