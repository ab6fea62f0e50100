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
  const task = (verb: string, about: string, command: string[]): ServiceNeeds => {
    const { healthcheck: _health, replicas: _replicas, ports: _ports, ...shared } = service;
    return {
      ...shared,
      name: `${key}-${verb}`,
      about,
      class: "job",
      command,
      networks: (shared.networks ?? []).filter((network) => network !== "edge" && network !== scrapeNetwork),
      exceptions: (shared.exceptions ?? []).filter((exception) => exception.rule !== "healthcheck"),
    };
  };
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
