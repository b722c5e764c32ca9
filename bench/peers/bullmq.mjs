/**
 * A step job (docs.bullmq.io/patterns/process-step-jobs): the job's data hold the next step, and the tokens at the end. A
 * user is one job, identified by its id; callers wait until it is finished. A worker in this process runs the jobs.
 *
 * @module
 */
import { Queue, QueueEvents, Worker } from "bullmq";
import { callsTo, retries } from "./calls.mjs";

/** @type {import("./side.ts").Peer["open"]} */
export async function open({ provider, server, atATime, leaseMs }) {
  const calls = callsTo(provider);
  const connection = { url: server, maxRetriesPerRequest: null };
  const queue = new Queue("onboarding", { connection });
  const events = new QueueEvents("onboarding", { connection });
  events.setMaxListeners(0); // one listener per caller
  queue.setMaxListeners(0);
  const worker = new Worker("onboarding", carryOut, {
    connection,
    autorun: false,
    concurrency: atATime,
    lockDuration: leaseMs,
    stalledInterval: leaseMs / 2,
  });
  worker.on("error", () => {}); // a lost lock: another attempt has the job

  async function carryOut(job) {
    let { step, code } = job.data;
    while (step !== "finish") {
      switch (step) {
        case "register":
          code = await calls.createUser(job.id);
          step = "exchange";
          await job.updateData({ step, code });
          break;
        case "exchange": {
          const tokens = await calls.exchangeCode(code);
          step = "finish";
          await job.updateData({ step, tokens });
          break;
        }
      }
    }
    return step;
  }

  const running = worker.run();

  return {
    async onboard(id) {
      const job = await queue.add(
        "onboard",
        { step: "register" },
        {
          jobId: id,
          attempts: retries.attempts,
          backoff: { type: "exponential", delay: retries.firstMs },
        },
      );
      return job.waitUntilFinished(events).then(
        () => true,
        () => false,
      );
    },
    token: async (id) => (await queue.getJob(id)).data.tokens.accessToken,
    async close() {
      await worker.close();
      await running;
      await events.close();
      await queue.close();
      await calls.close();
    },
  };
}
