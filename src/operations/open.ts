import type { StackModel } from "../stack/model.ts";
import type { Console } from "../stack/monitoring.ts";
import { StackError } from "../support/errors.ts";
import { didYouMean } from "../support/suggest.ts";
import type { Context } from "./context.ts";
import { engineName } from "./engine-name.ts";

/** How a person gets to a page of the stack. */
export interface Opened {
  name: string;
  about: string;
  /** What to type into the browser. */
  url: string;
  /** Where it has no public address: the line to type on one's own machine first, and to leave running. */
  tunnel?: string;
  /** Undefined: nobody is asked for a password. */
  login?: { user: string; passwordFile: string };
  /** False: its service does not run, so there is no way to it now. */
  running: boolean;
}

/**
 * Pages of the stack, or only the named one, which must run. A page without a public name is reached by the address that
 * its container has now: the host has a way into networks that lead nowhere else.
 */
export async function runOpen(context: Pick<Context, "model" | "engine">, name: string | undefined): Promise<Opened[]> {
  const { model, engine } = context;
  const wanted = name === undefined ? model.consoles : [findConsole(model, name)];
  const { containers } = await engine.observe(model.name);
  const opened: Opened[] = [];
  for (const page of wanted) {
    const container = containers.find(
      ({ service, state, oneOff }) => service === page.service && state === "running" && !oneOff,
    );
    if (name !== undefined && container === undefined) throw notRunning(page);
    const address = container && (await engine.address(container.id, engineName(model, page.network)));
    opened.push(openedOf(page, address));
  }
  return opened;
}

function openedOf({ name, about, host, path, port, login }: Console, address: string | undefined): Opened {
  return {
    name,
    about,
    url: host === undefined ? `http://localhost:${port}${path}` : `https://${host}${path}`,
    ...(host === undefined && address !== undefined && { tunnel: `ssh -N -L ${port}:${address}:${port} USER@SERVER` }),
    ...(login && { login: { user: login.user, passwordFile: `secrets/${login.password}` } }),
    running: address !== undefined,
  };
}

function findConsole({ consoles, name: stack }: StackModel, name: string): Console {
  const found = consoles.find((page) => page.name === name);
  if (found !== undefined) return found;
  const names = consoles.map((page) => page.name);
  throw new StackError({
    code: "open-unknown",
    exit: "invalidInput",
    message: `${stack} has no page "${name}"`,
    hint:
      names.length === 0 || name === "grafana"
        ? "add grafana: {} under components in stack.yaml, then: ./prod.sh generate && ./prod.sh start"
        : didYouMean(name, names),
  });
}

function notRunning({ name, service }: Console): StackError {
  return new StackError({
    code: "open-not-running",
    exit: "unhealthy",
    message: `${service} does not run, so there is no way to ${name}`,
    hint: "./prod.sh start",
  });
}
