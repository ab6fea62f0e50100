/** Names that the parts of this component have, by its key in stack.yaml. */
export function namesOf(key: string) {
  return {
    data: `${key}-data`,
    setup: `${key}-setup`,
    /** Everything that the server mounts; a change in it makes a new container. */
    config: `config/${key}/server`,
    script: `config/${key}/setup.sh`,
    topology: `config/${key}/topology`,
    admin: `${key}_stack_admin`,
    monitor: `${key}_stack_monitor`,
    cookie: `${key}_erlang_cookie`,
    definitions: `${key}_definitions`,
  };
}

/** Where the server's folder is mounted: past all that the image has there. */
export const configFolder = "/etc/rabbitmq";

export const ports = { amqp: 5672, management: 15_672, metrics: 15_692 };
