import { type Opened, runOpen } from "../../operations/open.ts";
import type { Call } from "../command.ts";
import { openContext } from "../context.ts";
import type { Output } from "../output.ts";

/** How to get to the pages of the stack: Grafana, Prometheus, Kibana. */
export async function run(call: Call): Promise<"done"> {
  const { output } = call;
  const [name] = call.words;
  const pages = await runOpen(await openContext(call), name);
  if (output.json) output.printJson({ pages });
  else if (pages.length === 0)
    output.print("This stack has no pages of its own: grafana: {} under components adds one.");
  else output.print(pages.map((page) => linesOf(page, output).join("\n")).join("\n\n"));
  return "done";
}

function linesOf({ name, about, url, tunnel, login, running }: Opened, { paint }: Output): string[] {
  const heading = `${paint("bold", name)}: ${about}`;
  if (!running) return [heading, "  does not run; ./prod.sh start brings it up"];
  return [
    heading,
    ...(tunnel === undefined ? [] : ["  on your own machine, and leave it running:", `    ${tunnel}`, "  then open"]),
    `    ${url}`,
    ...(login === undefined
      ? []
      : [`  log in as ${login.user}; the password, on the server: cat ${login.passwordFile}`]),
  ];
}
