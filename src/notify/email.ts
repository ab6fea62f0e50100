import type { EmailReceiver } from "../stack/monitoring.ts";
import { redactor } from "../support/redact.ts";
import { attempts, type Failure, type Sending } from "./attempts.ts";
import { bodyOf, headlineOf, type Message } from "./message.ts";

/** Milliseconds that one attempt may take: a name is looked up, TLS agreed on, the login checked. */
const timeLimit = 20_000;

export interface MailSettings extends Omit<EmailReceiver, "password" | "only"> {
  /** The password itself. */
  password?: string;
  /** Certificates of an authority that is trusted besides the public ones. */
  authority?: string;
}

/**
 * Hands a mail to the mail server. Without TLS only where the settings say `none`: neither the password nor the message
 * goes over a connection that could not be encrypted. Rejects where it was not taken; the error holds no password.
 */
export async function sendEmail(settings: MailSettings, message: Message, sending: Sending): Promise<void> {
  await attempts(sending, () => hand(settings, message, sending));
}

async function hand(
  settings: MailSettings,
  message: Message,
  { signal, limit = timeLimit }: Sending,
): Promise<Failure | undefined> {
  const { createTransport } = await import("nodemailer");
  const { host, port, tls, user, password = "", from, to, authority } = settings;
  const transport = createTransport({
    host,
    port,
    secure: tls === "implicit",
    requireTLS: tls === "starttls",
    ignoreTLS: tls === "none",
    ...(user !== undefined && { auth: { user, pass: password } }),
    tls: { minVersion: "TLSv1.2", ...(authority !== undefined && { ca: authority }) },
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const timeout = AbortSignal.timeout(limit);
  try {
    await transport.sendMail({
      from,
      to,
      subject: headlineOf(message),
      text: `${bodyOf(message).join("\n")}\n`,
      // No answer by a machine is wanted: out of office and the like.
      headers: { "Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All" },
      signal: AbortSignal.any([signal, timeout]),
    });
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    const server = `${host}:${port}`;
    if (timeout.aborted)
      return { error: new Error(`no answer from ${server}: none within ${limit / 1_000} s`), again: true };
    const hide = redactor([password, base64(password), base64(`\0${user ?? ""}\0${password}`)]);
    return { error: new Error(hide(`${server} ${reasonOf(error, settings)}`)), again: mayHelp(error) };
  } finally {
    transport.close();
  }
}

/** What nodemailer says of a failure. */
interface MailFailure {
  code?: string;
  /** What the server answered; `responseCode` is its number. */
  response?: string;
  responseCode?: number;
  message: string;
}

function reasonOf(error: unknown, { tls }: MailSettings): string {
  const { code = "", response = "", message } = error as MailFailure;
  const said = response === "" ? message : response;
  const line = said.replaceAll(/\s+/g, " ").slice(0, 200);
  if (code === "EAUTH") return `refused the login: ${line}`;
  if (isAboutTls(error)) return `cannot encrypt (tls: ${tls}): ${line}`;
  if (code === "EENVELOPE") return `refused the sender or receiver: ${line}`;
  return response === "" ? `does not answer as a mail server: ${line}` : `refused the mail: ${line}`;
}

/** Numbers from 400 to 499 say "later"; without a number there was no answer. A login is not tried over and over. */
function mayHelp(error: unknown): boolean {
  const { code, responseCode } = error as MailFailure;
  if (responseCode !== undefined) return responseCode >= 400 && responseCode < 500;
  return code !== "EAUTH" && code !== "EENVELOPE" && !isAboutTls(error);
}

/** The system's words for a certificate that is not trusted come as an error of the socket. */
function isAboutTls(error: unknown): boolean {
  const { code, message } = error as MailFailure;
  return code === "ETLS" || (code === "ESOCKET" && /certificate|\bSSL\b|\bTLS\b/i.test(message));
}

function base64(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}
