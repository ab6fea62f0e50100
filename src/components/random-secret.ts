import type { SecretFile } from "../stack/model.ts";

/** A secret that is made once, 256 random bits in hex, and is the user's from then on. Every server may read it. */
export function randomSecret(name: string, about: string): SecretFile {
  return { name, about, mode: 0o444, kind: "random", encoding: "hex" };
}

/** The same as a password: letters, digits, `-` and `_`, so that it can stand in an address. */
export function randomPassword(name: string, about: string): SecretFile {
  return { name, about, mode: 0o444, kind: "random", encoding: "base64url" };
}
