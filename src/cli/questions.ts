import { resolve } from "node:path";
import { parseDocument } from "yaml";
import type { Question } from "../components/component.ts";
import { catalogue } from "../components/index.ts";
import { refuseOccupied } from "../operations/generate.ts";
import { email, hostProblem, name } from "../stack/fields.ts";
import { messageOf } from "../support/errors.ts";
import type { Call } from "./command.ts";
import { appNamesProblem, ownStack, usualRoutes } from "./own-stack.ts";
import { presets } from "./presets.ts";
import { checkbox, confirm, declined, input, select } from "./prompts.ts";
import { type Edit, editStackYaml } from "./stack-yaml.ts";

const own = "build my own";

/** Asks what the stack is to be and returns its stack.yaml. Writes nothing. */
export async function askForStack(call: Call): Promise<string> {
  call.output.print("A few questions, then a summary; nothing is written before you confirm. Ctrl-C ends it.");
  const known = presets(call.carried);
  const width = Math.max(own.length, ...known.map((preset) => preset.name.length));
  const start = await select("What is it to be?", [
    ...known.map((preset) => ({ value: preset.name, name: `${preset.name.padEnd(width)} ${preset.about}` })),
    { value: own, name: `${own.padEnd(width)} choose the components` },
  ]);
  const preset = known.find((candidate) => candidate.name === start);
  const asksForDir = call.value("dir") === undefined && call.words.length === 0;
  const stack = await input("Name of the stack", {
    default: preset?.name ?? "app",
    validate: (answer) => fieldProblem(name("a name"), answer) ?? (asksForDir ? occupied(answer) : undefined),
  });
  const base = preset?.text ?? (await buildOwn());
  const edits: Edit[] = [edit(["name"], stack)];
  const domain = await input("Domain", { default: domainOf(base) ?? `${stack}.localhost`, validate: hostProblem });
  for (const part of partsOf(base)) edits.push(...(await askPart(part, domain, base)));
  return editStackYaml(base, [...edits, ...(await askForCertificates(editStackYaml(base, edits)))]);
}

/** Shows the summary and asks whether to write; throws where the answer is no. */
export async function confirmWriting(lines: readonly string[], { output }: Call): Promise<void> {
  output.print(`\n${lines.join("\n")}\n`);
  const answer = await confirm("Write it?", true);
  if (!answer) throw declined("Nothing was written.");
}

/** One component of a stack.yaml. */
interface Part {
  key: string;
  type: string;
}

function partsOf(text: string): Part[] {
  const components = (parseDocument(text).toJS() as { components?: Record<string, unknown> }).components ?? {};
  return Object.entries(components).map(([key, value]) => {
    const type = (value as { type?: unknown } | null)?.type;
    return { key, type: typeof type === "string" ? type : key };
  });
}

/** A stack.yaml with the chosen components and an application that uses them. */
async function buildOwn(): Promise<string> {
  const others = catalogue.filter(({ type }) => type !== "app" && type !== "traefik");
  const chosen = await checkbox(
    "Which components?",
    others.map(({ type, about }) => ({ value: type, name: `${type.padEnd(10)} ${about}`, short: type })),
  );
  const apps = await input("Names of your applications, with commas between", {
    default: "app",
    validate: (answer) =>
      listOf(answer)
        .map((entry) => fieldProblem(name("a name"), entry))
        .find(Boolean) ?? appNamesProblem(listOf(answer), chosen),
  });
  return ownStack(listOf(apps), chosen);
}

/** The questions that a component brings, with the preset's values as what Enter takes. */
async function askPart({ key, type }: Part, domain: string, text: string): Promise<Edit[]> {
  const questions = catalogue.find((component) => component.type === type)?.questions ?? [];
  const data: unknown = parseDocument(text).toJS();
  const apps = partsOf(text).flatMap((part) => (part.type === "app" ? [part.key] : []));
  const edits: Edit[] = [];
  const left = new Set<string>();
  for (const question of questions) {
    if (question.needs !== undefined && left.has(question.needs.join("."))) continue;
    const path = ["components", key, ...question.path];
    const value = valueAt(data, path);
    const standing = question.path[0] === "routes" ? usualRoutes(value, { key, domain, apps }) : value;
    const answer = await askQuestion(key, question, standing);
    if (answer === undefined) left.add(question.path.join("."));
    // An answer that is what stands there already must not reformat it.
    if (JSON.stringify(answer) !== JSON.stringify(value)) edits.push(edit(path, answer));
  }
  return edits;
}

