import { namesOf } from "./services.ts";

/** Port of a server and of a sentinel. */
export const serverPort = 6379;
export const sentinelPort = 26_379;

/** How many sentinels must agree: the majority of three. */
export const quorum = 2;

/** Replicates for the servers among each other: may do nothing but fetch the stream of writes. */
export const replicaUser = "stack_replica";
/** Logs the sentinels in, at the servers and at each other. */
export const sentinelUser = "stack_sentinel";

const three = [1, 2, 3] as const;

/** Names that the parts of a server with sentinels have, by its key in stack.yaml; beside those of `namesOf`. */
export function sentinelNames(key: string) {
  const servers = three.map((nth) => `${key}-${nth}`);
  const sentinels = three.map((nth) => `${key}-sentinel-${nth}`);
  return {
    ...namesOf(key),
    /** What the sentinels call the three servers together: REDIS_MASTER_NAME. */
    master: key,
    servers,
    sentinels,
    seed: `${key}-seed`,
    proxy: `${key}-proxy`,
    replicaPassword: `${key}_${replicaUser}`,
    sentinelPassword: `${key}_${sentinelUser}`,
    /** Secrets that end up in the configuration of a server, of a sentinel. */
    replicaConf: `${key}_replica_conf`,
    sentinelConf: `${key}_sentinel_conf`,
    sentinelAcl: `${key}_sentinel_acl`,
  };
}

export type SentinelNames = ReturnType<typeof sentinelNames>;

/** Volume of a server or of a sentinel. */
export function volumeOf(service: string): string {
  return `${service}-data`;
}
