import { parseImage } from "../stack/fields.ts";
import { withoutUnset } from "./interpolate.ts";

/** An image's name without registry and tag as people know it: `postgres`, `bitnami/redis`. */
export interface KnownImage {
  /** As in the file, without tag. */
  name: string;
  short: string;
  tag?: string;
  digest?: string;
}

export function imageOf(text: string): KnownImage {
  const bare = withoutUnset(text);
  const parsed = parseImage(bare) ?? parseImage(bare.toLowerCase());
  const name = parsed?.name ?? bare.replace(/[:@][^/]*$/, "");
  return {
    name,
    short: name
      .replace(/^(docker\.io|index\.docker\.io|registry-1\.docker\.io|public\.ecr\.aws\/docker)\//, "")
      .replace(/^library\//, ""),
    ...(parsed?.tag !== undefined && { tag: parsed.tag }),
    ...(parsed?.digest !== undefined && { digest: parsed.digest }),
  };
}

/** Images of servers that the catalogue has a component for, by type. The first that fits counts. */
const components: [type: string, names: RegExp][] = [
  ["postgres", /^(postgres|postgis\/postgis|pgvector\/pgvector|bitnami(legacy|secure)?\/postgresql)$/],
  ["valkey", /^(valkey\/valkey|bitnami(legacy|secure)?\/valkey)$/],
  ["redis", /^(redis|redis\/redis-stack-server|bitnami(legacy|secure)?\/redis|eqalpha\/keydb)$/],
  [
    "minio",
    /^((quay\.io\/)?minio\/minio|bitnami(legacy|secure)?\/minio|pgsty\/(silo|minio)|ghcr\.io\/coollabsio\/minio)$/,
  ],
  ["traefik", /^traefik$/],
  ["mongodb", /^(mongo|mongodb\/mongodb-community-server|bitnami(legacy|secure)?\/mongodb)$/],
  ["rabbitmq", /^(rabbitmq|bitnami(legacy|secure)?\/rabbitmq)$/],
  [
    "kafka",
    /^(apache\/kafka|bitnami(legacy|secure)?\/kafka|confluentinc\/(cp-kafka|confluent-local)|wurstmeister\/kafka)$/,
  ],
  ["monitoring", /^((quay\.io\/)?prom\/prometheus|bitnami(legacy|secure)?\/prometheus)$/],
  ["grafana", /^(grafana\/grafana(-oss|-enterprise)?|bitnami(legacy|secure)?\/grafana)$/],
  ["loki", /^(grafana\/loki|bitnami(legacy|secure)?\/grafana-loki)$/],
  ["elk", /^((docker\.elastic\.co\/kibana\/)?kibana|bitnami(legacy|secure)?\/kibana)$/],
];

/** Servers beside a component that the component brings itself, or replaces. */
const absorbed: [type: string, names: RegExp][] = [
  [
    "monitoring",
    /^((quay\.io\/)?prom\/(alertmanager|node-exporter|blackbox-exporter)|quay\.io\/prometheus\/node-exporter|(ghcr|gcr)\.io\/(google\/)?(google-containers\/)?cadvisor(\/cadvisor)?|google\/cadvisor|oliver006\/redis_exporter|(quay\.io\/prometheuscommunity|prometheuscommunity|wrouesnel)\/postgres[-_]exporter)$/,
  ],
  ["loki", /^grafana\/(promtail|alloy|agent|fluent-bit-plugin-loki)$/],
  [
    "elk",
    /^((docker\.elastic\.co\/(elasticsearch|logstash|beats)\/)?(elasticsearch|logstash|filebeat|metricbeat)|bitnami(legacy|secure)?\/(elasticsearch|logstash))$/,
  ],
  ["minio", /^((quay\.io\/)?minio\/mc)$/],
  [
    "kafka",
    /^((docker\.io\/)?zookeeper|confluentinc\/cp-zookeeper|bitnami(legacy|secure)?\/zookeeper|wurstmeister\/zookeeper)$/,
  ],
];

/** Programs that work by reaching the engine; without it they are nothing. */
const engineTools =
  /(^|\/)(portainer(-ce|-ee)?|watchtower|dozzle|autoheal|ctop|docker-socket-proxy|socket-proxy|ouroboros|diun|dockge|yacht|docker-gc|swarmpit|docker-volume-backup|ofelia|traefik-forward-auth-docker)$/;

/** Servers with data that must stand still to be copied. */
const databases =
  /(^|\/)(mysql|mysql-server|mariadb|percona|mongo|mongodb|couchdb|couchbase|cassandra|scylla|clickhouse(-server)?|influxdb|timescaledb|neo4j|arangodb|rethinkdb|cockroach|oracle|mssql\/server|surrealdb|elasticsearch|opensearch|solr|meilisearch|typesense|qdrant|weaviate|milvus|chroma|postgres(ql)?|postgis|redis|valkey|memcached|minio|rabbitmq|nats|kafka|zookeeper|etcd|keydb|dragonfly|ferretdb|questdb|dgraph|tidb|victoria-metrics)$/;

/** Memory that servers are known to need at least; others get the usual limit. */
const hungry: [names: RegExp, memory: string][] = [
  [/(elasticsearch|opensearch|gitlab|sonarqube|clickhouse|mssql|oracle|milvus|cassandra|scylla)/, "4g"],
  [
    /(keycloak|jenkins|nextcloud|mysql|kafka|solr|neo4j|logstash|kibana|couchbase|metabase|confluence|jira|minecraft|nexus|odoo|immich|n8n|airflow)/,
    "2g",
  ],
  [
    /(mariadb|percona|mongo|wordpress|ghost|rabbitmq|influxdb|zookeeper|zabbix|drupal|matomo|paperless|authentik)/,
    "1g",
  ],
];

export function componentFor(short: string): string | undefined {
  return components.find(([, names]) => names.test(short))?.[0];
}

/** Types of components that bring what this image does. */
export function absorbedBy(short: string): string[] {
  return absorbed.flatMap(([type, names]) => (names.test(short) ? [type] : []));
}

export function isEngineTool(short: string): boolean {
  return engineTools.test(short);
}

export function isDatabase(short: string): boolean {
  return databases.test(short);
}

export function usualMemory(short: string): string | undefined {
  return hungry.find(([names]) => names.test(short))?.[1];
}

/** Tag that stands where the file names no version; nothing can be pulled under it. */
export const unpinned = "PIN-ME";

export function isUnpinned({ tag, digest }: Pick<KnownImage, "tag" | "digest">): boolean {
  return digest === undefined && (tag === undefined || tag === "latest");
}
