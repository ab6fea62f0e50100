import { isDatabase } from "./images.ts";
import type { Findings, Part } from "./part.ts";
import type { ReadPort, ReadService } from "./read-service.ts";

/** Port that a service listens on: what a label says, else the first that is published or exposed, else PORT. */
export function portOf(service: ReadService, labelled: number | undefined): number | undefined {
  const fromEnv = Number(service.environment.PORT ?? Number.NaN);
  return (
    labelled ??
    service.ports.find(({ protocol }) => protocol === "tcp")?.target ??
    service.expose[0] ??
    (Number.isInteger(fromEnv) && fromEnv > 0 && fromEnv < 65_536 ? fromEnv : undefined)
  );
}

/** An entry of `publish:`. */
export interface Published {
  port: number;
  target: number;
  host?: string;
  protocol?: "udp";
}

const open = new Set([undefined, "0.0.0.0", "::", ""]);

/**
 * Ports that stay open, on this server alone unless the file named an address; none for what is reached by a route or,
 * `inside`, by its users alone.
 */
export function publishOf(
  part: Part,
  { hasRoutes, hasEdge, inside }: { hasRoutes: boolean; hasEdge: boolean; inside: boolean },
  findings: Findings,
): Published[] {
  const { service, image } = part;
  const fixed = (was: string, now: string) => findings.fixed.push({ service: service.name, was, now });
  const ports = service.ports.filter(isPublished);
  const random = service.ports.filter(({ published }) => published === undefined).map(({ target }) => target);
  if (random.length > 0 && !hasRoutes)
    part.details.push(`${random.join(", ")}: was at a port that Docker chose; other services reach it by name`);
  const told = ports.map(shown).join(", ");
  if (ports.length === 0) return [];
  if (inside || isDatabase(image.short)) fixed(`published ${told}`, "not published: other services reach it by name");
  else if (hasRoutes) fixed(`published ${told} beside its route`, "reached by its route alone");
  if (inside || isDatabase(image.short) || hasRoutes) return [];
  const ofEdge = (port: ReadPort) => hasEdge && (port.published === 80 || port.published === 443);
  if (ports.some(ofEdge))
    findings.notFixed.push({
      service: service.name,
      what: "it published port 80 or 443, which Traefik holds now: give it a route (routes: [app.example.com])",
    });
  const stays = ports.filter((port) => !ofEdge(port));
  const wide = stays.filter(({ host }) => open.has(host)).map(shown);
  if (wide.length > 0)
    fixed(
      `published ${wide.join(", ")} to the whole internet, past the host's firewall`,
      "on 127.0.0.1 of this server; a route opens it behind Traefik (routes: [app.example.com]), host: 0.0.0.0 as before",
    );
  return [...new Map(stays.map((port) => [`${port.published}/${port.protocol}`, publishedAs(port)])).values()];
}

function isPublished({ published = 0, target }: ReadPort): boolean {
  return published > 0 && published < 65_536 && target > 0 && target < 65_536;
}

function publishedAs({ host, published = 0, target, protocol }: ReadPort): Published {
  const isAddress = host !== undefined && !open.has(host) && host !== "127.0.0.1" && /^([\d.]+|::1?)$/.test(host);
  return {
    port: published,
    target,
    ...(isAddress && { host }),
    ...(protocol === "udp" && { protocol }),
  };
}

function shown({ host, published, target, protocol }: ReadPort): string {
  return `${host === undefined ? "" : `${host}:`}${published ?? "?"}:${target}${protocol === "udp" ? "/udp" : ""}`;
}
