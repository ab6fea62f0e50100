import { expect, test } from "vitest";
import { summaryLines } from "../../../src/cli/summary.ts";
import { sharedServers, sharedServersTable } from "../../../src/generator/handbook-servers.ts";
import { modelOf } from "../../support/catalogue.ts";

const megabyte = 1024 ** 2;
const services = ["users", "skills", "disasters", "sos", "matching", "notes"];

/** Six apps, each with a server of its own, and three Redis of which one keeps its data. */
const several = `
name: rescue
components:
${services.map((name) => `  ${name}: { type: app, image: "you/${name}:1", uses: [${name}-db, shared-cache] }`).join("\n")}
${services.map((name) => `  ${name}-db: { type: postgres, version: 17, limits: { memory: 512m } }`).join("\n")}
  user-cache: { type: redis, profile: cache, memory: 128m }
  shared-cache: { type: redis, profile: cache, memory: 128m }
  queue: { type: redis, memory: 256m }
`;

test("six servers of Postgres have six of everything, and the stack says what one would take", () => {
  const model = modelOf(several);
  const databases = model.services.filter(({ name, component }) => name === component && name.endsWith("-db"));
  expect(databases).toHaveLength(6);
  for (const { component } of databases) {
    const own = <Item extends { name: string }>(items: readonly Item[]) =>
      items.filter(({ name }) => name.startsWith(component));
    expect(own(model.volumes).map(({ name }) => name)).toEqual([`${component}-data`, `${component}-socket`]);
    expect(own(model.networks)).toHaveLength(1);
    expect(own(model.secrets).length).toBeGreaterThan(1);
    expect(own(model.dataSources)).toHaveLength(1);
  }
  expect(new Set(model.secrets.map(({ name }) => name)).size).toBe(model.secrets.length);
  expect(sharedServers(model)).toEqual([
    {
      image: "postgres:17.11-trixie",
      components: services.map((name) => `${name}-db`),
      databases: services,
      apart: 6 * 512 * megabyte,
      together: 1024 * megabyte,
    },
  ]);
  expect(summaryLines(model, { services: 1, memory: 1, hostMemory: 1, disk: 1 })).toContain(
    "6 servers of postgres:17.11-trixie have limits of 3 GB; one server with databases: [users, skills, disasters, sos, matching, notes] about 1 GB (ARCHITECTURE.md weighs it)",
  );
});

test("servers of other versions, and a cache beside what keeps data, are never one", () => {
  const model = modelOf(
    several.replace("users-db: { type: postgres, version: 17", "users-db: { type: postgres, version: 16"),
  );
  expect(sharedServers(model).map(({ components }) => components)).toEqual([
    services.filter((name) => name !== "users").map((name) => `${name}-db`),
  ]);
});

test("where one would take no less, nothing is said", () => {
  const two = "name: x\ncomponents:\n  a: { type: redis }\n  b: { type: redis }\n";
  expect(sharedServersTable(modelOf(two))).toBe("");
});

test("exporters count: each server has one", () => {
  const watched = modelOf(
    "name: x\ncomponents:\n  a: { type: redis }\n  b: { type: redis }\n  c: { type: redis }\n  monitoring: {}\n",
  );
  const [found] = sharedServers(watched);
  const exporter = watched.services.find(({ name }) => name === "a-exporter")?.limits.memory ?? 0;
  expect(exporter).toBeGreaterThan(0);
  expect(found).toMatchObject({ apart: 3 * (256 * megabyte + exporter), together: 512 * megabyte + exporter });
});
