import type { Dependency, Mount } from "../../stack/service.ts";
import type { ComponentUse, ServiceNeeds } from "../component.ts";
import { namesOf, ports } from "./names.ts";
import { type ElkOptions, imageOf } from "./options.ts";

const megabyte = 1024 ** 2;

/** The images' users `elasticsearch`, `logstash` and `kibana`; files of Elasticsearch's image belong to the group 0. */
const elasticsearchUser = "1000:0";
const user = "1000:1000";

/** Java unpacks libraries there and runs them. */
const javaTemporary = (size: number) => ({ target: "/tmp", size: size * megabyte, mode: "1777", executable: true });

function heap(memory: number): string {
  const size = Math.floor(memory / 2 / megabyte);
  return `-Xms${size}m -Xmx${size}m`;
}

/** 401 is an answer too: a health check has no password. */
function answers(url: string): string[] {
  return ["CMD-SHELL", `curl -s -o /dev/null -w '%{http_code}' ${url} | grep -Eqx '200|401'`];
}

function fromConfig(key: string, name: string, target: string): Mount {
  return { kind: "bind", source: `${namesOf(key).config}/${name}`, target, readOnly: true };
}

/** What the entry point of each image is handed instead of being called directly: a script of ours that ends in it. */
function startedBy(key: string, script: string): Pick<ServiceNeeds, "entrypoint" | "init"> & { mount: Mount } {
  const target = `/usr/local/bin/${script}`;
  return { entrypoint: ["bash", target], init: true, mount: fromConfig(key, script, target) };
}

export function elasticsearchService(key: string, options: ElkOptions): ServiceNeeds {
  const names = namesOf(key);
  const { mount, ...start } = startedBy(key, "start-elasticsearch.sh");
  return {
    name: names.elasticsearch,
    about: "Elasticsearch, which keeps the logs and finds lines in them",
    group: "logging",
    image: imageOf("elasticsearch", options),
    user: elasticsearchUser,
    ...start,
    environment: { ES_JAVA_OPTS: heap(options.limits.memory) },
    secrets: [names.secrets.elastic],
    mounts: [
      fromConfig(key, "elasticsearch.yml", "/usr/share/elasticsearch/config/elasticsearch.yml"),
      mount,
      { kind: "volume", volume: names.data, target: "/usr/share/elasticsearch/data", readOnly: false },
    ],
    tmpfs: [javaTemporary(128)],
    networks: [names.store],
    healthcheck: {
      test: answers(`http://127.0.0.1:${ports.elasticsearch}`),
      startPeriod: 180_000,
    },
    limits: options.limits,
    stopGracePeriod: 120_000,
    nofile: 65_535,
    exceptions: [
      {
        rule: "read-only-root",
        reason:
          "makes its keystore beside its configuration at each start, and writes the log of its garbage collector",
      },
    ],
  };
}

/** Roles, users, retention: made anew at each start of the stack, so that a change of stack.yaml arrives. */
export function setupService(use: Pick<ComponentUse, "key" | "monitored">, options: ElkOptions): ServiceNeeds {
  const { key, monitored } = use;
  const names = namesOf(key);
  const { elastic, kibanaSystem, writer, monitor } = names.secrets;
  return {
    name: names.setup,
    about: `Tells ${names.elasticsearch} its users, how long lines are kept and what their fields are, then ends`,
    group: "logging",
    class: "one-shot",
    image: imageOf("elasticsearch", options),
    user,
    entrypoint: ["bash", "/usr/local/bin/setup.sh"],
    secrets: [elastic, kibanaSystem, writer, ...(monitored ? [monitor] : [])],
    mounts: [fromConfig(key, "setup.sh", "/usr/local/bin/setup.sh")],
    tmpfs: [{ target: "/tmp", size: megabyte, mode: "1777" }],
    networks: [names.store],
    dependsOn: [{ service: names.elasticsearch, condition: "service_healthy" }],
    limits: { cpus: 0.25, memory: 64 * megabyte, pids: 32 },
  };
}

function afterSetup(key: string): Dependency {
  return { service: namesOf(key).setup, condition: "service_completed_successfully" };
}

export function logstashService(key: string, options: ElkOptions): ServiceNeeds {
  const names = namesOf(key);
  const { mount, ...start } = startedBy(key, "start-logstash.sh");
  return {
    name: names.logstash,
    about:
      "Logstash, which takes lines of the apps and of all containers, makes fields of them and queues them on disk",
    group: "logging",
    image: imageOf("logstash", options),
    user,
    ...start,
    // No setting of logstash.yml may stand here: the image would write it into that file, which is read-only.
    environment: { LS_JAVA_OPTS: heap(options.logstash.limits.memory) },
    secrets: [names.secrets.writer],
    mounts: [
      fromConfig(key, "logstash.yml", "/usr/share/logstash/config/logstash.yml"),
      fromConfig(key, "pipeline", "/usr/share/logstash/pipeline"),
      fromConfig(key, "filters", "/usr/share/logstash/filters"),
      mount,
      { kind: "volume", volume: names.queue, target: "/usr/share/logstash/data", readOnly: false },
    ],
    tmpfs: [javaTemporary(128)],
    networks: [key, names.store],
    dependsOn: [afterSetup(key)],
    healthcheck: {
      test: ["CMD", "curl", "-fsS", "-o", "/dev/null", "http://127.0.0.1:9600/_node/pipelines/main"],
      startPeriod: 180_000,
    },
    limits: options.logstash.limits,
    // It brings what it holds to Elasticsearch, or leaves it in the queue on disk.
    stopGracePeriod: 60_000,
  };
}

export function kibanaService(key: string, options: ElkOptions): ServiceNeeds {
  const names = namesOf(key);
  // Node's own memory; the rest of the limit is for what lies outside its heap.
  const oldSpace = Math.floor((options.kibana.limits.memory * 0.7) / megabyte);
  return {
    name: names.kibana,
    about: "Kibana, where people look at logs",
    group: "logging",
    image: imageOf("kibana", options),
    user,
    command: [
      "/usr/local/bin/kibana-docker",
      "--config",
      "/usr/share/kibana/config/kibana.yml",
      // Kibana reads no single secrets from files, but takes several files of settings.
      "--config",
      `/run/secrets/${names.secrets.kibana}`,
    ],
    environment: { NODE_OPTIONS: `--max-old-space-size=${oldSpace}` },
    secrets: [names.secrets.kibana],
    mounts: [fromConfig(key, "kibana.yml", "/usr/share/kibana/config/kibana.yml")],
    tmpfs: [
      { target: "/tmp", size: 64 * megabyte, mode: "1777" },
      // What Kibana keeps, it keeps in Elasticsearch; here is nothing but its id.
      { target: "/usr/share/kibana/data", size: 16 * megabyte, mode: "0775", uid: 1000, gid: 1000 },
    ],
    networks: [...(options.host === undefined ? [] : ["edge"]), names.store],
    dependsOn: [afterSetup(key)],
    healthcheck: {
      // 503 until Elasticsearch answers it.
      test: answers(`http://127.0.0.1:${ports.kibana}/api/status`),
      startPeriod: 180_000,
    },
    limits: options.kibana.limits,
    stopGracePeriod: 30_000,
  };
}
