/** Values that everybody knows, because they stand in every tutorial. */
const wellKnown = new Set(
  "admin changeme change_me example guest minioadmin password pass postgres root secret test user 123456 1234 12345678 mysql mysecretpassword db-password".split(
    " ",
  ),
);

const secretLike =
  /PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIAL|PRIVATE|API_?KEY|ENCRYPTION_?KEY|APP_KEY|AUTH_KEY|MASTER_KEY|SALT$|(^|_)(PASS|PWD|DSN)$/i;

const loginInUrl = /:\/\/[^/\s:@]*:[^/\s@]+@/;

/** True where a variable's value must not stand in a file that others read. */
export function isSecret(variable: string, value: string): boolean {
  if (value === "") return false;
  if (loginInUrl.test(value)) return true;
  if (!secretLike.test(variable) || /_FILE$/i.test(variable)) return false;
  // Times, counts and switches: ACCESS_TOKEN_EXPIRE_MINUTES, ALLOW_EMPTY_PASSWORD.
  const isSetting = /^(true|false|yes|no|on|off|\d{1,6}|\d+(\.\d+)?(ms|s|m|h|d))$/i.test(value);
  return (
    !isSetting ||
    /(PASSWORD|PASSWD|PASS|PWD|SECRET|KEY|TOKEN)$/i.test(
      variable.replace(/ALLOW_EMPTY_PASSWORD|RANDOM_ROOT_PASSWORD/i, ""),
    )
  );
}

export function isWellKnown(value: string): boolean {
  return value.length < 8 || wellKnown.has(value.toLowerCase());
}

/** True for text of a configuration file in which a secret seems to stand. */
export function holdsSecret(text: string): boolean {
  return (
    /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text) ||
    /^\s*[\w.-]*(password|passwd|secret|token|api_?key|requirepass|masterauth)["']?\s*(:|=|\s)\s*["']?[^\s"'${#][^\s]*/im.test(
      text,
    ) ||
    loginInUrl.test(text)
  );
}

/** Options of a command line that hold a password: `--requirepass x`. */
export function secretsInWords(words: readonly string[]): boolean {
  return words.some(
    (word, index) =>
      /^--?[\w.-]*(pass(word)?|token|secret|api-?key)[\w-]*=[^$]/i.test(word) ||
      (/^--?[\w.-]*(pass(word)?|requirepass|masterauth|token|secret|api-?key)$/i.test(word) &&
        /^[^-$]/.test(words[index + 1] ?? "-")) ||
      (/\s/.test(word) && /--?[\w.-]*(pass(word)?|requirepass|token|secret)[= ]["']?[^\s$"'-]/i.test(word)) ||
      loginInUrl.test(word),
  );
}
