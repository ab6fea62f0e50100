/** Keys of a Compose service that are taken over as they stand. */
const takenOver = new Set(
  "annotations blkio_config cpu_count cpu_percent cpuset device_cgroup_rules devices dns dns_opt dns_search domainname expose extra_hosts gpus group_add hostname isolation label_file labels mac_address oom_score_adj platform post_start pre_stop pull_policy runtime stdin_open stop_signal storage_opt sysctls tty ulimits".split(
    " ",
  ),
);

/** Keys that give a container what belongs to the host or to another container. */
const refused = new Set(
  "cgroup cgroup_parent external_links ipc links network_mode oom_kill_disable pid privileged security_opt userns_mode use_api_socket uts volumes_from".split(
    " ",
  ),
);

/** What says the same among the options of `type: service`. */
const options: Record<string, string> = {
  cap_add: "capabilities",
  command: "command",
  configs: "files",
  cpus: "limits.cpus",
  deploy: "limits and replicas",
  depends_on: "uses",
  entrypoint: "entrypoint",
  env_file: "env and secrets",
  environment: "env and secrets",
  healthcheck: "health",
  image: "image",
  mem_limit: "limits.memory",
  networks: "uses and internal",
  pids_limit: "limits.pids",
  ports: "publish or routes",
  read_only: "readOnlyRoot",
  scale: "replicas",
  secrets: "secretFiles",
  shm_size: "shm",
  stop_grace_period: "stopGrace",
  user: "user",
  volumes: "volumes, files or hostPaths",
  working_dir: "workingDir",
};

/** True for a key that `compose:` may hold. */
export function isTakenOver(key: string): boolean {
  return takenOver.has(key);
}

/** What is wrong with a key below `compose:`, or undefined. */
export function keptProblem(key: string, value: unknown): string | undefined {
  const option = options[key];
  if (option !== undefined) return `${key} is said by ${option} of type: service`;
  if (refused.has(key))
    return `${key} reaches past the container and is refused; compose.override.yaml is yours, if it must be`;
  if (!takenOver.has(key)) return `${key} is no key of a Compose service that can be taken over`;
  if (/(docker|containerd|podman)[^/\s"]*\.sock/.test(JSON.stringify(value)))
    return `${key} leads to the Docker engine: whoever reaches it owns the server`;
  return undefined;
}
