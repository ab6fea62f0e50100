import { stringify } from "yaml";
import { componentsInTests } from "./component-in-tests.ts";

const described = [...componentsInTests.values()].flatMap(({ monitored }) => monitored ?? []);
const used = ["postgres", "redis", "minio", ...described.flatMap(({ uses }) => uses ?? [])];
const others = described.map(({ components }) => stringify(components)).join("");

/** A stack with each component that the catalogue has, measured, with every kind of receiver: all alert rules are in it. */
export const monitoredStack = `
name: shop
notify:
  slack: { webhook: slack_webhook }
  email: { to: ops@example.com, smtp: "smtp.example.com:587", user: ops, password: smtp_password }
  pagerduty: { key: pagerduty_key, only: critical }
  webhook: { url: alert_webhook }
  heartbeat: heartbeat_url
backup:
  encrypt: { off: true }
  destinations: { offsite: { type: s3, bucket: shop-backups, credentials: offsite_keys } }
components:
  traefik: {}
  web:
    type: app
    image: ghcr.io/you/web:1.4.2
    port: 3000
    user: "1000:1000"
    routes: [shop.localhost]
    health: /health
    uses: [${used.join(", ")}]
    migrate: [npm, run, migrate]
  postgres: {}
  redis: { queues: ["bull:mail:wait"] }
  follower: { type: redis, profile: cache, settings: { replicaof: elsewhere 6379 } }
  minio: { buckets: [uploads], host: files.localhost }
  monitoring: { cadvisor: true }
  grafana: {}
  loki: {}
  elk: {}
${others.replace(/^(?=.)/gm, "  ")}`;
