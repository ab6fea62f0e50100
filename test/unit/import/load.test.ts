import { describe, expect, test } from "vitest";
import { loadCompose } from "../../../src/import/load.ts";
import { readService } from "../../../src/import/read-service.ts";
import { refusalOf } from "../../support/imported.ts";

function load(
  files: Record<string, string>,
  more: { files?: string[]; profiles?: string[]; env?: Record<string, string> } = {},
) {
  const project = loadCompose({
    files: (more.files ?? [Object.keys(files)[0] ?? ""]).map((file) => `/srv/${file}`),
    environment: more.env ?? {},
    profiles: more.profiles ?? [],
    read: (path) => files[path.slice("/srv/".length)],
  });
  return Object.fromEntries(Object.entries(project.services).map(([name, raw]) => [name, readService(name, raw)]));
}

describe("a Compose file is read as Compose reads it", () => {
  test("anchors, merge keys, .env and the caller's environment, which wins", () => {
    const services = load(
      {
        "compose.yml":
          "x-a: &a { restart: always, environment: { LEVEL: $LEVEL, TAG: $TAG } }\nservices:\n  web: { <<: *a, image: 'web:$TAG' }\n",
        ".env": "TAG=1\nLEVEL=info\n",
      },
      { env: { TAG: "2" } },
    );
    expect(services.web).toMatchObject({ image: "web:2", restart: "always", environment: { LEVEL: "info", TAG: "2" } });
  });

  test("a second file goes over the first: maps by key, ports added, commands replaced, volumes by target, !reset and !override", () => {
    const services = load(
      {
        "a.yml":
          "services:\n  web:\n    image: web:1\n    command: [a, b]\n    ports: ['80:80']\n    expose: ['1']\n    environment: [A=1, B=1]\n    volumes: ['one:/data', 'two:/other']\n    depends_on: [db]\n    cap_add: [X]\n  db: { image: 'db:1' }\n",
        "b.yml":
          "services:\n  web:\n    command: c d\n    ports: ['81:81']\n    expose: !reset null\n    environment: { B: 2 }\n    volumes: ['three:/data']\n    cap_add: !override [Y]\n",
      },
      { files: ["a.yml", "b.yml"] },
    );
    expect(services.web).toMatchObject({
      command: ["c", "d"],
      ports: [
        { published: 80, target: 80 },
        { published: 81, target: 81 },
      ],
      expose: [],
      environment: { A: "1", B: "2" },
      mounts: [
        { source: "three", target: "/data" },
        { source: "two", target: "/other" },
      ],
      dependsOn: [{ service: "db", condition: "service_started" }],
      capAdd: ["Y"],
    });
  });

  test("extends, from this file and another, with paths from where they stand", () => {
    const services = load({
      "compose.yml":
        "services:\n  web: { extends: { file: base/common.yml, service: base }, environment: { A: mine } }\n",
      "base/common.yml":
        "services:\n  root: { build: ./src, volumes: ['./conf:/conf:ro'] }\n  base: { extends: root, environment: [A=base, B=base] }\n",
    });
    expect(services.web).toMatchObject({
      build: { context: "/srv/base/src" },
      environment: { A: "mine", B: "base" },
      mounts: [{ kind: "bind", source: "/srv/base/conf", readOnly: true }],
    });
  });

  test("include, with the included folder's own .env", () => {
    const services = load({
      "compose.yml": "include: [sub/compose.yml]\nservices:\n  web: { image: 'web:1' }\n",
      "sub/compose.yml": "services:\n  db: { image: 'db:$TAG', volumes: ['./data:/data'] }\n",
      "sub/.env": "TAG=9",
    });
    expect(services.db).toMatchObject({ image: "db:9", mounts: [{ source: "/srv/sub/data" }] });
  });

  test("services of a profile come when it is asked for", () => {
    const files = {
      "compose.yml": "services:\n  web: { image: 'web:1' }\n  debug: { image: 'd:1', profiles: [debug] }\n",
    };
    expect(Object.keys(load(files))).toEqual(["web"]);
    expect(Object.keys(load(files, { profiles: ["debug"] }))).toEqual(["web", "debug"]);
  });

  test.each([
    ["8080:80", [{ published: 8080, target: 80, protocol: "tcp" }]],
    ["127.0.0.1:53:53/udp", [{ host: "127.0.0.1", published: 53, target: 53, protocol: "udp" }]],
    ["[::1]:80:8080", [{ host: "::1", published: 80, target: 8080, protocol: "tcp" }]],
    ["3000", [{ target: 3000, protocol: "tcp" }]],
    [
      "9000-9001:9000-9001",
      [
        { published: 9000, target: 9000, protocol: "tcp" },
        { published: 9001, target: 9001, protocol: "tcp" },
      ],
    ],
  ])("the port %s", (port, expected) => {
    expect(load({ "c.yml": `services: { web: { image: "w:1", ports: ["${port}"] } }` }).web?.ports).toEqual(expected);
  });
});

