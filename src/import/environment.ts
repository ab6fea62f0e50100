import { type SecretText, secret, secretText } from "../stack/secret-text.ts";
import { unsetIn, withoutUnset } from "./interpolate.ts";
import { mentionsHost, renameHost, secretFileName } from "./names.ts";
import type { Offer } from "./offered.ts";
import type { OldLogin } from "./old-login.ts";
import type { Findings, Part } from "./part.ts";
import { isSecret, isWellKnown } from "./secrets-in.ts";

/** A server of the stack that this service connects to. */
export interface Neighbour {
  key: string;
  /** Names by which it was reached before. */
  hosts: string[];
  login: OldLogin;
  offer: Offer;
}

/** `env` and `secrets` of a section of stack.yaml. */
export interface SplitEnvironment {
  env: Record<string, string>;
  secrets: Record<string, string>;
}

/** What happened to variables on the way, for the report. */
interface Told {
  moved: string[];
  weak: string[];
  empty: string[];
  given: Map<string, string[]>;
  /** Servers whose login reaches the service under the names that it reads. */
  reached: Set<string>;
}

/**
 * Parts a service's environment into what may be read and what is secret. What a connection of the new stack gives under the
 * same name goes; what carries the old login under another name follows the new one.
 */
export function splitEnvironment(
  part: Part,
  neighbours: readonly Neighbour[],
  renamed: ReadonlyMap<string, string>,
  findings: Findings,
): SplitEnvironment {
  const split: SplitEnvironment = { env: {}, secrets: {} };
  const told: Told = { moved: [], weak: [], empty: [], given: new Map(), reached: new Set() };
  for (const [variable, written] of Object.entries(part.environment)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(variable)) {
      const what = `the variable ${variable} is left out: its name is none that a shell takes`;
      findings.notFixed.push({ service: part.service.name, what });
      continue;
    }
    // Two services that name the same variable mean the same login, whatever its value.
    const meant = unsetIn(written) === undefined ? withoutUnset(written) : written;
    const neighbour = neighbours.find((each) => concerns(variable, meant, each));
    if (neighbour !== undefined && following(part, variable, meant, neighbour, split, told, findings)) continue;
    if (placeNothing(part, variable, written, split, findings)) continue;
    const value = withoutUnset(written);
    if (value !== written) told.empty.push(variable);
    placeAlone(part, variable, renamedHosts(value, renamed), split, told, findings);
  }
  tell(part, neighbours, split, told, findings);
  return split;
}

/** Deals with a variable that is empty, or whose value is not here; false where it has one. */
function placeNothing(
  part: Part,
  variable: string,
  written: string,
  split: SplitEnvironment,
  findings: Findings,
): boolean {
  const unset = unsetIn(written);
  const isHidden = isSecret(variable, "unknown-value");
  if (written === "" && isHidden) part.details.push(`${variable} is empty and left out`);
  else if (unset !== undefined && isHidden) {
    const name = secretFileName(part.key, variable);
    split.secrets[variable] = name;
    findings.todo.push(`secrets/${name}: ${variable} of ${part.service.name} (\${${unset}} has no value here)`);
  } else return false;
  return true;
}

/** Places a variable that has to do with a server of the stack; false where it is like any other. */
function following(
  part: Part,
  variable: string,
  value: string,
  neighbour: Neighbour,
  split: SplitEnvironment,
  { given, reached }: Told,
  findings: Findings,
): boolean {
  const { key } = neighbour;
  const followed = follow(variable, value, neighbour);
  if (followed === undefined) return false;
  if (typeof followed === "object") reached.add(key);
  if (followed === "given") given.set(key, [...(given.get(key) ?? []), variable]);
  else if (typeof followed === "string") {
    split.env[variable] = followed;
    if (followed !== value) part.details.push(`${variable} is the one that ${key} has now`);
  } else if ("secret" in followed) {
    split.secrets[variable] = followed.secret;
    part.details.push(`${variable} follows the password of ${key} (secrets/${followed.secret})`);
  } else {
    const name = secretFileName(part.key, variable);
    split.secrets[variable] = name;
    findings.secrets.push({ name, content: followed.text });
    part.details.push(
      `${variable} is written anew with the login at ${key} (secrets/${name}); a new password there must be written here too`,
    );
  }
  return true;
}

function placeAlone(
  part: Part,
  variable: string,
  value: string,
  split: SplitEnvironment,
  { moved, weak }: Told,
  findings: Findings,
): void {
  if (!isSecret(variable, value)) {
    split.env[variable] = value;
    return;
  }
  const name = secretFileName(part.key, variable);
  split.secrets[variable] = name;
  findings.secrets.push({ name, content: secretText`${value}` });
  moved.push(variable);
  if (isWellKnown(value)) weak.push(variable);
}

