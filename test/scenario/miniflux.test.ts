import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type CliStack, createCliStack } from "../support/cli-stack.ts";
import { describeWithDocker } from "../support/docker.ts";

/** Refuses to run until its schema is up to date, as careful applications do. */
const yaml = `
name: reader
components:
  traefik: {}
  rss:
    type: app
    image: miniflux/miniflux:2.2.16
    port: 8080
    user: "65534:65534"
    routes: [rss.localhost]
    health: { exec: [/usr/bin/miniflux, -healthcheck, auto], startup: 5s, interval: 2s, retries: 2 }
    uses: [postgres]
    connections: files
    env: { LISTEN_ADDR: "0.0.0.0:8080", RUN_MIGRATIONS: 0, CREATE_ADMIN: 1, ADMIN_USERNAME: admin }
    secrets: { ADMIN_PASSWORD: reader_admin }
    migrate: [/usr/bin/miniflux, -migrate]
    limits: { memory: 128m }
  postgres: 18
`;

await describeWithDocker(
  "an application that nobody here wrote",
  ["miniflux/miniflux:2.2.16", "postgres:18.6-trixie", "traefik:v3.7.11", "busybox:1.38.0"],
  () => {
    let stack: CliStack;

    beforeAll(async () => {
      stack = await createCliStack({ yaml });
    });
    afterAll(() => stack?.remove());

    test("start names the secret that only its user can supply", async () => {
      const result = await stack.run("start");
      expect(result.code).toBe(12);
      expect(result.stderr).toContain("secrets/reader_admin");
      writeFileSync(join(stack.directory, "secrets/reader_admin"), "correct-horse-battery\n");
    });

    test("start explains an application that waits for its migration", async () => {
      const result = await stack.run("start");
      expect(result, result.stderr).toMatchObject({ code: 4 });
      expect(result.stderr).toContain("rss");
      expect(result.stderr).toContain("./prod.sh migrate");
    });

    test("migrate runs although the application itself does not", async () => {
      const result = await stack.run("migrate");
      expect(result, result.stderr).toMatchObject({ code: 0 });
    });

    test("then start ends well and the login page comes over TLS", async () => {
      const result = await stack.run("start");
      expect(result, result.stderr).toMatchObject({ code: 0 });
      const answer = await stack.get("rss.localhost", "/");
      expect(answer.status).toBe(200);
      expect(answer.body).toContain("Miniflux");
    });
  },
);
