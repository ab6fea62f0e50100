import type { TestedReceiver } from "./test-receivers.ts";

/**
 * What to do where a receiver did not take a test message: the next thing to try, in one line. `holder`: a service that
 * keeps secrets as they were when it started.
 */
export function wayOut({
  name,
  error,
  secret,
  holder,
}: {
  name: TestedReceiver["receiver"];
  error: string;
  secret: string | undefined;
  holder?: string | undefined;
}): string {
  const test = `./prod.sh alerts test --to ${name}`;
  const again = holder === undefined ? test : `./prod.sh restart ${holder} && ${test}`;
  const file = secret === undefined ? "notify: of stack.yaml" : `secrets/${secret}`;
  if (/is empty or missing|cannot be empty|no address such as|unsupported protocol scheme/.test(error))
    return `write it: install -m 444 /dev/stdin ${file}, paste the value, end with Ctrl-D; then ${again}`;
  if (/refused the login|\b53[045]\b.*auth|Invalid login/i.test(error))
    return `user: in stack.yaml and the password in ${file} must be those of the mail server; then ${again}`;
  if (/cannot encrypt|certificate|x509|STARTTLS/i.test(error))
    return "say in stack.yaml how the server encrypts: tls: starttls (port 587), implicit (port 465), none (a server on this host); then ./prod.sh generate && ./prod.sh start";
  if (/no answer|does not answer|dial tcp|deadline|no such host|timeout|connection refused/i.test(error))
    return `does this server get out, and is the address right? Look at its firewall and at ${file}; then ${again}`;
  return refusals[name](file, again);
}

const refusals: Record<TestedReceiver["receiver"], (file: string, again: string) => string> = {
  slack: (file, again) =>
    `the webhook was taken back or its channel is gone: make one at https://api.slack.com/apps (Incoming Webhooks), write its address into ${file}; then ${again}`,
  email: () =>
    "the mail server does not take this sender or receiver: look at from: and to: in stack.yaml; then ./prod.sh generate && ./prod.sh start",
  pagerduty: (file, again) =>
    `the key must be the Integration Key of an "Events API v2" integration; write it into ${file}; for an account in the EU set url: in stack.yaml; then ${again}`,
  webhook: (file, again) => `look at the log of the server whose address stands in ${file}; then ${again}`,
  heartbeat: (file, again) => `the address in ${file} must answer a GET with 2xx; then ${again}`,
};
