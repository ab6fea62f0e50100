import type { ConfigFile } from "../../stack/model.ts";
import type { ComponentUse } from "../component.ts";
import { monitorUser } from "../monitored.ts";
import { namesOf, ports, writerUser } from "./names.ts";
import type { ElkOptions } from "./options.ts";

const gigabyte = 1024 ** 3;

/** Elasticsearch's configuration, Logstash's, Kibana's, and the scripts that start and set them up. */
export function configFiles(use: ComponentUse, options: ElkOptions): ConfigFile[] {
  const { key, stack, monitored } = use;
  const names = namesOf(key);
  const values = {
    key,
    stack,
    ...names,
    ...names.secrets,
    ports,
    monitored,
    monitorUser,
    writerUser,
    host: options.host ?? "",
    elasticsearchUrl: `http://${names.elasticsearch}:${ports.elasticsearch}`,
    /** Hours from the day that an index is closed; the lines of its last day are that much younger. */
    retention: `${Math.ceil(options.retention / 3_600_000)}h`,
    rollover: `${Math.max(1, Math.floor(options.rollover / gigabyte))}gb`,
    dataset: datasetOf(stack),
  };
  const file = (path: string, template: string, mode: ConfigFile["mode"] = 0o644): ConfigFile => ({
    path: `${names.config}/${path}`,
    content: use.template(template, values),
    mode,
  });
  return [
    file("elasticsearch.yml", "elk/elasticsearch.yml.hbs"),
    file("start-elasticsearch.sh", "elk/start-elasticsearch.sh.hbs", 0o755),
    file("setup.sh", "elk/setup.sh.hbs", 0o755),
    file("logstash.yml", "elk/logstash.yml.hbs"),
    file("pipeline/main.conf", "elk/pipeline.conf.hbs"),
    // Beside the pipeline: Logstash takes every file of that folder for a part of it.
    file("filters/otlp.rb", "elk/otlp.rb.hbs"),
    file("start-logstash.sh", "elk/start-logstash.sh.hbs", 0o755),
    file("kibana.yml", "elk/kibana.yml.hbs"),
  ];
}

/** The part of a data stream's name between `logs-` and `-default`, which may hold no `-`. */
export function datasetOf(stack: string): string {
  return stack.replaceAll("-", "_");
}
