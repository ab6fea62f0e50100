import type { Mount } from "../../stack/service.ts";
import type { ServiceNeeds } from "../component.ts";
import type { NginxOptions } from "./options.ts";

/** What it listens on: for visitors, and for its own health and figures. */
export const port = 8080;
export const statusPort = 8081;

/** Where the files of the site lie in the container. */
export const siteFolder = "/srv/site";

const configFolder = "/etc/nginx/stack";
const megabyte = 1024 ** 2;

/** Where the site's files are in the container; undefined: there is no site. */
export function rootOf({ site }: Pick<NginxOptions, "site">): string | undefined {
  return site === false ? undefined : (site.inImage ?? siteFolder);
}

/** Folder of the stack's directory that holds the site; undefined where it has none there. */
export function folderOf({ site }: Pick<NginxOptions, "site">): string | undefined {
  return site === false || site.inImage !== undefined ? undefined : site.folder;
}

/** Looks at the files of the site and at the apps, and prints what `status` shows. */
export const inspectCommand = ["sh", `${configFolder}/inspect.sh`];

/** `networks`: those that it is in, which depends on whom it passes requests on to. */
export function serverService(
  key: string,
  about: string,
  options: NginxOptions,
  { networks, dependsOn }: Pick<ServiceNeeds, "networks" | "dependsOn">,
): ServiceNeeds {
  const folder = folderOf(options);
  const mounts: Mount[] = [{ kind: "bind", source: `config/${key}`, target: configFolder, readOnly: true }];
  if (folder !== undefined) mounts.push({ kind: "bind", source: folder, target: siteFolder, readOnly: true });
  // Past the image's entry point, which would rewrite a configuration that is not there.
  const program = ["nginx", "-e", "/dev/stderr", "-c", `${configFolder}/nginx.conf`];
  return {
    name: key,
    about,
    group: "apps",
    image: options.image,
    user: "101:101",
    entrypoint: program,
    configCheck: [...program, "-t", "-q"],
    mounts,
    tmpfs: [{ target: "/tmp", size: 64 * megabyte, mode: "1777" }],
    networks,
    ...(dependsOn && { dependsOn }),
    healthcheck: { test: ["CMD", "curl", "-fsS", "-o", "/dev/null", `http://127.0.0.1:${statusPort}/health`] },
    limits: options.limits,
    stopGracePeriod: 30_000,
  };
}
