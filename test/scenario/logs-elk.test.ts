import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { Component } from "../../src/components/component.ts";
import { component as elk } from "../../src/components/elk/index.ts";
import { describeWithDocker, smallImage } from "../support/docker.ts";
import { client, type DataStack, dataStack, uniqueName } from "./data-stack.ts";

const release = "8.19.20";
const images = [
  ...["elasticsearch", "logstash", "kibana"].map((program) => `${program}:${release}`),
  "grafana/alloy:v1.18.1",
  "wollomatic/socket-proxy:1.13.1",
  smallImage,
];
const patience = { timeout: 180_000, interval: 1_000 };

interface Found {
  hits: { hits: { _source: Record<string, unknown> }[] };
}

await describeWithDocker("ELK with its generated configuration", images, () => {
  let stack: DataStack;
  /** Asks Elasticsearch, inside its container; the answer ends with its status code on a line of its own. */
  const ask = async (path: string, login = `elastic:${stack.secret("elk_elastic")}`) => {
    const line = `curl -s -w '\\n%{http_code}' -u '${login}' 'http://127.0.0.1:9200${path}'`;
    const lines = (await stack.sh("elk-elasticsearch", line)).stdout.trimEnd().split("\n");
    return { status: Number(lines.pop()), text: lines.join("\n") };
  };
  const find = async (query: string) => {
    const { text } = await ask(`/logs-*/_search?q=${encodeURIComponent(query)}`);
    return (JSON.parse(text) as Found).hits.hits.map(({ _source }) => _source);
  };
  const arrives = (query: string) =>
    vi.waitUntil(async () => {
      const found = await find(query);
      return found.length > 0 && found;
    }, patience);
  const send = (line: string) =>
    stack.sh("server", `printf '%s\\n' '${line}' | nc -w 2 "$LOGSTASH_HOST" "$LOGSTASH_PORT"`);

  beforeAll(async () => {
    stack = await dataStack(
      `
name: ${uniqueName("logs-elk")}
components:
${client("server", smallImage, ["elk"], "1000:1000")}
  elk: { version: 8, retention: 7d, limits: { memory: 1g }, force: true }
`,
      [elk as unknown as Component],
    );
    await stack.up();
  }, 900_000);
  afterAll(async () => stack?.remove());

  test("a login works, a wrong password and none are refused", async () => {
    expect((await ask("/_security/_authenticate")).status).toBe(200);
    expect((await ask("/_security/_authenticate", "elastic:wrong")).status).toBe(401);
    expect((await ask("/", ":")).status).toBe(401);
  });

  test("Logstash's login may add lines, and may read none", async () => {
    const writer = `logstash_writer:${stack.secret("elk_logstash")}`;
    expect((await ask("/_security/_authenticate", writer)).status).toBe(200);
    expect((await ask("/logs-*/_search", writer)).text).not.toContain("_source");
  });

  test("a line that an app sends over TCP is found", async () => {
    await send('{"level":"ERROR","message":"no seats left","order":{"id":7}}');
    const [line] = await arrives('message:"no seats left"');
    expect(line).toMatchObject({ level: "error", message: "no seats left", app: { order: { id: 7 } } });
  });

  test("an app that writes another type into the same field spoils nothing", async () => {
    await send('{"message":"order as text","order":"seven"}');
    expect(await arrives('message:"order as text"')).toMatchObject([{ app: { order: "seven" } }]);
  });

  test("a container's line is found with where it comes from", async () => {
    await arrives("service:elk-elasticsearch AND component:elk");
  });

  test("its index is closed and removed by the policy, and has no copies", async () => {
    const { text } = await ask("/logs-*/_settings?flat_settings=true");
    const [settings] = Object.values(JSON.parse(text) as Record<string, { settings: Record<string, string> }>);
    const dataset = stack.model.name.replaceAll("-", "_");
    expect(settings?.settings).toMatchObject({
      "index.lifecycle.name": `${dataset}-logs`,
      "index.number_of_replicas": "0",
    });
    expect((await ask(`/_ilm/policy/${dataset}-logs`)).text).toContain('"min_age":"168h"');
    expect((await ask("/_cluster/health")).text).toContain('"status":"green"');
  });

  test("a line outlives the server", async () => {
    await stack.compose("restart", "elk-elasticsearch");
    await stack.compose("up", "-d", "--wait", "elk-elasticsearch");
    await arrives('message:"no seats left"');
  });

  test("Kibana lets the superuser in, and nobody else", async () => {
    const status = async (login: string) => {
      const line = `curl -s -o /dev/null -w '%{http_code}' -u '${login}' http://127.0.0.1:5601/api/spaces/space`;
      return (await stack.sh("elk-kibana", line)).stdout;
    };
    expect(await status(`elastic:${stack.secret("elk_elastic")}`)).toBe("200");
    expect(await status("elastic:wrong")).toBe("401");
  });

  test("no password can be read from outside of secrets/", async () => {
    const readable = await stack.readable(["elk-elasticsearch", "elk-logstash", "elk-kibana", "elk-setup"]);
    expect(stack.secretValues().filter((value) => readable.includes(value))).toEqual([]);
  });
});
