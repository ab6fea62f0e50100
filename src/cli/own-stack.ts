import { catalogue } from "../components/index.ts";

/** Keys that every stack of one's own has besides the apps. */
const front = ["traefik"];

/** A stack.yaml of applications that use the chosen components, as far as there is something to connect to. */
export function ownStack(apps: readonly string[], chosen: readonly string[]): string {
  const used = chosen.filter((type) => catalogue.find((component) => component.type === type)?.offersNothing !== true);
  const sections = [
    ...front.map((type) => `  ${type}: {}`),
    ...apps.map((key) => `  ${key}:\n    type: app\n    uses: [${used.join(", ")}]`),
    ...chosen.map((type) => `  ${type}: {}`),
  ];
  return `# yaml-language-server: $schema=./.stack/stack.schema.json\nname: stack\n\ncomponents:\n${sections.join("\n\n")}\n`;
}

/** What is wrong with the names of applications that are to stand beside the chosen components. */
export function appNamesProblem(names: readonly string[], chosen: readonly string[]): string | undefined {
  if (names.length === 0) return "name at least one";
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) return `${twice} stands twice; each needs a name of its own`;
  const taken = names.find((name) => [...front, ...chosen].includes(name));
  return taken === undefined ? undefined : `${taken} is the name of a component of this stack; choose another`;
}

/** The only app gets the domain itself; all others get the names that the preset gives them, or their own, below it. */
export function usualRoutes(
  standing: unknown,
  { key, domain, apps }: { key: string; domain: string; apps: readonly string[] },
): string[] {
  if (apps.length === 1 && apps[0] === key) return [domain];
  const first = Array.isArray(standing) && typeof standing[0] === "string" ? standing[0].split(".")[0] : key;
  return [`${first}.${domain}`];
}
