import { describe, expect, test } from "vitest";
import { complaintsOf, modelOf, renderedFiles, stackOf } from "../../support/catalogue.ts";
import { inspectStack } from "../../support/inspected-stack.ts";
import { brokenRules } from "../../support/name-rules.ts";

const blog = (web: string, proxy: string) =>
  stackOf(
    `web:\n  type: app\n  image: foo/web:1\n${web}proxy:\n  type: service\n  image: nginx:1.30.6\n${proxy}`.trimEnd(),
  );
const shared = blog(
  '  user: "1000:1000"\n  volumes: [{ name: html, path: /var/www, backup: stop }]\n',
  "  volumes: [{ name: html, path: /usr/share/nginx/html, of: web, readOnly: true }]\n",
);

describe("a volume of another component", () => {
  test("is mounted there, made once, backed up once, and nobody forgets that it is shared", () => {
    const { services, volumes, dataSources, unprotected } = modelOf(shared);
    expect(volumes).toEqual([{ name: "web-html", component: "web", about: "/var/www of web" }]);
    expect([dataSources.map(({ name, service }) => [name, service]), unprotected]).toEqual([[["web-html", "web"]], []]);
    const proxy = services.find(({ name }) => name === "proxy");
    expect(proxy?.mounts).toEqual([
      { kind: "volume", volume: "web-html", target: "/usr/share/nginx/html", readOnly: true },
    ]);
    expect(renderedFiles(shared).get("compose.yaml")).toContain(
      "# Exception (shared-volumes): imported; stack.yaml shares web-html\n    volumes:",
    );
    expect(renderedFiles(shared).get("ARCHITECTURE.md")).toMatch(/web-html.*`web-setup`, `web`, `proxy`/);
    expect(renderedFiles(shared).get("ARCHITECTURE.md")).toContain(
      "  service_web --- volume_web_html\n  service_proxy --- volume_web_html\n",
    );
    expect(brokenRules(inspectStack(shared))).toEqual([]);
  });

  test("is handed over to its owner's user alone, before either starts", () => {
    const { services } = modelOf(shared);
    expect(services.map(({ name }) => name).filter((name) => name.endsWith("-setup"))).toEqual(["web-setup"]);
    const setup = { service: "web-setup", condition: "service_completed_successfully" };
    for (const key of ["web", "proxy"])
      expect(services.find(({ name }) => name === key)?.dependsOn, key).toEqual([setup]);
  });

  test("an app may have some of its own and some of others, and its jobs see all", () => {
    const { services, volumes } = modelOf(
      stackOf(
        "a:\n  type: app\n  image: a:1\n  volumes: [{ name: media, path: /m }]\n" +
          '  port: 80\nb:\n  type: app\n  image: b:1\n  user: "5:5"\n  migrate: [go]\n  volumes: [{ name: media, path: /m, of: a }, { name: media, path: /own }, { name: media, path: /again, of: b, readOnly: true }]',
      ),
    );
    expect(volumes.map(({ name }) => name)).toEqual(["a-media", "b-media"]);
    const mounted = (key: string) =>
      services
        .find(({ name }) => name === key)
        ?.mounts.map((mount) => mount.kind === "volume" && `${mount.volume} ${mount.target}`);
    expect(mounted("b")).toEqual(["a-media /m", "b-media /own", "b-media /again"]);
    expect(mounted("b-migrate")).toEqual(mounted("b"));
    expect(mounted("b-setup")).toEqual(["b-media /own"]);
  });

  test.each([
    ["of: wep", 'wep is no app or service of this stack whose volume could be shared\n  did you mean "web"?'],
    ["of: proxy", "proxy has no volume html of its own\n  name one under volumes: of proxy"],
    ["of: web, backup: stop", "expected no backup beside of: the volume is copied where it is the component's own"],
  ])("%s is refused", (words, complaint) => {
    const text = blog(
      "  volumes: [{ name: html, path: /var/www }]\n",
      `  volumes: [{ name: html, path: /x, ${words} }]\n`,
    );
    expect(complaintsOf(text)).toContain(complaint);
    expect(complaintsOf(text)).toMatch(/^10:\d+ /);
  });

  test("one that its owner has not is told with those that it has", () => {
    const lending = (volumes: string) => blog(volumes, "  volumes: [{ name: htm, path: /x, of: web }]\n");
    expect(complaintsOf(lending("  volumes: [{ name: html, path: /var/www }]\n"))).toBe(
      '10:42 web has no volume htm of its own\n  did you mean "html"?',
    );
    expect(complaintsOf(lending(""))).toContain("name one under volumes: of web");
  });
});
