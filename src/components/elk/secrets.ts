import type { SecretFile } from "../../stack/model.ts";
import { secret, secretText } from "../../stack/secret-text.ts";
import { randomSecret } from "../random-secret.ts";
import { namesOf } from "./names.ts";

export function secretsOf(key: string, monitored: boolean): SecretFile[] {
  const names = namesOf(key);
  const { elastic, kibanaSystem, writer, monitor, sessionKey, objectsKey, reportingKey, kibana } = names.secrets;
  return [
    randomSecret(elastic, "Password of `elastic`, the superuser of Elasticsearch and the login of Kibana"),
    randomSecret(kibanaSystem, `Password by which ${names.kibana} asks ${names.elasticsearch}`),
    randomSecret(writer, `Password by which ${names.logstash} writes to ${names.elasticsearch}`),
    ...(monitored ? [randomSecret(monitor, `Password by which the state of ${names.elasticsearch} is measured`)] : []),
    randomSecret(sessionKey, "Key of Kibana's sessions; with another one everybody logs in again"),
    randomSecret(objectsKey, "Key of what Kibana keeps encrypted: with another one its rules and connectors are lost"),
    randomSecret(reportingKey, "Key of Kibana's reports"),
    {
      name: kibana,
      about: "Settings of Kibana that nobody else may read",
      mode: 0o444,
      kind: "composed",
      content: secretText`# Written from other files of this folder; read by ${names.kibana} after its kibana.yml.
elasticsearch.password: "${secret(kibanaSystem)}"
xpack.security.encryptionKey: "${secret(sessionKey)}"
xpack.encryptedSavedObjects.encryptionKey: "${secret(objectsKey)}"
xpack.reporting.encryptionKey: "${secret(reportingKey)}"
`,
    },
  ];
}
