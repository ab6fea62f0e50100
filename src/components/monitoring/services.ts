import { metricsFolder, monitoringNetwork, type NotifySettings, scrapeNetwork } from "../../stack/monitoring.ts";
import type { ServiceNeeds } from "../component.ts";
import { alertsNetwork, parts, volumes } from "./names.ts";
import type { MonitoringOptions } from "./options.ts";
import { secretsOf } from "./receivers.ts";

const megabyte = 1024 ** 2;

/** `nobody`, the user of these images; blackbox's image names none. */
const user = "65534:65534";

/** Folder of the stack's directory with alert rules of the user's own. */
export const ownRulesFolder = "rules";

const tmpfs = [{ target: "/tmp", size: 16 * megabyte, mode: "1777" }];

function answers(port: number, path: string) {
  return { test: ["CMD", "wget", "-q", "-O", "/dev/null", `http://127.0.0.1:${port}${path}`] };
}

/** `tokens`: secrets that services ask for before they tell their metrics. */
export function prometheusService(
  key: string,
  options: Pick<MonitoringOptions, "limits">,
  tokens: readonly string[],
): ServiceNeeds {
  const { service, port } = parts.prometheus;
  return {
    name: service,
    about: "Reads the metrics of all services, keeps them, and looks whether an alert rule holds",
    group: "monitoring",
    image: "prom/prometheus:v3.13.2",
    user,
    // Without --web.enable-lifecycle and without the admin API: apps that tell metrics reach it, and could stop or empty it.
    command: [
      "--config.file=/etc/prometheus/prometheus.yml",
      "--storage.tsdb.path=/prometheus",
      `--web.external-url=http://${service}:${port}/`,
    ],
    secrets: [...tokens],
    mounts: [
      {
        kind: "bind",
        source: `config/${key}/prometheus.yml`,
        target: "/etc/prometheus/prometheus.yml",
        readOnly: true,
      },
      { kind: "bind", source: `config/${key}/rules`, target: "/etc/prometheus/rules", readOnly: true },
      { kind: "bind", source: ownRulesFolder, target: "/etc/prometheus/own", readOnly: true },
      { kind: "volume", volume: volumes.prometheus, target: "/prometheus", readOnly: false },
    ],
    networks: [monitoringNetwork, scrapeNetwork],
    // After a crash it first reads again what it had not yet written into blocks.
    healthcheck: { ...answers(port, "/-/ready"), startPeriod: 120_000 },
    limits: options.limits.prometheus,
    stopGracePeriod: 60_000,
    tmpfs,
  };
}

export function alertmanagerService(
  key: string,
  options: Pick<MonitoringOptions, "limits">,
  notify: NotifySettings,
): ServiceNeeds {
  const { service, port } = parts.alertmanager;
  return {
    name: service,
    about: "Tells people of alerts: groups them, leaves out what follows from something else, says when they are over",
    group: "monitoring",
    image: "prom/alertmanager:v0.34.0",
    user,
    command: [
      "--config.file=/etc/alertmanager/alertmanager.yml",
      "--storage.path=/alertmanager",
      `--web.external-url=http://${service}:${port}/`,
      // Alone: without an address it looks for no others of its kind.
      "--cluster.listen-address=",
      // What was taken and what failed is counted by receiver: `alerts test` reads it there.
      "--enable-feature=receiver-name-in-metrics",
    ],
    secrets: secretsOf(notify).map(({ name }) => name),
    mounts: [
      {
        kind: "bind",
        source: `config/${key}/alertmanager.yml`,
        target: "/etc/alertmanager/alertmanager.yml",
        readOnly: true,
      },
      {
        kind: "bind",
        source: `config/${key}/messages.tmpl`,
        target: "/etc/alertmanager/messages.tmpl",
        readOnly: true,
      },
      { kind: "volume", volume: volumes.alertmanager, target: "/alertmanager", readOnly: false },
    ],
    networks: [monitoringNetwork, alertsNetwork],
    healthcheck: answers(port, "/-/ready"),
    limits: options.limits.alertmanager,
    tmpfs,
  };
}

/**
 * What the node exporter looks at. Named one by one: in a network of its own it would take the container's network for the
 * host's, and of what is left out nothing is asked by a rule or shown by a dashboard.
 */
const collectors = [
  "cpu",
  "diskstats",
  "filefd",
  "filesystem",
  "loadavg",
  "meminfo",
  "pressure",
  "stat",
  "textfile",
  "time",
  "timex",
  "uname",
  "vmstat",
];

/** File systems that are no disk, or whose size is not theirs. */
const noDisks =
  "autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|efivarfs|erofs|fuse\\..*|fusectl|hugetlbfs|iso9660|mqueue|nsfs|overlay|proc|procfs|pstore|ramfs|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tmpfs|tracefs";

