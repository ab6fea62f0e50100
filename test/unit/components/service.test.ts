import { describe, expect, test } from "vitest";
import { complaintsOf, modelOf, renderedFiles, stackOf } from "../../support/catalogue.ts";

const legacy = (lines = "") =>
  stackOf(`legacy:\n  type: service\n  image: mysql:8.4.6\n${lines.replace(/^(?!$)/gm, "  ")}`);

function serviceOf(text: string, name = "legacy") {
  return modelOf(text).services.find((service) => service.name === name);
}

describe("a service that is kept as it is", () => {
  test("is excused where nothing is known, each time with the reason, and from nothing else", () => {
    expect(serviceOf(legacy("because: moved here in May\n"))?.exceptions).toEqual([
      {
        rule: "non-root",
        reason:
          "moved here in May; runs as the image's own user; set user: in stack.yaml to be sure that it is not root",
      },
      { rule: "read-only-root", reason: "moved here in May; where it writes is not known; try readOnlyRoot: true" },
      { rule: "healthcheck", reason: "moved here in May; no health: in stack.yaml, only its running is watched" },
    ]);
  });

  test("needs no excuse once each thing is said", () => {
    const text = legacy('user: "999:999"\nreadOnlyRoot: true\nhealth: { exec: [mysqladmin, ping] }\n');
    expect(serviceOf(text)?.exceptions).toEqual([]);
  });

  test("keys of Compose are printed as they stand, below what the stack says, with a comment", () => {
    const text = legacy(
      'compose: { extra_hosts: ["a:10.0.0.1"], ulimits: { memlock: -1 }, labels: { price: "$5" } }\n',
    );
    const printed = renderedFiles(text).get("compose.yaml") ?? "";
    expect(printed).toContain(
      "# Exception (kept-keys): imported; extra_hosts, ulimits, labels taken over as written\n    extra_hosts: [ a:10.0.0.1 ]",
    );
    expect(printed).toMatch(/ulimits:\n +nofile: .*\n +memlock: -1/);
    expect(printed).toContain("price: $$5");
  });

  test.each([
    [
      "compose: { privileged: true }",
      "privileged reaches past the container and is refused; compose.override.yaml is yours, if it must be",
    ],
    [
      "compose: { network_mode: host }",
      "network_mode reaches past the container and is refused; compose.override.yaml is yours, if it must be",
    ],
    ["compose: { volumes: [] }", "volumes is said by volumes, files or hostPaths of type: service"],
    ["compose: { nonsense: 1 }", "nonsense is no key of a Compose service that can be taken over"],
    [
      "compose: { labels: { x: /var/run/docker.sock } }",
      "labels leads to the Docker engine: whoever reaches it owns the server",
    ],
    [
      "hostPaths: [{ source: /var/run/docker.sock, path: /x }]",
      "expected a path that does not lead to the Docker engine: whoever reaches it owns the server",
    ],
    [
      "hostPaths: [{ source: /run/, path: /x }]",
      "expected a path that does not lead to the Docker engine: whoever reaches it owns the server",
    ],
    [
      "internal: true\npublish: [{ port: 1, target: 1 }]",
      "a service with internal: true is reached by those that use it alone, and publishes nothing",
    ],
  ])("%s is refused", (lines, message) => {
    expect(complaintsOf(legacy(`${lines}\n`))).toContain(message);
  });

  test("a volume whose backup nobody chose is unprotected, and says so", () => {
    const model = modelOf(
      legacy(
        "volumes: [{ name: a, path: /a }, { name: b, path: /b, backup: stop }, { name: c, path: /c, backup: none }]\n",
      ),
    );
    expect(model.dataSources.map(({ name }) => name)).toEqual(["legacy-b"]);
    expect(model.unprotected.map(({ name, reason }) => `${name}: ${reason}`)).toEqual([
      "legacy-a: NOT BACKED UP: nobody has chosen how; write backup: stop at this volume of legacy in stack.yaml",
      "legacy-c: stack.yaml says `backup: none`",
    ]);
  });

  test("what uses it joins its network and waits as long as it can be waited for", () => {
    const app = "web:\n  type: app\n  image: web:1\n  uses: [legacy]\n";
    const waits = (lines: string) =>
      serviceOf(stackOf(`legacy:\n  type: service\n  image: mysql:8\n${lines}${app}`), "web");
    expect(waits("  internal: true\n")).toMatchObject({
      networks: ["apps", "legacy"],
      dependsOn: [{ service: "legacy", condition: "service_started" }],
    });
    expect(waits("  health: { exec: [x] }\n")?.dependsOn).toEqual([
      { service: "legacy", condition: "service_healthy" },
    ]);
    expect(waits("  oneShot: true\n")?.dependsOn).toEqual([
      { service: "legacy", condition: "service_completed_successfully" },
    ]);
  });

  test("a step that nothing waits for is run by hand", () => {
    expect(serviceOf(legacy("oneShot: true\n"))?.class).toBe("job");
  });

  test("its files are generated, read-only, and a change of them recreates it", () => {
    const text = (content: string) => legacy(`files: [{ path: /etc/a.cnf, content: "${content}" }]\n`);
    const first = serviceOf(text("a"));
    expect(first?.mounts).toEqual([
      { kind: "bind", source: "config/legacy/1-a.cnf", target: "/etc/a.cnf", readOnly: true },
    ]);
    expect(first?.configHash).not.toBe(serviceOf(text("b"))?.configHash);
  });
});
