import type { Part } from "./part.ts";

/** Components that nothing connects to. */
const withoutConnection = new Set(["traefik", "monitoring", "grafana", "loki", "nginx", "job"]);

/** Who uses whom in the new stack. Never a circle: then nobody could start first. */
export class Uses {
  private readonly parts: readonly Part[];
  private readonly edges = new Map<string, string[]>();
  private readonly usable: ReadonlySet<string>;

  constructor(parts: readonly Part[]) {
    this.parts = parts;
    this.usable = new Set(
      parts
        .filter(
          (part) =>
            part.role === "service" ||
            (part.role === "component" && !withoutConnection.has(part.type)) ||
            (part.role === "app" && hasPort(part)),
        )
        .map(({ key }) => key),
    );
    for (const part of parts)
      for (const { service } of [...part.service.dependsOn, ...part.service.links])
        for (const target of parts.filter((each) => each.service.name === service)) {
          if (target.role === "app" && !this.usable.has(target.key))
            part.details.push(`no longer waits for ${service}, which has no port`);
          this.add(part.key, target.key);
        }
  }

  add(from: string, to: string): void {
    const known = this.edges.get(from) ?? [];
    const user = this.parts.find(({ key }) => key === from);
    if (from === to || known.includes(to) || !this.usable.has(to) || this.reaches(to, from)) return;
    if (user?.role === "app" || user?.role === "service") this.edges.set(from, [...known, to]);
  }

  /** Keys, servers with data first: of two databases the first is the main one. */
  of(key: string): string[] {
    const isServer = (target: string) => this.parts.some((part) => part.key === target && part.role === "component");
    const all = this.edges.get(key) ?? [];
    return [...all.filter(isServer), ...all.filter((target) => !isServer(target))];
  }

  isUsed(key: string): boolean {
    return [...this.edges.values()].some((targets) => targets.includes(key));
  }

  /** True where others wait until it has ended. */
  endsByItself(service: string): boolean {
    return this.parts.some((part) =>
      part.service.dependsOn.some(
        (each) => each.service === service && each.condition === "service_completed_successfully",
      ),
    );
  }

  /** The step that migrates the database with the image of this app. */
  migrationOf(part: Part): Part | undefined {
    return this.parts.find(
      (step) =>
        /migrat/i.test(step.service.name) &&
        step.service.command !== undefined &&
        step.role === "app" &&
        sameImage(step, part) &&
        part.service.dependsOn.some(
          ({ service, condition }) => service === step.service.name && condition === "service_completed_successfully",
        ),
    );
  }

  /** Takes a part out that is no longer one of its own. */
  remove(key: string): void {
    this.edges.delete(key);
    for (const [from, targets] of this.edges)
      this.edges.set(
        from,
        targets.filter((target) => target !== key),
      );
  }

  private reaches(from: string, to: string): boolean {
    return from === to || (this.edges.get(from) ?? []).some((next) => this.reaches(next, to));
  }
}

function sameImage(a: Part, b: Part): boolean {
  return JSON.stringify([a.service.image, a.service.build]) === JSON.stringify([b.service.image, b.service.build]);
}

/** True where the section is going to have a port, or needs none to be used. */
function hasPort({ service }: Part): boolean {
  return (
    service.ports.some(({ protocol }) => protocol === "tcp") ||
    service.expose.length > 0 ||
    // Then it becomes a service, which can be waited for without one.
    service.secrets.length > 0 ||
    /^\d+$/.test(service.environment.PORT ?? "") ||
    Object.keys(service.labels).some((label) => /loadbalancer\.server\.port$|^traefik\.port$/i.test(label))
  );
}
