/** Answers that come piece by piece: late, silent for minutes, and cut anywhere. */
import { Buffer } from "node:buffer";
import type { Transport, TransportRequest, TransportResponse, TransportStream } from "oneup-lifecycle";
import { onAbort } from "../../src/abort.ts";
import { aborted, networkError } from "../../src/http/transport.ts";
import type { Life } from "./life.ts";
import type { Stage } from "./stage.ts";
import { Dice, minute, second } from "./time.ts";

/** How often a piece is the last that comes, and how often nothing comes for minutes, while things go wrong. */
const [tears, silences] = [0.04, 0.005];

/** A body that is no text. */
export interface Whole {
  readonly bytes: Uint8Array | undefined;
}

/** The same calls, their answers in pieces. */
export function tornStreams(
  stage: Stage,
  life: Life,
  send: (request: TransportRequest) => Promise<TransportResponse & Whole>,
): NonNullable<Transport["stream"]> {
  const dice = new Dice(stage.scenario.seed, `streams of ${life.name}`);

  async function* pieces(bytes: Uint8Array, { signal }: TransportRequest): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length;) {
      const { isOver } = stage;
      const isSilent = !isOver && dice.hits(silences);
      const ms = isSilent ? dice.between(minute, 10 * minute) : dice.between(0, second / 10);
      await new Promise<void>((resolve, reject) => {
        onAbort(signal, () => reject(aborted(true)));
        life.hear(ms, resolve);
      });
      if (!isOver && dice.hits(tears)) throw networkError({ code: "ECONNRESET" }, true);
      const size = dice.between(1, 600);
      yield bytes.subarray(at, at + size);
      at += size;
    }
  }

  return async (request): Promise<TransportStream> => {
    const { status, headers, text, bytes = Buffer.from(text) } = await send(request);
    return { status, headers, body: pieces(bytes, request) };
  };
}
