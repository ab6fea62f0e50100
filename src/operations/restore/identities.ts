import { readFileSync } from "node:fs";
import { type Identities, noIdentities, readIdentities } from "../../snapshots/recipients.ts";
import { messageOf, StackError, systemCode } from "../../support/errors.ts";

/** The private keys in a file that the user names; none where no file is named. */
export function identitiesFrom(path: string | undefined): Identities {
  if (path === undefined) return noIdentities;
  let text: string;
  try {
    // `-`: from standard input, so that the key need not lie on the server.
    text = readFileSync(path === "-" ? 0 : path, "utf8");
  } catch (error) {
    throw new StackError({
      code: "key-unreadable",
      exit: "secret",
      message:
        systemCode(error) === "ENOENT"
          ? `There is no key file ${path}`
          : `The key file ${path} cannot be read: ${messageOf(error)}`,
      hint: "give the file with AGE-SECRET-KEY-1… that was saved when `backup keygen` was run: --key FILE",
    });
  }
  return readIdentities(text);
}
