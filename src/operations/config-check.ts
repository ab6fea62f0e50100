import type { Service } from "../stack/service.ts";
import { type Problem, StackError } from "../support/errors.ts";
import { runContainer, throwAwaySpec } from "./backup/container.ts";
import type { Context } from "./context.ts";
import type { StartPlan } from "./start-plan.ts";

/** Lines of a check that are told; the reason stands in the first ones. */
const toldLines = 5;

/**
 * Lets the services that are about to be made anew look at their configuration first. Throws with what they say, before
 * anything that runs is touched.
 */
export async function checkConfigurations(context: Context, plan: Pick<StartPlan, "steps">): Promise<void> {
  const anew = plan.steps.filter(({ action }) => action === "create" || action === "recreate");
  const checked = context.model.services.filter(
    ({ name, configCheck }) => configCheck !== undefined && anew.some(({ resource }) => resource === name),
  );
  const problems: Problem[] = [];
  for (const service of checked) problems.push(...(await check(context, service)));
  const [first] = problems;
  if (first === undefined) return;
  throw new StackError({
    code: "configuration-refused",
    exit: "invalidInput",
    message: problems.length === 1 ? first.message : `${problems.length} services refuse their configuration`,
    hint: "correct it in stack.yaml, then `./prod.sh generate` and `./prod.sh start`; what ran before still runs",
    ...(problems.length > 1 && { problems }),
  });
}

async function check(context: Context, service: Service): Promise<Problem[]> {
  const [program = "", ...words] = service.configCheck ?? [];
  const spec = throwAwaySpec(context, service, {
    volumes: {},
    image: service.image,
    purpose: "check",
    entrypoint: [program],
    command: words,
  });
  const { exitCode, output } = await runContainer(context, spec);
  if (exitCode === 0) return [];
  const said = output.filter((line) => line.trim() !== "").slice(0, toldLines);
  return [{ message: `${service.name} refuses its configuration: ${said.join("; ") || `exit code ${exitCode}`}` }];
}
