import type { AlertRule } from "../../stack/monitoring.ts";
import type { Measured } from "./alerts.ts";
import { sentinelNames } from "./sentinel-names.ts";

const minute = 60_000;

/** When somebody is told about copies, failovers and sentinels; beside the rules that a single server has too. */
export function sentinelRules(measured: Measured): AlertRule[] {
  const { key } = measured;
  const { sentinels } = sentinelNames(key);
  const asked = `{job="${sentinels[0]}"}`;
  return [
    noPrimary(measured),
    writesRefused(measured),
    failedOver(measured, asked),
    replicaLost(measured),
    replicaLags(measured),
    quorumAtRisk(measured, asked, sentinels.join(" ")),
  ];
}

/** The servers that say they are primary, one series each. */
const primaries = (of: string) => `redis_instance_info${of.replace("}", ',role="master"}')}`;

function noPrimary({ key, title, of, services }: Measured): AlertRule {
  return {
    name: `${title}NoPrimary`,
    expr: `(count(${primaries(of)}) or vector(0)) == 0 and on () max(redis_up${of}) == 1`,
    for: minute,
    severity: "critical",
    about: key,
    cause: true,
    summary: `${key} has no primary: nothing can be written`,
    meaning:
      "The primary is gone and the sentinels have not made another one. They need two of three, and a replica that was in touch with the primary.",
    command: `./prod.sh logs ${services}`,
  };
}

function writesRefused({ key, title, of, services }: Measured): AlertRule {
  return {
    name: `${title}RefusesWrites`,
    expr: `max(redis_connected_slaves${of} and on (job) ${primaries(of)}) == 0`,
    for: minute,
    severity: "critical",
    about: key,
    cause: true,
    summary: `${key} refuses writes: its primary has no replica`,
    meaning:
      "Both replicas are gone or cannot reach the primary. It takes no writes that would be lost with it; reading works. Bring a replica back.",
    command: `./prod.sh start ${services}`,
  };
}

function failedOver({ key, title }: Measured, asked: string): AlertRule {
  const epoch = `redis_sentinel_master_config_epoch${asked}`;
  return {
    name: `${title}FailedOver`,
    expr: `max(${epoch}) > max(${epoch} offset 10m)`,
    for: 0,
    severity: "warning",
    about: key,
    summary: `another server of ${key} has become the primary within the last 10 minutes`,
    meaning:
      "The one before it did not answer, or somebody asked for it by hand. Writes failed for some seconds; the last ones before it may be missing. Find out why: its log, its memory, the disk.",
    command: "./prod.sh status",
  };
}

function replicaLost({ key, title, of, services }: Measured): AlertRule {
  return {
    name: `${title}ReplicaLost`,
    expr: `max(redis_connected_slaves${of} and on (job) ${primaries(of)}) == 1`,
    for: 5 * minute,
    severity: "warning",
    about: key,
    summary: `${key} has one replica instead of two`,
    meaning: "All works. With one more server gone nothing could be written.",
    command: `./prod.sh logs ${services}`,
  };
}

function replicaLags({ key, title, of }: Measured): AlertRule {
  return {
    name: `${title}ReplicaLags`,
    expr: `max by (slave_ip) (redis_connected_slave_lag_seconds${of}) > 10`,
    for: 2 * minute,
    severity: "warning",
    about: key,
    summary: `the replica {{ $labels.slave_ip }} of ${key} was last heard of {{ $value | humanizeDuration }} ago`,
    meaning:
      "It hangs, or it cannot keep up with the writes. It is passed over when a new primary is looked for, and does not count for writes.",
    command: "./prod.sh status",
  };
}

function quorumAtRisk({ key, title }: Measured, asked: string, services: string): AlertRule {
  return {
    name: `${title}QuorumAtRisk`,
    expr: `min(redis_sentinel_master_ok_sentinels${asked}) < 3\nor max(redis_up${asked}) == 0`,
    for: 5 * minute,
    severity: "warning",
    about: key,
    summary: `a sentinel of ${key} is missing`,
    meaning: "The servers go on as they are. With one more sentinel gone nobody could make another one the primary.",
    command: `./prod.sh start ${services}`,
  };
}
