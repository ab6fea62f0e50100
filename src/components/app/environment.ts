import type { SecretFile } from "../../stack/model.ts";
import { isPlain, plainText, type SecretText, secret, secretText } from "../../stack/secret-text.ts";
import type { ComponentUse, Connection, OptionProblem } from "../component.ts";
import type { AppOptions } from "./options.ts";
import { sentryEnvironment } from "./sentry.ts";

/** What an app finds in its environment and under /run/secrets. */
export interface AppEnvironment {
  environment: Record<string, string>;
  /** Variables that end with the image's tag. */
  releaseVariables: Record<string, string>;
  envFiles: string[];
  mountedSecrets: string[];
  secretFiles: SecretFile[];
  problems: OptionProblem[];
}

/**
 * Puts together what connections offer, `env:` and `secrets:`. The user's own words win over what a connection offers.
 * What holds a secret goes into an env file of mode 0600 that only root reads, or into one file each under /run/secrets.
 */
export function appEnvironment(
  use: Pick<ComponentUse, "key" | "environment">,
  options: AppOptions,
  connections: readonly Connection[],
): AppEnvironment {
  const { key } = use;
  const sentry = sentryEnvironment(use, options);
  const problems: OptionProblem[] = [...sentry.problems];
  const secrets = { ...options.secrets, ...sentry.secrets };
  const offered = offeredVariables(connections, problems, options);
  for (const [variable, file] of Object.entries(secrets)) {
    if (variable in options.env)
      problems.push({
        path: ["secrets", variable],
        message: `${variable} stands in env and in secrets`,
        hint: "remove one of them",
      });
    offered[variable] = secretText`${secret(file)}`;
  }
  const hidden = Object.entries(offered).filter(([variable, text]) => !isPlain(text) && !(variable in options.env));
  const plain = Object.entries(offered)
    .filter(([, text]) => isPlain(text))
    .map(([variable, text]) => [variable, plainText(text)] as const);
  const environment = sorted({ ...Object.fromEntries(plain), ...sentry.environment, ...options.env });
  const supplied = suppliedSecrets(secrets);
  const delivered = options.connections === "files" ? asFiles(key, hidden) : asEnvFile(key, hidden);
  return {
    environment: { ...environment, ...delivered.environment },
    releaseVariables: sentry.releaseVariables,
    envFiles: delivered.envFiles,
    mountedSecrets: delivered.mountedSecrets,
    secretFiles: [...supplied, ...delivered.secretFiles],
    problems,
  };
}

type Delivered = Omit<AppEnvironment, "problems" | "releaseVariables">;

function asEnvFile(key: string, hidden: readonly (readonly [string, SecretText])[]): Delivered {
  if (hidden.length === 0) return { environment: {}, envFiles: [], mountedSecrets: [], secretFiles: [] };
  const lines = hidden.flatMap(([variable, text]) => secretText`${variable}=${text}\n`);
  const head =
    "# Environment of this app that holds secrets. Root can read it in `docker inspect`; `connections: files` avoids that.\n";
  const content = [head, ...lines];
  const file: SecretFile = {
    name: `${key}.env`,
    about: `environment of ${key}`,
    mode: 0o600,
    kind: "composed",
    content,
  };
  return { environment: {}, envFiles: [`secrets/${file.name}`], mountedSecrets: [], secretFiles: [file] };
}

function asFiles(key: string, hidden: readonly (readonly [string, SecretText])[]): Delivered {
  const files = hidden.map(([variable, content]) => {
    const name = `${key}_${variable.toLowerCase()}`;
    return {
      variable,
      file: { name, about: `${variable} of ${key}`, mode: 0o444, kind: "composed", content } satisfies SecretFile,
    };
  });
  return {
    environment: Object.fromEntries(
      files.map(({ variable, file }) => [`${variable}_FILE`, `/run/secrets/${file.name}`]),
    ),
    envFiles: [],
    mountedSecrets: files.map(({ file }) => file.name),
    secretFiles: files.map(({ file }) => file),
  };
}

function offeredVariables(
  connections: readonly Connection[],
  problems: OptionProblem[],
  options: AppOptions,
): Record<string, SecretText> {
  const offered: Record<string, SecretText> = {};
  const from: Record<string, string> = {};
  const doubles = new Map<string, string[]>();
  for (const connection of connections) {
    for (const [variable, text] of Object.entries(connection.variables)) {
      const other = from[variable];
      if (other !== undefined && other !== connection.from && !(variable in options.env)) {
        const pair = `${other} and ${connection.from}`;
        doubles.set(pair, [...(doubles.get(pair) ?? []), variable]);
      }
      from[variable] = connection.from;
      offered[variable] = text;
    }
  }
  for (const [pair, variables] of doubles)
    problems.push({
      path: ["uses"],
      message: `${pair} both give this app ${variables.join(", ")}`,
      hint: `remove one from uses, or set ${variables.length === 1 ? variables[0] : "these"} yourself under env`,
    });
  return offered;
}

function suppliedSecrets(secrets: Readonly<Record<string, string>>): SecretFile[] {
  return Object.entries(secrets).map(([variable, name]) => ({
    name,
    about: `${variable}, supplied by you`,
    mode: 0o444,
    kind: "supplied",
  }));
}

function sorted(values: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1)));
}