describe("what cannot be read is told once, with its place and the next command", () => {
  test.each([
    [
      "no Compose file",
      "name: x\n",
      "docker-compose.yml has 1 problem; nothing was written\n1:1 this is no Compose file: it has no services:\n  name the file that `docker compose config` reads, such as docker-compose.yml",
    ],
    [
      "a list",
      "- a\n",
      "docker-compose.yml has 1 problem; nothing was written\n1:1 this is no Compose file: expected a map with services:\n  name the file that `docker compose config` reads, such as docker-compose.yml",
    ],
    [
      "the first format",
      "web:\n  image: x:1\n",
      "docker-compose.yml has 1 problem; nothing was written\n1:1 this is a Compose file of the format of 2014, without services:\n  write services: into a first line of its own and indent the rest by two spaces",
    ],
    [
      "broken YAML",
      "services:\n  web:\n   image: x\n  - y\n",
      "docker-compose.yml has 1 problem; nothing was written\n4:1 a list begins where a key is expected\n  check the indentation",
    ],
    [
      "a service that is text",
      "services:\n  web: nginx\n",
      "docker-compose.yml has 1 problem; nothing was written\n2:3 services.web: expected a map with image: or build:",
    ],
    [
      "a variable without a value",
      "services:\n  web:\n    image: web:${TAG}\n",
      "docker-compose.yml has 1 problem; nothing was written\n3:12 TAG has no value\n-> write TAG=… into .env beside docker-compose.yml, or say it once: TAG=… create-stack import docker-compose.yml",
    ],
    [
      "a merge of a list",
      "x: &x [A=1]\nservices:\n  web:\n    image: w:1\n    environment:\n      <<: *x\n",
      "docker-compose.yml has 1 problem; nothing was written\n6:7 << takes the keys of a map, and this is a list or a single value\n  write its entries as key: value",
    ],
    [
      "extends of nothing",
      "services:\n  web:\n    extends: { service: base }\n",
      "docker-compose.yml has 1 problem; nothing was written\n3:5 services.web extends base, which is not in docker-compose.yml\n  name a service that is there",
    ],
    [
      "extends in a circle",
      "services:\n  a: { extends: b }\n  b: { extends: a }\n",
      "docker-compose.yml has 1 problem; nothing was written\n2:8 services.a extends itself\n  remove one extends",
    ],
    [
      "include of nothing",
      "include: [x.yml]\nservices: {}\n",
      "docker-compose.yml has 1 problem; nothing was written\n1:1 include 1: there is no file /srv/shop/x.yml\n  put it there, or remove the line",
    ],
    [
      "what only Swarm reads",
      "services:\n  web:\n    image: w:1\n    deploy:\n      mode: global\n      placement: { constraints: [x] }\n",
      "docker-compose.yml has 2 problems; nothing was written\n6:7 services.web.deploy.placement means something to Docker Swarm alone\n5:7 services.web.deploy.mode means something to Docker Swarm alone\n-> a stack runs on one server: remove these, or leave them out with --drop-swarm",
    ],
    [
      "nothing but a tool that needs the engine",
      "services:\n  p: { image: 'portainer/portainer-ce:2' }\n",
      "nothing of docker-compose.yml can be taken over\np: it works by reaching the Docker engine, and whoever reaches it owns the server\n-> services of a profile come along with --profile NAME; a new stack begins with: create-stack create",
    ],
  ])("%s", (_, text, expected) => {
    expect(refusalOf({ "docker-compose.yml": text })).toBe(expected);
  });

  test("a file that is not there", () => {
    expect(refusalOf({ a: "" }, { files: ["/srv/shop/none.yml"] })).toBe(
      "there is no file /srv/shop/none.yml\n-> name the Compose file: create-stack import docker-compose.yml",
    );
  });

  test("with --drop-swarm it is left out", () => {
    const text = "services:\n  web: { image: 'w:1', deploy: { mode: global } }\n";
    expect(refusalOf({ "docker-compose.yml": text }, { dropSwarm: true })).toBe("taken over");
  });
});
