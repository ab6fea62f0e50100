import type { ClientRequest, Agent as HttpAgent, IncomingMessage } from "node:http";
import { StackError } from "../support/errors.ts";
import type { Engine } from "./engine.ts";
import { brokenOff } from "./streams.ts";

/** Milliseconds. */
export interface Patience {
  /** A call that takes longer than this is asked for by a sign of life, and again after each such time. */
  every: number;
  /** So long a living engine takes at most to give one. */
  answer: number;
}

const usualPatience: Patience = { every: 20_000, answer: 60_000 };

/** These end with their signal alone and connect again by themselves. */
const endless = ["events"];

/**
 * An Engine none of whose calls waits for ever: each may take as long as it likes while the engine gives a sign of life
 * now and then. Where that stops (a machine that is gone, a daemon that hangs), calls reject with `engine-unreachable`.
 */
export function withoutSilence(
  engine: Engine,
  ping: (signal: AbortSignal) => Promise<unknown>,
  patience: Patience = usualPatience,
): Engine {
  const watch =
    (call: (...words: never[]) => unknown) =>
    (...words: never[]) => {
      const answer = call(...words);
      return answer instanceof Promise ? unlessSilent(answer, ping, patience) : answer;
    };
  const calls = Object.entries(engine).map(([name, call]) => [name, endless.includes(name) ? call : watch(call)]);
  return Object.fromEntries(calls) as Engine;
}

function unlessSilent<Answer>(
  answer: Promise<Answer>,
  ping: (signal: AbortSignal) => Promise<unknown>,
  patience: Patience,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    let asking: AbortController | undefined;
    const over = () => {
      clearTimeout(timer);
      asking?.abort();
      timer = undefined;
    };
    const ask = () => {
      asking = new AbortController();
      timer = setTimeout(() => {
        over();
        reject(silent(patience));
      }, patience.answer);
      const heard = () => {
        if (timer === undefined) return;
        clearTimeout(timer);
        timer = setTimeout(ask, patience.every);
      };
      // Whatever it answers it lives; one that refuses to be talked to breaks the call itself, or is silent to the end.
      ping(asking.signal).then(heard, () => {});
    };
    timer = setTimeout(ask, patience.every);
    answer.finally(over).then(resolve, reject);
  });
}

function silent({ answer }: Patience): StackError {
  return new StackError({
    code: "engine-unreachable",
    exit: "engineUnreachable",
    message: `The Docker engine stopped answering: it gave no sign of life for ${answer / 1_000} s`,
    hint: "look at it with `systemctl status docker`, then run the command again",
  });
}

/**
 * Makes an agent whose requests fail where their answer breaks off: the client library waits for the rest of it for ever.
 * `addRequest` is how Node.js hands each request to its agent.
 */
export function failingOnBrokenAnswers<Agent extends HttpAgent>(agent: Agent): Agent {
  const inner = agent as unknown as { addRequest(request: ClientRequest, ...rest: unknown[]): void };
  const add = inner.addRequest.bind(agent);
  inner.addRequest = (request, ...rest) => {
    request.prependOnceListener("response", (answer: IncomingMessage) => {
      answer.once("close", () => {
        if (!answer.complete) request.emit("error", brokenOff("its answer broke off"));
      });
    });
    add(request, ...rest);
  };
  return agent;
}
