import type { BackupConfig } from "../stack/config.ts";
import type { SecretFile } from "../stack/model.ts";

/** Secrets that `backup:` names: keys of destinations, addresses that are told of each run. No container reads them. */
export function backupSecrets({ destinations, report }: Pick<BackupConfig, "destinations" | "report">): SecretFile[] {
  const keys = new Map<string, string[]>();
  for (const { name, credentials } of destinations) keys.set(credentials, [...(keys.get(credentials) ?? []), name]);
  const addresses = [
    { name: report.ping, about: "Address that is requested after each backup without a failure" },
    { name: report.webhook, about: "Address that gets a report of each backup" },
  ];
  return [
    ...[...keys].map(([name, users]) =>
      supplied(name, `Keys of ${users.join(" and ")}, for backups: access key id, in the next line the secret key`),
    ),
    ...addresses.flatMap(({ name, about }) => (name === undefined ? [] : [supplied(name, about)])),
  ];
}

function supplied(name: string, about: string): SecretFile {
  return { name, about, mode: 0o600, kind: "supplied", for: "backup" };
}
