import type { AlertRule } from "../../stack/monitoring.ts";
import { serverDown } from "../monitored.ts";
import type { RabbitmqOptions } from "./options.ts";
import { deadLetterQueues } from "./topology.ts";

const minute = 60_000;

/** A queue shorter than this is no trouble, however it grows. */
const shortQueue = 100;

/** Share of its memory, or of its files, from which on somebody looks. */
const nearlyAll = 0.85;

/** When somebody is told about a RabbitMQ server, which tells its own metrics as the job `key`. */
export function alertRules(key: string, options: Pick<RabbitmqOptions, "queues">): AlertRule[] {
  const dead = deadLetterQueues(options).map(({ vhost, name }) => ({ vhost, queue: name }));
  return [
    down(key),
    alarm(key, "RabbitmqMemoryAlarm", "memory_used_watermark", {
      summary: `the memory of ${key} is full: publishers have to wait`,
      meaning:
        "Apps that send messages hang until memory is free again; those that take messages go on. Mostly messages pile up because their consumers are stopped. More memory: limits: in stack.yaml.",
      command: "./prod.sh status",
    }),
    alarm(key, "RabbitmqDiskAlarm", "free_disk_space_watermark", {
      summary: `${key} has too little free disk: publishers have to wait`,
      meaning:
        "Apps that send messages hang until there is room again; those that take messages go on. Make room on the disk: it is freed by itself then. The limit is diskFree: in stack.yaml.",
      command: "df -h",
    }),
    memoryNear(key),
    queueGrowing(key),
    unacknowledged(key),
    noConsumers(key, dead),
    thrownAway(key),
    ...(dead.length > 0 ? [deadLetters(key, dead)] : []),
    files(key),
  ];
}

type QueueLabels = { vhost: string; queue: string };

const of = (key: string, more = "") => `{job="${key}"${more}}`;
const perQueue = (metric: string, selector: string) => `max by (vhost, queue) (${metric}${selector})`;
const only = (key: string, { vhost, queue }: QueueLabels) => of(key, `,vhost="${vhost}",queue="${queue}"`);
const queueName = "{{ $labels.vhost }}/{{ $labels.queue }}";

function down(key: string): AlertRule {
  return serverDown(key, {
    name: "RabbitmqDown",
    expr: `max(up${of(key)}) == 0`,
    summary: `${key} does not tell its metrics`,
    meaning: "The server is stopped, starts, or hangs. Apps can neither send nor take messages.",
  });
}

function alarm(
  key: string,
  name: string,
  metric: string,
  texts: Pick<AlertRule, "summary" | "meaning" | "command">,
): AlertRule {
  return {
    name,
    expr: `max(rabbitmq_alarms_${metric}${of(key)}) > 0`,
    for: 0,
    severity: "critical",
    about: key,
    cause: true,
    ...texts,
  };
}

function memoryNear(key: string): AlertRule {
  const [used, limit] = ["rabbitmq_process_resident_memory_bytes", "rabbitmq_resident_memory_limit_bytes"];
  return {
    name: "RabbitmqMemoryNearAlarm",
    expr: `max(${used}${of(key)}) / max(${limit}${of(key)}) > ${nearlyAll}`,
    for: 10 * minute,
    severity: "warning",
    about: key,
    summary: `${key} uses {{ $value | humanizePercentage }} of the memory at which publishers have to wait`,
    meaning: "Queues are long, or there are many connections. More memory: limits: in stack.yaml.",
    command: "./prod.sh status",
  };
}

/** Never short for a quarter of an hour, and longer all the time than a quarter of an hour before. */
function growing(metric: string, key: string): string {
  const grown = `max by (vhost, queue) (delta(${metric}${of(key)}[15m])) > 0`;
  return `${perQueue(metric, of(key))} > ${shortQueue} and ${grown}`;
}

function queueGrowing(key: string): AlertRule {
  return {
    name: "RabbitmqQueueGrowing",
    expr: growing("rabbitmq_queue_messages_ready", key),
    for: 15 * minute,
    severity: "warning",
    about: key,
    summary: `the queue ${queueName} grows and holds {{ $value | humanize }} messages`,
    meaning: "More messages come in than are taken: its consumers are stopped, fail, or are too few.",
    command: "./prod.sh status",
  };
}

function unacknowledged(key: string): AlertRule {
  return {
    name: "RabbitmqUnacknowledgedGrowing",
    expr: growing("rabbitmq_queue_messages_unacked", key),
    for: 15 * minute,
    severity: "warning",
    about: key,
    summary: `{{ $value | humanize }} messages of ${queueName} were taken and not acknowledged, and they get more`,
    meaning:
      "Consumers take messages and do not finish them: they hang, or forget to acknowledge. When such a consumer goes, all of them are delivered once more.",
    command: `./prod.sh open ${key}`,
  };
}

/** Queues for dead letters have no consumers as a rule, and an alert of their own. */
function noConsumers(key: string, dead: readonly QueueLabels[]): AlertRule {
  const ready = "rabbitmq_queue_messages_ready";
  const waiting = `${perQueue(ready, of(key))} > 0 and ${perQueue("rabbitmq_queue_consumers", of(key))} == 0`;
  return {
    name: "RabbitmqQueueWithoutConsumers",
    expr: [waiting, ...dead.map((labels) => `unless ${perQueue(ready, only(key, labels))}`)].join("\n"),
    for: 10 * minute,
    severity: "warning",
    about: key,
    summary: `{{ $value | humanize }} messages wait in ${queueName}, and nobody takes them`,
    meaning: "The app that takes them is stopped, has lost its connection, or no longer knows this queue.",
    command: "./prod.sh status",
  };
}

function deadLetters(key: string, dead: readonly QueueLabels[]): AlertRule {
  return {
    name: "RabbitmqDeadLetters",
    expr: dead.map((labels) => `${perQueue("rabbitmq_queue_messages_ready", only(key, labels))} > 0`).join("\nor "),
    for: 5 * minute,
    severity: "warning",
    about: key,
    summary: `{{ $value | humanize }} messages were given up and lie in ${queueName}`,
    meaning:
      "Consumers rejected them, or failed each time. Look at one, mend the cause, and move them back (Move messages on the page of the queue) or purge them.",
    command: `./prod.sh open ${key}`,
  };
}

function thrownAway(key: string): AlertRule {
  const nobody = of(key, ',dead_letter_strategy="disabled"');
  const lost = ["delivery_limit", "maxlen"].map(
    (reason) => `sum(increase(rabbitmq_global_messages_dead_lettered_${reason}_total${nobody}[10m])) > 0`,
  );
  return {
    name: "RabbitmqMessagesThrownAway",
    expr: lost.join("\nor "),
    for: 0,
    severity: "critical",
    about: key,
    summary: `${key} has thrown away {{ $value | humanize }} messages within 10 minutes`,
    meaning:
      "They were delivered too often without success, or their queue was full, and nothing is there to take them instead. deadLetter: of the queue in stack.yaml keeps them.",
    command: `./prod.sh logs ${key} --since 15m`,
  };
}

function files(key: string): AlertRule {
  const [open, most] = ["rabbitmq_process_open_fds", "rabbitmq_process_max_fds"];
  return {
    name: "RabbitmqFileDescriptors",
    expr: `max(${open}${of(key)}) / max(${most}${of(key)}) > ${nearlyAll}`,
    for: 5 * minute,
    severity: "warning",
    about: key,
    summary: `${key} has nearly as many files and connections open as it may`,
    meaning: "At the limit it takes no more connections. Mostly an app opens connections and does not close them.",
    command: `./prod.sh open ${key}`,
  };
}
