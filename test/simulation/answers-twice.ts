/**
 * A proxy that answers the token endpoint's last request once more: the next one gets the answer to it, and its own goes to
 * the one after it, for as long as requests are under way on that connection.
 */
import type { Delivery } from "../../src/sandbox/handler.ts";
import { Dice } from "./time.ts";

/** A connection, as far as the proxy mixes up its answers. */
interface Connection {
  /** The users with requests under way, once for each. */
  readonly underWay: string[];
  /** The last answer, and whose. */
  last: { readonly delivery: Delivery; readonly id: string } | undefined;
  /** The answer that came too late for its own request. */
  late: Delivery | undefined;
  /** It has mixed up answers, and what is under way on it, or leaves before that is noticed, may not be believed. */
  isMixed: boolean;
}

/** The connections of one life of a process: one after the other. */
export class AnswersTwice {
  readonly #dice: Dice;
  readonly #noteCause: (id: string) => void;
  #connection = opened();

  /** `noteCause`: this user may not get its own answer, or not believe it. */
  constructor(seed: number, life: string, noteCause: (id: string) => void) {
    this.#dice = new Dice(seed, `answers of ${life}`);
    this.#noteCause = noteCause;
  }

  /** Later requests leave over another connection. */
  renew(): void {
    this.#connection = opened();
  }

  /** A request for this user leaves. Returns what becomes of its answer; `null`: it is lost. */
  leaves(id: string): (delivery: Delivery | null) => Delivery | null {
    const connection = this.#connection;
    connection.underWay.push(id);
    if (connection.isMixed && id !== "") this.#noteCause(id);
    return (own) => {
      connection.underWay.splice(connection.underWay.indexOf(id), 1);
      if (own?.type !== "answer" || own.outgoing.status !== 200) return own;
      const { last, late } = connection;
      const isTwice = late === undefined && last !== undefined && last.id !== id && this.#dice.hits(0.1);
      const got = isTwice ? last.delivery : (late ?? own);
      connection.late = got !== own && connection.underWay.length > 0 ? own : undefined;
      connection.last = grants(own.outgoing.body) ? { delivery: own, id } : undefined;
      connection.isMixed ||= got !== own;
      if (got !== own)
        for (const each of [id, ...connection.underWay]) if (each !== "") this.#noteCause(each);
      return got;
    };
  }
}

/** Only tokens are known again: a refusal, or half an answer, that comes twice is not noticed. */
function grants(body: string): boolean {
  try {
    return typeof (JSON.parse(body) as { readonly access_token?: unknown }).access_token === "string";
  } catch {
    return false;
  }
}

function opened(): Connection {
  return { underWay: [], last: undefined, late: undefined, isMixed: false };
}
