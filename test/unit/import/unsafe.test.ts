import { describe, expect, test } from "vitest";
import { importText, reportOf } from "../../support/imported.ts";

const report = (text: string) => reportOf(importText(text));

describe("the report of an import", () => {
  test("tells of no danger that was not there: a service that was confined and read-only stays so", () => {
    const confined =
      "read_only: true, cap_drop: [ALL], security_opt: [no-new-privileges:true], restart: always, logging: { driver: local }, mem_limit: 64m";
    const imported = importText(
      `services:\n  a: { build: a, ${confined} }\n  b: { image: caddy:2, ${confined} }\n  c: { image: caddy:2, ${confined}, tmpfs: [/tmp] }\n`,
    );
    expect(reportOf(imported)).not.toContain("3. Was unsafe");
    expect(imported.stackYaml.match(/readOnlyRoot: true/g)).toHaveLength(2);
    const half = report(
      "services:\n  a: { image: caddy:2, cap_drop: [ALL], security_opt: ['no-new-privileges:false'] }\n",
    );
    expect(half).toContain("a: all capabilities of Docker, new privileges possible -> none");
  });

  test("says where read_only: true could not be kept", () => {
    const imported = importText("services:\n  a: { image: caddy:2, read_only: true, tmpfs: [/run] }\n");
    expect(imported.stackYaml).not.toContain("readOnlyRoot");
    expect(reportOf(imported)).toContain("a: read_only: true is not kept, because it has /run in memory;");
  });

  test("names each port that is no longer open, also of a server that is kept, and one that Docker chose", () => {
    const text = report(
      "services:\n  a: { image: caddy:2, ports: ['9001'] }\n  db: { image: 'mysql:8.4', ports: ['127.0.0.1:3306:3306'] }\n  b: { image: caddy:2, depends_on: [db] }\n",
    );
    expect(text).toContain("db: published 127.0.0.1:3306:3306 -> not published: other services reach it by name\n");
    expect(text).toContain("9001: was at a port that Docker chose; other services reach it by name\n");
  });

  test("says that traffic no longer goes through another container", () => {
    expect(
      report("services:\n  vpn: { image: 'some/vpn:1' }\n  a: { image: caddy:2, network_mode: 'service:vpn' }\n"),
    ).toContain("a: it went out, and was reached, through vpn; here it has a way of its own, past vpn");
  });

  test("says which networks are gone: those that kept services apart, and those that are made elsewhere", () => {
    const text = report(
      "services:\n  a: { image: caddy:2, networks: [front, proxy] }\n  b: { image: caddy:2, networks: [back] }\nnetworks: { front: {}, back: {}, proxy: { external: true } }\n",
    );
    expect(text).toContain("a, b: the networks front, proxy, back are gone: apps and services share one,");
    expect(text).toContain("a: it is no longer on proxy, which is made elsewhere:");
    const one =
      "services:\n  a: { image: caddy:2, networks: [n] }\n  b: { image: caddy:2, networks: [n] }\nnetworks: { n: {} }\n";
    expect(report(one)).not.toContain("are gone");
  });

  test("names a key that no Compose file has, and none that one may have", () => {
    const text = report(
      "name: a\nversion: '3'\nx-a: {}\nmodels: {}\nvolums: { data: {} }\nservices:\n  a: { image: caddy:2 }\nvolumes: {}\n",
    );
    expect(text.match(/no key of .*/g)).toHaveLength(1);
    expect(text).toContain("docker-compose.yml: volums: no key of a Compose file, not taken over");
  });

  test("the lines that move data name the server where there are several of its type", () => {
    const text = report(
      "services:\n  a: { image: 'redis:7' }\n  b: { image: 'redis:7' }\n  v: { image: 'valkey/valkey:8' }\n",
    );
    expect(text).toContain("./prod.sh redis-cli a REPLICAOF old-a 6379");
    expect(text).toContain("./prod.sh redis-cli b REPLICAOF NO ONE");
    expect(text).toContain("./prod.sh valkey-cli REPLICAOF old-v 6379");
  });

  test("volumes_from brings the volumes of the other service, read-only where it says so", () => {
    const imported = importText(
      "services:\n  a: { image: caddy:2, volumes: ['data:/data'] }\n  b: { image: caddy:2, volumes_from: ['a:ro', 'container:old'] }\nvolumes: { data: {} }\n",
    );
    expect(imported.stackYaml).toContain("- { name: data, path: /data, of: a, readOnly: true }");
    expect(reportOf(imported)).toContain("b: shares container:old with the host or another container -> has its own");
  });

  test("says which variables have no place in stack.yaml, also those that name a server", () => {
    const imported = importText(
      "services:\n  a: { build: a, environment: { Database.Host: db, Database.Password: pw, PLAIN: 1 }, depends_on: [db] }\n  db: { image: 'postgres:17', environment: { POSTGRES_PASSWORD: pw } }\n",
    );
    expect(imported.stackYaml).not.toContain("Database.");
    expect(reportOf(imported)).toContain(
      "a: the variable Database.Host is left out: its name is none that a shell takes",
    );
    expect(reportOf(imported)).toContain("a: the variable Database.Password is left out");
  });

  test("nginx with a configuration of its own is told of the component", () => {
    expect(report("services:\n  a: { image: 'nginx:1.29' }\n")).toContain(
      "it keeps its own configuration; type: nginx writes one, for static files and as a load balancer\n",
    );
  });
});