function tell(
  part: Part,
  neighbours: readonly Neighbour[],
  { secrets }: SplitEnvironment,
  { moved, weak, empty, given, reached }: Told,
  findings: Findings,
): void {
  const { name } = part.service;
  const notFixed = (what: string) => findings.notFixed.push({ service: name, what });
  for (const [key, variables] of given) part.details.push(`${variables.join(", ")}: comes from ${key}`);
  if (moved.length > 0) {
    const now = "files under secrets/, a folder that nobody else can enter";
    findings.fixed.push({ service: name, was: `${moved.join(", ")} in the environment`, now });
  }
  for (const { key, login, offer } of neighbours) {
    const givesUrl = given.get(key)?.some((variable) => /UR[IL]$/.test(variable)) === true;
    if (login.passwords.length > 0 || offer.password === undefined || reached.has(key) || givesUrl) continue;
    const user = offer.user === undefined ? "" : ` and env: { ITS_USER: ${offer.user} }`;
    notFixed(
      `${key} asks for a login now. It comes as ${Object.keys(offer.variables).join(", ")}; where ${name} reads another name write secrets: { THAT_NAME: ${offer.password} }${user} in stack.yaml`,
    );
  }
  if (weak.length > 0) {
    const files = weak.map((variable) => `secrets/${secrets[variable]}`).join(", ");
    notFixed(
      `${weak.join(", ")}: short, or known to everybody; put a better value into ${files} and into the server that it belongs to`,
    );
  }
  if (empty.length > 0)
    notFixed(
      `${empty.join(", ")}: a variable in it has no value here, so that part is empty, as Compose would have it`,
    );
}

function concerns(variable: string, value: string, { hosts, login, offer }: Neighbour): boolean {
  if (value === "") return false;
  return (
    hosts.some((host) => mentionsHost(value, host)) ||
    (login.passwords.includes(value) && isSecret(variable, value)) ||
    (isUserName(variable) && login.users.includes(value) && offer.user !== undefined) ||
    (isDatabaseName(variable) && login.databases.includes(value) && offer.database !== undefined)
  );
}

function isUserName(variable: string): boolean {
  return /(USER|USERNAME|LOGIN|ACCESS_KEY|ACCESS_KEY_ID)$/i.test(variable);
}

function isDatabaseName(variable: string): boolean {
  return /(DB|DATABASE|_NAME|DBNAME|BUCKET|VHOST)$/i.test(variable);
}

/** What a variable becomes: `given` by the connection, text with secrets, a secret, or plain text. */
function follow(
  variable: string,
  value: string,
  { key, hosts, login, offer }: Neighbour,
): "given" | { secret: string } | { text: SecretText } | string | undefined {
  if (offer.variables[variable] !== undefined) return "given";
  if (login.passwords.includes(value) && isSecret(variable, value) && offer.password !== undefined)
    return { secret: offer.password };
  if (isUserName(variable) && login.users.includes(value)) return offer.user;
  if (isDatabaseName(variable) && login.databases.includes(value)) return offer.database;
  const host = hosts.find((each) => mentionsHost(value, each));
  if (host === undefined) return undefined;
  const withLogin = addressWithLogin(value, host, key, login, offer);
  return withLogin === undefined ? withDatabase(renameHost(value, host, key), login, offer) : { text: withLogin };
}

const loginSchemes = /^(postgres(ql)?|redis|rediss|valkey|amqps?|mongodb|mysql|mariadb)(\+[\w+-]+)?$/;

/** `redis://redis:6379/0`, `postgresql://me:old@db/shop` with the login of the new stack. */
function addressWithLogin(
  value: string,
  host: string,
  key: string,
  login: OldLogin,
  offer: Offer,
): SecretText | undefined {
  const [, scheme = "", found, rest = ""] =
    /^([a-z][\w+.-]*):\/\/(?:[^@/]*@)?([^/:@,]+)((?::\d+)?(?:[/?].*)?)$/i.exec(value) ?? [];
  if (
    found !== host ||
    !loginSchemes.test(scheme.toLowerCase()) ||
    offer.password === undefined ||
    offer.user === undefined
  )
    return undefined;
  return secretText`${scheme}://${offer.user}:${secret(offer.password, "uri")}@${key}${withDatabase(rest, login, offer)}`;
}

/** The name of the database in a path, where the stack calls it differently. */
function withDatabase(text: string, login: OldLogin, offer: Offer): string {
  const old = /\/([\w-]+)(\?.*)?$/.exec(text)?.[1];
  if (old === undefined || offer.database === undefined || !login.databases.includes(old)) return text;
  return text.replace(/\/[\w-]+(\?.*)?$/, (_, query: string = "") => `/${offer.database}${query}`);
}

function renamedHosts(value: string, renamed: ReadonlyMap<string, string>): string {
  let text = value;
  for (const [host, key] of renamed) text = renameHost(text, host, key);
  return text;
}
