import { z } from "zod";
import { absolutePath, duration, hostName, imageReference, limits, name } from "../../stack/fields.ts";

/** From 1.27.3 on nginx asks for the addresses of an app again while it runs, from 1.29.3 on it adds headers up. */
const defaultImage = "nginx:1.30.6";

/** Folders of the stack's directory that are no site: secrets, copies, and what is generated. */
const ownFolders = ["backups", "config", "node_modules", "routes", "rules", "secrets"];

const folderName = z
  .string({ error: "expected a folder beside stack.yaml, such as site" })
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_-]*(\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/,
    "expected a folder beside stack.yaml, such as site or web/dist",
  )
  .refine(
    (text) => !ownFolders.includes(text.split("/")[0] ?? ""),
    "this folder is the stack's own, and whatever lies in a site is public; choose another one",
  );

/** A path in a URL that stands in nginx' configuration as it is. */
function urlPath(what: string) {
  return absolutePath(what).regex(/^[A-Za-z0-9/._~-]*$/, `expected ${what}, of letters, digits and / . _ ~ -`);
}

const siteMap = z.strictObject({
  folder: folderName.default("site").describe("Folder beside stack.yaml that holds the files, readable by everybody"),
  inImage: absolutePath("a folder in the image")
    .regex(/^[A-Za-z0-9/._-]*$/, "expected a folder in the image, such as /usr/share/nginx/html")
    .optional()
    .describe("Folder in `image` that holds the files, instead of one beside stack.yaml"),
  fallback: urlPath("a file such as /index.html")
    .optional()
    .describe("File that answers where there is none, for a single-page application: /index.html"),
  notFound: urlPath("a file such as /404.html").optional().describe("File that is shown with the answer 404"),
  cache: z
    .record(urlPath("a path such as /assets"), duration())
    .default({})
    .describe(
      "Paths whose files get another name with another content, and how long browsers keep them. All else is asked for anew",
    ),
});

const site = z.union([z.literal(false), folderName.transform((folder) => siteMap.parse({ folder })), siteMap]);

/** Which container gets a request. */
export const balances = ["round-robin", "least-conn", "ip-hash"] as const;

const appName = name("the name of an app of this stack");
const upstreamMap = z.strictObject({
  app: appName.describe("App that gets the requests"),
  balance: z
    .enum(balances)
    .default("round-robin")
    .describe(
      "How its containers share them: in turn, the least busy one first, or each visitor always at the same one",
    ),
  timeout: duration().prefault("60s").describe("Longest time without a byte from the app; WebSockets want more"),
  strip: z.boolean().default(false).describe("The app sees the path without this beginning"),
});

const route = z.union([
  hostName().transform((host) => ({ host, path: "/" })),
  z.strictObject({
    host: hostName().describe("Public host name; its DNS record points at this server"),
    path: absolutePath("a path such as /docs").default("/").describe("Path prefix that comes to nginx"),
  }),
]);

/** Section of stack.yaml for `type: nginx`. */
export const nginxOptions = z.strictObject({
  image: imageReference()
    .default(defaultImage)
    .describe("Image of nginx from 1.29.3 on with curl in it, or yours that is made from it and holds the site"),
  routes: z.array(route).default([]).describe("Public addresses: host names, or { host, path }"),
  site: site
    .prefault({})
    .describe("Static files: a folder beside stack.yaml, or { folder, fallback, cache }; false: none"),
  upstreams: z
    .record(
      urlPath("a path such as /api"),
      z.union([appName.transform((app) => upstreamMap.parse({ app })), upstreamMap]),
    )
    .default({})
    .describe("Paths that go to apps of this stack: /api: server, or { app, balance, timeout, strip }"),
  snippet: z
    .string()
    .default("")
    .describe("Lines of nginx' own language for its `server`: redirects, further locations, headers"),
  limits: limits({ cpus: 0.5, memory: "128m" }),
});

export type NginxOptions = z.output<typeof nginxOptions>;
