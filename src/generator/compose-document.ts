import { Alias, Document, isPair, isScalar, isSeq, Scalar, visit, type YAMLMap } from "yaml";
import type { StackModel } from "../stack/model.ts";
import type { Service, ServiceGroup } from "../stack/service.ts";
import { sortedBy } from "../support/order.ts";
import { composeService, sharedByAll } from "./compose-service.ts";

/** The Compose files of a stack, in the order in which they are joined. */
export const composeFiles: { path: string; groups: ServiceGroup[]; about: string }[] = [
  { path: "compose.yaml", groups: ["edge", "apps"], about: "The applications and the proxy in front of them." },
  {
    path: "compose.data.yaml",
    groups: ["data"],
    about: "What keeps data: databases, caches, object storage. Reached only over internal networks.",
  },
  { path: "compose.logging.yaml", groups: ["logging"], about: "Where logs go." },
  { path: "compose.monitoring.yaml", groups: ["monitoring"], about: "Metrics and alerts." },
];

const hardenedAbout = [
  " What every service gets: restarts, log rotation, no capabilities, no new privileges,",
  " a read-only root file system. A service that needs an exception says why.",
].join("\n");

/** Prints the Compose files that the model needs: path and text. The first always exists. */
export function composeDocuments(model: StackModel): { path: string; content: string }[] {
  const printed: { path: string; content: string }[] = [];
  const claimed = new Set<string>();
  for (const file of composeFiles) {
    const services = model.services.filter((service) => file.groups.includes(service.group));
    if (services.length === 0 && file.path !== "compose.yaml") continue;
    printed.push({ path: file.path, content: printFile(model, services, file.about, claimed) });
  }
  return printed;
}

function printFile(model: StackModel, services: readonly Service[], about: string, claimed: Set<string>): string {
  const document = new Document({}, { version: "1.1", aliasDuplicateObjects: false });
  document.commentBefore = [
    ` ${about}`,
    "",
    " Made by create-stack from stack.yaml. To change it, edit stack.yaml and run ./prod.sh generate;",
    " what stack.yaml cannot say goes into compose.override.yaml.",
  ].join("\n");
  const shared = document.createNode(sharedByAll) as YAMLMap;
  shared.anchor = "hardened";
  const body = document.contents as unknown as YAMLMap;
  const add = (key: string, value: unknown, comment?: string) => {
    const pair = document.createPair(key, value);
    if (isScalar(pair.key)) {
      pair.key.spaceBefore = body.items.length > 0;
      if (comment !== undefined) pair.key.commentBefore = comment;
    }
    body.items.push(pair as never);
  };
  add("x-hardened", shared, hardenedAbout);
  add("name", model.name);
  add("services", servicesNode(document, services));
  addResources(document, add, model, services, claimed);
  quoteRisky(document);
  return document.toString({
    lineWidth: 0,
    flowCollectionPadding: true,
    commentString: (text) => text.replace(/^(?!$)/gm, "#").replace(/^$/gm, "#"),
  });
}

function servicesNode(document: Document, services: readonly Service[]): YAMLMap {
  const node = document.createNode({}) as YAMLMap;
  for (const service of sortedBy(services, (service) => service.name)) {
    const data = composeService(service, new Alias("hardened"));
    const value = document.createNode(dropUndefined(data)) as YAMLMap;
    noteExceptions(value, service);
    const pair = document.createPair(service.name, value);
    if (isScalar(pair.key)) {
      pair.key.commentBefore = ` ${service.about}`;
      pair.key.spaceBefore = node.items.length > 0;
    }
    node.items.push(pair as never);
  }
  return node;
}

/** An exception stands beside the key that makes it, or at the top of the service where the key is absent. */
function noteExceptions(value: YAMLMap, service: Service): void {
  const keyOf = {
    "read-only-root": "read_only",
    "drop-capabilities": "cap_add",
    "non-root": "user",
    healthcheck: "healthcheck",
    "host-paths": "volumes",
    "shared-volumes": "volumes",
    "kept-keys": Object.keys(service.kept ?? {})[0] ?? "<<",
  } as const;
  for (const exception of service.exceptions) {
    const pair =
      value.items.find((item) => isScalar(item.key) && item.key.value === keyOf[exception.rule]) ??
      value.items.find((item) => isScalar(item.key) && item.key.value === "<<");
    if (pair && isScalar(pair.key)) {
      const text = ` Exception (${exception.rule}): ${exception.reason}`;
      pair.key.commentBefore = pair.key.commentBefore ? `${pair.key.commentBefore}\n${text}` : text;
    }
  }
}

