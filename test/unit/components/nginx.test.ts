import { describe, expect, test } from "vitest";
import { complaintsOf, modelOf, stackOf } from "../../support/catalogue.ts";

const server = `server: { type: app, image: "foo/server:1", port: 3000, user: "1000:1000", replicas: 2 }`;

/** The web server of a stack with this section, and an app `server`. */
function made(section: string, more = "traefik: {}") {
  const yaml = stackOf(`${server}\n${more}\nnginx: ${section}`);
  const model = modelOf(yaml);
  const service = model.services.find(({ name }) => name === "nginx");
  const file = (name: string) => model.files.find(({ path }) => path === `config/nginx/${name}`)?.content ?? "";
  return { model, service, conf: file("nginx.conf") };
}

/** The block of a location, without the space at the beginning of its lines. */
function location(conf: string, head: string): string {
  const site = conf.split("\n  server {").at(-1) ?? "";
  const [, after = ""] = site.split(`location ${head} {`);
  return (after.split("}")[0] ?? "").replaceAll(/^\s+/gm, "").trim();
}

describe("a site", () => {
  test("lies in a folder beside stack.yaml, which the server can only read", () => {
    const { service, model } = made("{ routes: [shop.example.com] }");
    expect(service?.mounts).toContainEqual({ kind: "bind", source: "site", target: "/srv/site", readOnly: true });
    expect(model.folders).toContainEqual({ path: "site", mode: 0o755 });
    expect(service?.networks).toEqual(["edge"]);
  });

  test("is asked for anew each time, but for what has its content in its name", () => {
    const { conf } = made("{ site: { folder: dist, fallback: /index.html, cache: { /assets: 365d } } }");
    expect(location(conf, "/")).toBe('try_files $uri $uri/ /index.html;\nadd_header Cache-Control "no-cache";');
    expect(location(conf, "/assets/")).toBe(
      'try_files $uri =404;\nadd_header Cache-Control "public, max-age=31536000, immutable";',
    );
  });

  test("without a fallback what is not there is not found", () => {
    expect(location(made("{}").conf, "/")).toContain("try_files $uri $uri/ =404;");
  });

  test("can be in the image, and then nothing of the stack's directory is public", () => {
    const { service, conf } = made('{ image: "ghcr.io/you/site:3", site: { inImage: /usr/share/nginx/html } }');
    expect(service?.mounts.map((mount) => mount.target)).toEqual(["/etc/nginx/stack"]);
    expect(conf).toContain("root /usr/share/nginx/html;");
  });

  test.each(["secrets", "config/nginx", "backups", ".", "..", "../x", "/etc", ".stack", "a/../b"])(
    "is never the folder %s",
    (folder) => {
      expect(complaintsOf(stackOf(`nginx: { site: { folder: "${folder}" } }`))).not.toBe("fine");
    },
  );
});

describe("upstreams", () => {
  test("share requests among the containers that Docker knows just now", () => {
    const { conf, service } = made("{ upstreams: { /api: server } }");
    expect(conf).toContain("server server:3000 resolve max_fails=1 fail_timeout=5s;");
    expect(conf).toContain("resolver 127.0.0.11 valid=2s ipv6=off;");
    expect(location(conf, "^~ /api/")).toContain("proxy_pass http://server;");
    expect(location(conf, "= /api")).toContain("proxy_pass http://server;");
    expect(service?.networks).toEqual(["apps"]);
    expect(service?.dependsOn).toEqual([{ service: "server", condition: "service_started" }]);
  });

  test("say how: by load, by visitor, without the beginning of the path", () => {
    const { conf } = made(
      "{ site: false, upstreams: { /: server, /ws: { app: server, balance: least-conn, timeout: 1h }, /v1/: { app: server, balance: ip-hash, strip: true } } }",
    );
    expect(conf.match(/^ {2}upstream .*/gm)).toEqual([
      "  upstream server {",
      "  upstream server-least-conn {",
      "  upstream server-ip-hash {",
    ]);
    expect(location(conf, "^~ /")).toContain("proxy_pass http://server;");
    expect(location(conf, "^~ /ws/")).toContain("proxy_read_timeout 3600s;");
    expect(location(conf, "^~ /v1/")).toContain("proxy_pass http://server-ip-hash/;");
    expect(conf).not.toContain("root ");
  });
});

test("an app that uses it is told where it is, and waits for it", () => {
  const { model } = made("{}", `other: { type: app, image: "foo/other:1", uses: [nginx] }`);
  const other = model.services.find(({ name }) => name === "other");
  expect(other?.environment.NGINX_URL).toBe("http://nginx:8080");
  expect(other?.dependsOn).toEqual([{ service: "nginx", condition: "service_healthy" }]);
});

test("looks at its configuration before it is made anew", () => {
  expect(made("{}").service?.configCheck).toEqual([
    "nginx",
    "-e",
    "/dev/stderr",
    "-c",
    "/etc/nginx/stack/nginx.conf",
    "-t",
    "-q",
  ]);
});

test("lines of one's own stand in the server's block", () => {
  const { conf } = made('{ snippet: "location = /old { return 301 /new; }\\n" }');
  expect(conf).toContain("    # snippet: of stack.yaml\n    location = /old { return 301 /new; }\n  }\n}\n");
});

test("where it is measured its figures are read by the exporter, over a network of the two", () => {
  const { model, service } = made("{}", "monitoring: {}");
  expect(service?.networks).toEqual(["apps", "nginx"]);
  const exporter = model.services.find(({ name }) => name === "nginx-exporter");
  expect(exporter?.command).toEqual(["--nginx.scrape-uri=http://nginx:8081/status", "--web.listen-address=:9113"]);
  expect(exporter?.networks).toEqual(["nginx", "scrape"]);
});

describe("what cannot be is said with its place", () => {
  test.each([
    ["{ upstreams: { /api: worker } }", "worker is no app with a port, so nginx cannot pass requests on to it"],
    ["{ upstreams: { /db: postgres } }", "postgres is no app with a port, so nginx cannot pass requests on to it"],
    ["{ upstreams: { /: server } }", "the path / of nginx goes to an app, and is its site as well"],
    ["{ upstreams: { /a: server, /a/: server } }", "/a/ stands there twice"],
    ["{ site: false }", "without a site nginx needs an app for the path /"],
    ["{ site: { cache: { /: 1d } } }", "with / browsers would keep the whole site, and see no change of it"],
    [
      "{ upstreams: { /a: server }, site: { cache: { /a: 1d } } }",
      "/a goes to an app, which says itself how long its answers are kept",
    ],
    [
      "{ routes: [{ host: a.example.com, path: /docs }], site: { fallback: /index.html } }",
      "only what begins with /docs comes to nginx, and its fallback /index.html does not",
    ],
    ["{ limits: { memory: 16m } }", "nginx needs at least 32 MB of memory"],
    ['{ upstreams: { "/a;b": server } }', "expected a path such as /api, of letters, digits and / . _ ~ -"],
  ])("%s", (section, message) => {
    const others = `${server}\ntraefik: {}\npostgres: {}\nworker: { type: app, image: "foo/worker:1" }`;
    expect(complaintsOf(stackOf(`${others}\nnginx: ${section}`))).toContain(message);
  });
});
