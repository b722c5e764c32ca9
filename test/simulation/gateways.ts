/** Kind of fault in which a gateway on the way to FHIR loses its way, and answers for 1upHealth. */
import type { Fault } from "oneup-lifecycle/sandbox";
import type { Kind } from "./kinds.ts";
import { Dice, minute } from "./time.ts";

/** What a gateway answers without a way to 1upHealth. */
const lost: readonly Fault[] = [
  { status: 404, body: "<html><body><h1>404 Not Found</h1></body></html>" },
  { status: 404, body: "default backend - 404" },
  { status: 404, body: { message: "no Route matched with those values" } },
  { status: 410, body: "<html><body>Gone</body></html>" },
];

/** A page that it answers with as if it were what was asked for. */
const page: Fault = {
  status: 200,
  headers: { "content-type": "text/html" },
  body: "<!doctype html><title>We will be back soon</title>",
};

/** What it answers when the function behind it has run out of time: a success, by its status. */
const timedOut: readonly Fault[] = [
  { status: 200, body: { errorMessage: "Task timed out after 30.03 seconds" } },
  { status: 200, body: "upstream request timeout" },
];

export const gateways: Readonly<Record<string, Kind>> = {
  /** Reads, searches and purges, each for some minutes: the documents are there, and the data are not erased. */
  lostWays: {
    share: 0.12,
    lasts: true,
    answer: ({ method, path }, _, { scenario: { seed }, time }) => {
      if (!/\/(?:dstu2|stu3|r4)\//.test(path) || method === "POST") return undefined;
      const spell = new Dice(seed, `the way to ${path} after ${Math.floor(time.now / (3 * minute))}`);
      if (!spell.hits(0.15)) return undefined;
      if (method !== "GET" || !spell.hits(0.4)) return spell.pick(lost);
      return path.includes("/Binary/") ? spell.pick([page, ...timedOut]) : page;
    },
  },
};
