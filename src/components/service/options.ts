import { z } from "zod";
import { absolutePath, command, duration, name, secretName } from "../../stack/fields.ts";
import { options as appOptions, copiedThere, sharing } from "../app/options.ts";
import { keptProblem } from "./kept.ts";

/** Rights of root inside a container that images need to hand files to their own user, and that do not reach the host. */
const capabilities = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"] as const;

const volume = z
  .strictObject({
    name: name("the volume's name").describe("Name of the volume, unique within the service"),
    path: absolutePath("a path in the container").describe("Where the service finds it"),
    backup: z
      .union([
        z.enum(["stop", "pause", "live", "none"]),
        z.strictObject({
          before: command().describe(
            "Command in the service that writes what is to be copied, or holds its writes back",
          ),
          after: command().optional().describe("Command that lets it go on; runs in any case"),
        }),
      ])
      .optional()
      .describe(
        "How it is copied for a backup: with the service stopped (right for any server), paused, live, around a command, or none. Left out, it is not backed up, and `status` says so",
      ),
    ...sharing,
  })
  .refine(({ of, backup }) => of === undefined || backup === undefined, copiedThere);

const file = z.strictObject({
  path: absolutePath("a path in the container").describe("Where the service finds it, read-only"),
  content: z.string().describe("Its text; no passwords, which belong under secrets"),
  executable: z.boolean().default(false).describe("Whether it can be run"),
});

const hostPath = z.strictObject({
  source: absolutePath("a path of this server")
    .refine(
      (path) => !reachesEngine(path),
      "expected a path that does not lead to the Docker engine: whoever reaches it owns the server",
    )
    .describe("Path on this server, which must be there"),
  path: absolutePath("a path in the container").describe("Where the service finds it, read-only"),
});

function reachesEngine(path: string): boolean {
  const bare = path.replace(/(?<=.)\/+$/, "");
  return (
    /(docker|containerd|podman)[^/]*\.sock/.test(bare) ||
    /^\/(run|var|var\/run|var\/lib|var\/lib\/docker(\/.*)?)?$/.test(bare)
  );
}

const { image, port, routes, uses, env, secrets, health, user, replicas, publish, shm, limits } = appOptions.shape;

/** Section of stack.yaml for `type: service`. */
export const options = z.strictObject({
  image,
  because: z
    .string()
    .min(3, "expected a reason such as: imported")
    .default("imported")
    .describe("Why it may have what other components may not; stands beside each exception"),
  port,
  routes,
  uses: uses.describe(
    "Components that it connects to or waits for; data components give it environment such as DATABASE_URL",
  ),
  env,
  secrets,
  secretFiles: z.array(secretName()).default([]).describe("Files under secrets/ that it finds as /run/secrets/<name>"),
  health,
  command: command().optional().describe("Instead of the image's own command"),
  entrypoint: command().optional().describe("Instead of the image's own entry point"),
  workingDir: absolutePath("a path in the container")
    .optional()
    .describe("Instead of the image's own working directory"),
  user,
  replicas,
  volumes: z.array(volume).default([]).describe("Data of its own that must survive"),
  files: z.array(file).default([]).describe("Configuration files that are written for it"),
  hostPaths: z.array(hostPath).default([]).describe("Files and folders of this server that it may read"),
  readOnlyRoot: z
    .boolean()
    .default(false)
    .describe("Forbids it to write anywhere but to its volumes and /tmp; try it, most images can"),
  capabilities: z
    .array(z.enum(capabilities))
    .default([])
    .describe("Rights that it gets back, for images that begin as root and then change to a user of their own"),
  internal: z
    .boolean()
    .default(false)
    .describe("Only components that use it reach it, and it has no way out to the internet; right for databases"),
  oneShot: z
    .boolean()
    .default(false)
    .describe("It ends by itself, and what uses it waits for that; one that nothing uses is run by hand"),
  publish,
  shm,
  stopGrace: duration().prefault("30s").describe("Time between being told to stop and being killed"),
  limits,
  compose: z
    .record(z.string(), z.unknown())
    .default({})
    .superRefine((kept, context) => {
      for (const key of Object.keys(kept)) {
        const message = keptProblem(key, kept[key]);
        if (message !== undefined) context.addIssue({ code: "custom", message, path: [key] });
      }
    })
    .describe("Further keys of a Compose service, taken over as they stand: extra_hosts, devices, sysctls, labels"),
});

export type ServiceOptions = z.output<typeof options>;