type Add = (key: string, value: unknown, comment?: string) => void;

/** Networks and secrets stand in the first file that uses them, volumes beside their service. */
function addResources(
  document: Document,
  add: Add,
  model: StackModel,
  services: readonly Service[],
  claimed: Set<string>,
): void {
  const claim = (kind: string, names: Iterable<string>) =>
    [...new Set(names)].filter((name) => {
      const mine = !claimed.has(`${kind}:${name}`);
      claimed.add(`${kind}:${name}`);
      return mine;
    });
  const networks = claim(
    "network",
    services.flatMap((service) => service.networks),
  );
  const volumes = claim(
    "volume",
    services.flatMap((service) => service.mounts.flatMap((mount) => (mount.kind === "volume" ? [mount.volume] : []))),
  );
  const secrets = claim(
    "secret",
    services.flatMap((service) => service.secrets),
  );
  const commented = (kind: "networks" | "volumes", names: readonly string[], bodyOf: (name: string) => unknown) => {
    const node = document.createNode({}) as YAMLMap;
    for (const item of model[kind].filter((candidate) => names.includes(candidate.name))) {
      const pair = document.createPair(item.name, bodyOf(item.name));
      if (isScalar(pair.key)) pair.key.commentBefore = ` ${item.about}`;
      node.items.push(pair as never);
    }
    if (node.items.length > 0) add(kind, node);
  };
  const isInternal = (name: string) => model.networks.find((network) => network.name === name)?.internal === true;
  commented("networks", networks, (name) => (isInternal(name) ? { internal: true } : {}));
  commented("volumes", volumes, () => ({}));
  if (secrets.length > 0)
    add("secrets", Object.fromEntries([...secrets].sort().map((name) => [name, { file: `./secrets/${name}` }])));
}

function dropUndefined(data: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(data).filter(([, value]) => value !== undefined));
}

const inlineMaps = new Set(["limits", "nofile", "options"]);
const inlineKeys = new Set(["condition", "file", "internal", "create-stack.config"]);
const longLists = new Set(["ports", "secrets", "tmpfs"]);
const quotedLists = new Set(["ports", "tmpfs"]);

/** Short lists and maps on one line; ports and mount options in quotes, because YAML readers disagree on `22:22`. */
function quoteRisky(document: Document): void {
  visit(document, {
    Seq(key, node, path) {
      const owner = ownerOf(path);
      if (key === "value" && fitsOnOneLine(node.items) && !longLists.has(owner)) node.flow = true;
      if (quotedLists.has(owner)) quoteAll(node.items);
    },
    Scalar(key, node, path) {
      if (key === "value" && ownerOf(path) === "user") node.type = Scalar.QUOTE_DOUBLE;
      if (typeof node.value === "string" && node.value.includes("\n")) node.type = Scalar.BLOCK_LITERAL;
      // In a list on one line YAML readers disagree about a bare word that begins like this one.
      else if (typeof node.value === "string" && /^[:?,]/.test(node.value) && isSeq(path.at(-1)))
        node.type = Scalar.QUOTE_DOUBLE;
    },
    Map(_, node, path) {
      // In a list every map is one line: `- { type: volume, source: …, target: … }`.
      const simple = node.items.length > 0 && node.items.length <= 4 && node.items.every(isSimplePair);
      if (isSeq(path.at(-1)) || (simple && (inlineMaps.has(ownerOf(path)) || isInlineKey(node)))) node.flow = true;
    },
  });
}

/** Key of the pair that a node is the value of; empty where it is an item of a list. */
function ownerOf(path: readonly unknown[]): string {
  const parent = path.at(-1);
  return isPair(parent) && isScalar(parent.key) ? String(parent.key.value) : "";
}

function fitsOnOneLine(items: readonly unknown[]): boolean {
  const words = items.map((item) => (isScalar(item) ? String(item.value) : "\n"));
  return words.join(", ").length <= 90 && !words.some((word) => word.includes("\n"));
}

function quoteAll(items: readonly unknown[]): void {
  for (const item of items) if (isScalar(item)) item.type = Scalar.QUOTE_SINGLE;
}

function isSimplePair(item: { key: unknown; value: unknown }): boolean {
  return isScalar(item.value) && isScalar(item.key) && !item.key.commentBefore;
}

/** `{ condition: service_healthy }`, `{ file: ./secrets/x }`, `{ internal: true }` */
function isInlineKey(node: YAMLMap): boolean {
  const key = node.items[0]?.key;
  return node.items.length === 1 && isScalar(key) && inlineKeys.has(String(key.value));
}
