import type { HostNeed } from "../stack/model.ts";
import type { Finding } from "./preflight.ts";

type ProcessorNeed = Extract<HostNeed, { processor: string[] }>;

/** Whether the processor has what a server was built for; `cpuinfo` is the text of /proc/cpuinfo, where there is one. */
export function checkProcessor(
  { component, advisory, reason, hint, processor, architecture }: ProcessorNeed,
  ofHost: string,
  cpuinfo: string | undefined,
): Finding {
  const flags = /^(?:flags|Features)\s*:(.*)$/m.exec(cpuinfo ?? "")?.[1]?.split(" ");
  const wanted = processor.join(" or ");
  if (ofHost !== architecture || flags === undefined || processor.some((flag) => flags.includes(flag)))
    return { id: "processor", level: "ok", message: `the processor can run ${component}` };
  const wishes = `${component} ${advisory ? "would like" : "needs"} it`;
  return {
    id: "processor",
    level: advisory ? "warn" : "fail",
    message: `The processor of this machine has no ${wanted}, ${wishes}: ${reason}`,
    hint,
  };
}
