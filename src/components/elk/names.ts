/** Names that the parts of this component have, by its key in stack.yaml. */
export function namesOf(key: string) {
  return {
    elasticsearch: `${key}-elasticsearch`,
    logstash: `${key}-logstash`,
    kibana: `${key}-kibana`,
    setup: `${key}-setup`,
    /** Elasticsearch and those that ask it; apps are on the network named as the component, with Logstash alone. */
    store: `${key}-store`,
    data: `${key}-elasticsearch-data`,
    queue: `${key}-logstash-data`,
    config: `config/${key}`,
    secrets: {
      elastic: `${key}_elastic`,
      kibanaSystem: `${key}_kibana_system`,
      writer: `${key}_logstash`,
      monitor: `${key}_stack_monitor`,
      sessionKey: `${key}_kibana_sessions`,
      objectsKey: `${key}_kibana_objects`,
      reportingKey: `${key}_kibana_reports`,
      kibana: `${key}_kibana.yml`,
    },
  };
}

/** Users of Elasticsearch beside its own. */
export const writerUser = "logstash_writer";

export const ports = { elasticsearch: 9200, logstash: 5000, otlp: 4318, kibana: 5601, exporter: 9114 };
