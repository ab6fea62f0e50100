import type { Migration } from "../../stack/model.ts";
import { scrapeNetwork } from "../../stack/monitoring.ts";
import type { Connection, ServiceNeeds } from "../component.ts";
import type { AppOptions } from "./options.ts";

/** The app's migrate and seed commands as services of class `job`: the app's image, environment and networks, no port. */
export function taskServices(
  app: AppOptions,
  key: string,
  service: ServiceNeeds,
  connections: readonly Connection[],
): { services: ServiceNeeds[]; migrations: Migration[] } {
  if (app.migrate === undefined) return { services: [], migrations: [] };
  const task = (verb: string, about: string, command: string[]) =>
    asJob(service, { name: `${key}-${verb}`, about, command });
  const services = [
    task(
      "migrate",
      `migrates the database of ${key}; by hand: docker compose run --rm ${key}-migrate`,
      app.migrate.command,
    ),
  ];
  if (app.seed)
    services.push(
      task("seed", `fills the database of ${key}; by hand: docker compose run --rm ${key}-seed`, app.seed.command),
    );
  const postgres = connections.find((connection) => connection.postgres !== undefined)?.postgres;
  const migration: Migration = {
    app: key,
    service: `${key}-migrate`,
    ...(app.seed && { seedService: `${key}-seed` }),
    timeout: app.migrate.timeout,
    ...(app.seed && { seedTimeout: app.seed.timeout }),
    needs: (service.dependsOn ?? [])
      .filter((dependency) => dependency.condition === "service_healthy")
      .map((dependency) => dependency.service),
    ...(postgres && { postgres }),
  };
  return { services, migrations: [migration] };
}

/** The app's service once more, as one that is run on demand: its image, environment, volumes and networks, but no port. */
export function asJob(
  service: ServiceNeeds,
  more: Pick<ServiceNeeds, "name" | "about"> & Partial<ServiceNeeds>,
): ServiceNeeds {
  const { healthcheck: _health, replicas: _replicas, ports: _ports, ...shared } = service;
  return {
    ...shared,
    class: "job",
    ...more,
    networks: (more.networks ?? shared.networks).filter((network) => network !== "edge" && network !== scrapeNetwork),
    exceptions: (more.exceptions ?? shared.exceptions ?? []).filter((exception) => exception.rule !== "healthcheck"),
  };
}
