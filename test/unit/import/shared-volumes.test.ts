import { expect, test } from "vitest";
import { parse } from "yaml";
import { importText, reportOf } from "../../support/imported.ts";

interface Volume {
  name: string;
  path: string;
  of?: string;
  readOnly?: boolean;
}

/** What each service mounts, and what the report says of it. */
function imported(services: string) {
  const result = importText(`services:\n${services}volumes: { static: {}, pg: {} }\n`);
  const { components } = parse(result.stackYaml) as { components: Record<string, { volumes?: Volume[] }> };
  return {
    volumes: (key: string) => components[key]?.volumes ?? [],
    report: reportOf(result),
  };
}

const web = "  web: { build: ./web, volumes: ['static:/app/static', './media:/app/media'] }\n";

test("a volume of two services stays one: of the first that writes to it", () => {
  const { volumes, report } = imported(
    `  proxy: { image: caddy:2, volumes: ['static:/srv/static:ro'] }\n${web}  worker: { build: ./worker, volumes: ['static:/work'] }\n`,
  );
  expect(volumes("web")).toContainEqual({ name: "static", path: "/app/static" });
  expect(volumes("proxy")).toEqual([{ name: "static", path: "/srv/static", of: "web", readOnly: true }]);
  expect(volumes("worker")).toEqual([{ name: "static", path: "/work", of: "web" }]);
  expect(report).toContain("/srv/static is the volume static of web, shared to read it\n");
  expect(report).toContain("/work is the volume static of web, shared\n");
  expect(report.match(/-v shop_static:\/from:ro/g), "copied once").toHaveLength(1);
});

test("a folder of the host that one writes and another reads is one volume, also where it is not there yet", () => {
  const { volumes, report } = imported(`${web}  proxy: { image: caddy:2, volumes: ['./media:/srv/media:ro'] }\n`);
  expect(volumes("proxy")).toEqual([{ name: "media", path: "/srv/media", of: "web", readOnly: true }]);
  expect(report).not.toContain("is not there");
});

test("one service may see a volume at two places", () => {
  const { volumes, report } = imported("  proxy: { image: caddy:2, volumes: ['static:/data', 'static:/config'] }\n");
  expect(volumes("proxy")).toEqual([
    { name: "static", path: "/data", backup: "stop" },
    { name: "static", path: "/config", of: "proxy" },
  ]);
  expect(report).toContain("/config is the same volume as /data\n");
});

test("a folder that becomes a volume is named: what is put into it later is not seen", () => {
  const result = importText("services:\n  a: { image: caddy:2, volumes: ['./drop:/drop'] }\n", {
    kind: () => "folder",
  });
  expect(reportOf(result)).toContain(
    "/drop was /srv/shop/drop of this server and is a volume now: later changes there are not seen\n",
  );
});

test("volumes without a name, and folders of the same name, stay apart", () => {
  const { volumes } = imported(
    "  a: { image: caddy:2, volumes: ['/data', './a/files:/files'] }\n  b: { image: caddy:2, volumes: ['/data', './b/files:/files'] }\n",
  );
  expect([...volumes("a"), ...volumes("b")].filter(({ of }) => of !== undefined)).toEqual([]);
});

test("what can no longer be shared is told: a server's files, and a folder in a folder", () => {
  const { volumes, report } = imported(
    `${web}  db: { image: postgres:17, volumes: ['pg:/var/lib/postgresql/data'] }\n` +
      "  dump: { image: some/dump:1, volumes: ['pg:/pg:ro', './media/cache:/cache'] }\n",
  );
  expect(volumes("dump")).toEqual([{ name: "cache", path: "/cache", backup: "stop" }]);
  expect(report).toContain(
    "dump: it mounted the files of db at /pg; db keeps its files to itself, so nothing is mounted there\n",
  );
  expect(report).toContain(
    "dump: /srv/shop/media/cache lay in /srv/shop/media of web; they are two volumes now, and what is written to one is not seen in the other\n",
  );
});

test("a database that several apps used goes to the first of them, and the others are named", () => {
  const { report } = imported(
    "  db: { image: postgres:17 }\n  a: { build: a, depends_on: [db] }\n  b: { build: b, depends_on: [db] }\n",
  );
  expect(report).toContain("load it into the new one (that of a; one each for b begins empty);");
  expect(report).toContain("psql --username a --dbname a ");
});