/** Places where the engine and systemd mount for their own purposes what is counted elsewhere already. */
const noMountPoints = "/(dev|proc|sys|run|snap|var/lib/(docker|containerd|containers|kubelet|snapd)|var/snap)($|/.*)";

export function nodeExporterService(options: Pick<MonitoringOptions, "limits">): ServiceNeeds {
  const { service, port } = parts.nodeExporter;
  return {
    name: service,
    about: "Tells Prometheus how the server is doing, and what the supervisor has written about containers and backups",
    group: "monitoring",
    image: "quay.io/prometheus/node-exporter:v1.12.1",
    user,
    command: [
      "--path.rootfs=/host",
      "--path.procfs=/host/proc",
      "--path.sysfs=/host/sys",
      "--collector.disable-defaults",
      ...collectors.map((name) => `--collector.${name}`),
      "--collector.textfile.directory=/metrics",
      `--collector.filesystem.fs-types-exclude=^(${noDisks})$`,
      `--collector.filesystem.mount-points-exclude=^${noMountPoints}`,
      "--collector.diskstats.device-exclude=^(z?ram|loop|fd|nbd|dm-|sr|md)\\d+$",
    ],
    environment: { GOMEMLIMIT: "48MiB" },
    mounts: [
      // A disk that is mounted later is seen once this container is made anew: to be told of it at once (`rslave`) is refused
      // by the engine where the host does not share its mounts.
      { kind: "host", source: "/", target: "/host", readOnly: true },
      { kind: "bind", source: metricsFolder, target: "/metrics", readOnly: true },
    ],
    networks: [monitoringNetwork],
    healthcheck: answers(port, "/"),
    limits: options.limits.nodeExporter,
    tmpfs: [],
    exceptions: [
      {
        rule: "host-paths",
        reason:
          "the free space of a disk is asked at the place where it is mounted; read-only, as a user who owns no file, and without a way out of the stack",
        paths: ["/"],
      },
    ],
  };
}

/** `authorities`: secrets with the stack's own certificate authorities. */
export function blackboxService(
  key: string,
  options: Pick<MonitoringOptions, "limits">,
  authorities: readonly string[],
): ServiceNeeds {
  const { service, port } = parts.blackbox;
  return {
    name: service,
    about: "Asks for each public address the way a visitor does, and looks at its certificate",
    group: "monitoring",
    image: "prom/blackbox-exporter:v0.28.0",
    user,
    command: ["--config.file=/etc/blackbox_exporter/blackbox.yml"],
    environment: { GOMEMLIMIT: "48MiB" },
    secrets: [...authorities],
    mounts: [
      {
        kind: "bind",
        source: `config/${key}/blackbox.yml`,
        target: "/etc/blackbox_exporter/blackbox.yml",
        readOnly: true,
      },
    ],
    networks: [monitoringNetwork, "edge"],
    healthcheck: answers(port, "/-/healthy"),
    limits: options.limits.blackbox,
    tmpfs: [],
  };
}

export function cadvisorService(options: Pick<MonitoringOptions, "limits">): ServiceNeeds {
  const { service, port } = parts.cadvisor;
  const paths = { "/": "/rootfs", "/sys": "/sys", "/var/run": "/var/run", "/var/lib/docker": "/var/lib/docker" };
  return {
    name: service,
    about: "Measures disk use, network and throttling of each container from the kernel's own figures",
    group: "monitoring",
    image: "ghcr.io/google/cadvisor:0.60.5",
    user: "0:0",
    command: [
      "--docker_only=true",
      "--store_container_labels=false",
      "--whitelisted_container_labels=com.docker.compose.service,com.docker.compose.project",
      "--housekeeping_interval=30s",
      "--disable_metrics=advtcp,cpu_topology,cpuset,hugetlb,memory_numa,percpu,process,referenced_memory,resctrl,sched,tcp,udp",
    ],
    environment: { GOMEMLIMIT: "200MiB" },
    mounts: Object.entries(paths).map(([source, target]) => ({ kind: "host", source, target, readOnly: true })),
    networks: [monitoringNetwork],
    healthcheck: { ...answers(port, "/healthz"), interval: 30_000 },
    limits: options.limits.cadvisor,
    tmpfs,
    exceptions: [
      { rule: "non-root", reason: "the files that it reads belong to root; it has no capabilities beyond that" },
      {
        rule: "host-paths",
        reason:
          "reads control groups and the engine's folders, and could tell the engine what to do; asked for with cadvisor: true",
        paths: Object.keys(paths),
      },
    ],
  };
}
