import { describe, expect, test } from "vitest";
import { StackError } from "../../../src/support/errors.ts";
import { modelOf, stackOf } from "../../support/catalogue.ts";

const model = (job: string, more = "") =>
  modelOf(
    stackOf(
      `web: { type: app, image: foo/web:1, port: 80, uses: [postgres], env: { MODE: fast }, user: "1000:1000", volumes: [{ name: files, path: /files }], metrics: /metrics, ${more} }\npostgres: {}\nnightly: { type: job, ${job.includes("schedule") ? "" : 'schedule: "0 4 * * *", '}${job} }`,
    ),
  );
const nightly = (job: string, more = "") => {
  const found = model(job, more).services.find(({ name }) => name === "nightly");
  if (found === undefined) throw new Error("no service");
  return found;
};

/** What is said against it. */
function problems(job: string): string[] {
  try {
    model(job);
  } catch (error) {
    if (error instanceof StackError)
      return error.problems.map(({ message, hint = "", position }) => `${position?.line}: ${message} -> ${hint}`);
  }
  return [];
}

describe("a job of an app", () => {
  const of = "of: web, command: [node, report.js]";

  test("has the app's image, environment, secrets and connections, its own command, and not its volumes", () => {
    const job = nightly(of);
    expect(job).toMatchObject({
      class: "job",
      image: "foo/web:1",
      tagVariable: "WEB_TAG",
      command: ["node", "report.js"],
      user: "1000:1000",
      environment: { MODE: "fast", PGHOST: "postgres" },
      envFiles: ["secrets/web.env"],
      mounts: [],
      ports: [],
    });
    expect(job.healthcheck).toBeUndefined();
    expect(job.networks).toContain("postgres");
  });

  test("does not run before what the app needs is healthy, and need not wait for the app", () => {
    expect(model(of).jobs).toEqual([
      {
        name: "nightly",
        service: "nightly",
        schedule: "0 4 * * *",
        timezone: "UTC",
        timeout: 3_600_000,
        catchUp: true,
        needs: ["postgres"],
      },
    ]);
  });

  test("what it says itself comes on top, and wins", () => {
    const job = nightly(
      `${of}, env: { MODE: slow, MORE: x }, secrets: { KEY: api_key }, user: "0:0", limits: { memory: 1g }`,
    );
    expect(job.environment).toMatchObject({ MODE: "slow", MORE: "x", PGHOST: "postgres" });
    expect(job.envFiles).toEqual(["secrets/web.env", "secrets/nightly.env"]);
    expect([job.user, job.limits.memory]).toEqual(["0:0", 1024 ** 3]);
    expect(job.exceptions.map(({ rule }) => rule)).toContain("non-root");
  });
});

test("a job with an image of its own connects as an app does", () => {
  const found = model("image: foo/tool:2, uses: [postgres], timezone: Europe/Berlin, catchUp: false, timeout: 5m");
  const job = found.services.find(({ name }) => name === "nightly");
  expect(job).toMatchObject({
    image: "foo/tool:2",
    environment: { PGUSER: "nightly" },
    envFiles: ["secrets/nightly.env"],
  });
  expect(found.jobs[0]).toMatchObject({
    timezone: "Europe/Berlin",
    catchUp: false,
    timeout: 300_000,
    needs: ["postgres"],
  });
});

test.each([
  ["command: [x]", "nothing says what it runs in -> add of: with the name of an app, or image:"],
  ["of: web", "it would be web once more -> add command: [what, to, run]"],
  ["of: web, image: foo/x:1, command: [x]", "a job of an app has the image of that app -> remove image, or of"],
  ["of: wbe, command: [x]", 'there is no app "wbe" in this stack -> did you mean "web"?'],
  ["of: postgres, command: [x]", 'there is no app "postgres" in this stack -> known: web'],
])("%s is refused with its line", (job, expected) => {
  expect(problems(job).map((line) => line.replace(/^\d+: /, ""))).toEqual([expected]);
  expect(problems(job)[0]).toMatch(/^\d+: /);
});

test("a line that is no cron line, or a zone that is none, is refused", () => {
  expect(problems("image: x:1, timezone: Mars/Olympus")[0]).toContain("expected a time zone");
  expect(problems('image: x:1, schedule: "@daily"')[0]).toContain("expected five fields");
});