async function askQuestion(key: string, question: Question, standing: unknown): Promise<unknown> {
  const message = `${key}: ${question.message}`;
  const usual = standing === undefined ? String(question.default ?? "") : textOf(standing, question.kind);
  if (question.kind === "confirm") return confirm(message, usual === "true");
  if (question.kind === "select")
    return scalar(
      await select(
        message,
        (question.choices ?? []).map((value) => ({ value, name: value })),
        usual,
      ),
    );
  const answer = await input(message, {
    default: usual,
    optional: question.optional ?? false,
    validate: (text) => (question.kind === "list" ? firstProblem(listOf(text), question) : question.validate?.(text)),
  });
  if (answer === "") return undefined;
  if (question.kind === "list") return listOf(answer);
  return question.kind === "words" ? wordsOf(answer) : scalar(answer);
}

/** Certificates for real names come from Let's Encrypt, which wants an address; local names get the stack's own. */
async function askForCertificates(text: string): Promise<Edit[]> {
  const traefik = partsOf(text).find(({ type }) => type === "traefik");
  if (traefik === undefined) return [];
  const hosts = partsOf(text).flatMap(({ key }) => hostsOf(text, key));
  const path = ["components", traefik.key, "acme"];
  if (hosts.every((host) => host === "localhost" || host.endsWith(".localhost"))) return [edit(path, undefined)];
  const address = await input("Email address for Let's Encrypt, which warns there before a certificate runs out", {
    validate: (answer) => fieldProblem(email(), answer),
  });
  return [edit([...path, "email"], address)];
}

function hostsOf(text: string, key: string): string[] {
  const section = (parseDocument(text).toJS() as { components: Record<string, unknown> }).components[key];
  const routes = valueAt(section, ["routes"]);
  if (!Array.isArray(routes)) return [];
  return routes.map((route: unknown) => (typeof route === "string" ? route : String(valueAt(route, ["host"]))));
}

/** The domain that a preset's routes are below, unless it only stands there as an example. */
function domainOf(text: string): string | undefined {
  const hosts = partsOf(text).flatMap(({ key }) => hostsOf(text, key));
  return hosts.find((host) => host.endsWith(".localhost"));
}

// ---- values -------------------------------------------------------------------------------------

function edit(path: readonly (string | number)[], value: unknown): Edit {
  return { path: [...path], value, text: path.join(".") };
}

function fieldProblem(
  schema: { safeParse(value: unknown): { error?: { issues: { message: string }[] } } },
  answer: string,
) {
  return schema.safeParse(answer).error?.issues[0]?.message;
}

function occupied(answer: string): string | undefined {
  try {
    refuseOccupied(resolve(answer));
    return undefined;
  } catch (error) {
    return `${messageOf(error)}; choose another name, or start again with --dir`;
  }
}

function valueAt(value: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (current, key) =>
      typeof current === "object" && current !== null ? (current as Record<string | number, unknown>)[key] : undefined,
    value,
  );
}

function firstProblem(entries: readonly string[], question: Question): string | undefined {
  return entries.map((entry) => question.validate?.(entry)).find((problem) => problem !== undefined);
}

function textOf(value: unknown, kind: Question["kind"]): string {
  return Array.isArray(value) ? value.map(String).join(kind === "words" ? " " : ", ") : String(value);
}

function listOf(answer: string): string[] {
  return answer
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
}

/** A command as words; quotes hold words together as a shell would. */
function wordsOf(answer: string): string[] {
  return [...answer.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, plain]) => double ?? single ?? plain ?? "",
  );
}

function scalar(answer: string): string | number {
  return /^\d+$/.test(answer) ? Number(answer) : answer;
}
