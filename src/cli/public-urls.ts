import { tlsEntrance } from "../operations/status-certificates.ts";
import type { StackModel } from "../stack/model.ts";

/** Where the stack is reached from outside, each address once. */
export function publicUrls(model: StackModel): string[] {
  const port = tlsEntrance(model)?.port ?? 443;
  const urls = model.routes.map(({ host, path, certificate }) => {
    const address = certificate === undefined ? `http://${host}` : `https://${host}${port === 443 ? "" : `:${port}`}`;
    return `${address}${path}`;
  });
  return [...new Set(urls)];
}
