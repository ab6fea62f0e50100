import { z } from "zod";
import { email as address, secretName } from "./fields.ts";
import type { NotifySettings } from "./monitoring.ts";

const only = z.literal("critical").optional().describe("Only what is critical");

const slack = z.strictObject({
  webhook: secretName().describe("Secret with the address of an incoming webhook"),
  only,
});

const mailServer = /^(?<host>[A-Za-z0-9.-]+):(?<port>\d{1,5})$/;

const email = z.strictObject({
  to: z
    .union([address().transform((one) => [one]), z.array(address()).min(1)])
    .describe("Who gets the mail; one address or several"),
  from: address().optional().describe("Sender (default: the first of `to`)"),
  smtp: z
    .string({ error: "expected a mail server such as smtp.example.com:587" })
    // The text is never repeated: it could be an address with a password in it.
    .superRefine((text, issues) => {
      if (mailServer.test(text)) return;
      const message = "expected a mail server such as smtp.example.com:587; its password is a file, named by password:";
      issues.addIssue({ code: "custom", message });
    })
    .describe("Mail server with its port: smtp.example.com:587"),
  tls: z
    .enum(["starttls", "implicit", "none"])
    .optional()
    .describe("starttls (default), implicit (default on port 465), or none for a server on this host"),
  user: z.string().min(1).optional().describe("Name to log in with"),
  password: secretName().optional().describe("Secret with the password"),
  only,
});

const pagerduty = z.strictObject({
  key: secretName().describe("Secret with the routing key of an Events API v2 integration"),
  url: z
    .string()
    .regex(/^https?:\/\/[^\s]+$/, "expected an address such as https://events.eu.pagerduty.com/v2/enqueue")
    .default("https://events.pagerduty.com/v2/enqueue")
    .describe("Address of the events API; accounts in the EU have another one"),
  only,
});

const webhook = z.strictObject({
  url: secretName().describe("Secret with an address that gets Alertmanager's JSON document of each alert"),
  only,
});

/** `notify:` of stack.yaml. Left out, nobody is told. */
export const notifyShape = z
  .strictObject({
    slack: slack.optional().describe("Messages to a Slack channel (or to Mattermost, which takes the same)"),
    email: email.optional().describe("Mail"),
    pagerduty: pagerduty.optional().describe("Incidents at PagerDuty"),
    webhook: webhook.optional().describe("A JSON document to an address of yours"),
    heartbeat: secretName()
      .optional()
      .describe("Secret with an address that is requested every few minutes while all is well: a dead-man's switch"),
  })
  .prefault({})
  .describe("Who is told when something is wrong");

export type NotifySection = z.infer<typeof notifyShape>;

/** What is wrong in `notify:` beyond its types, with paths inside it. */
export function notifyProblems({ email: mail }: NotifySection): {
  path: string[];
  message: string;
  hint: string;
}[] {
  if (mail === undefined || (mail.user === undefined) === (mail.password === undefined)) return [];
  const [given, missing] = mail.user === undefined ? ["password", "user"] : ["user", "password"];
  return [
    {
      path: ["email", given],
      message: `a ${given} for the mail server without a ${missing}`,
      hint:
        missing === "user" ? "add user: the name to log in with" : "add password: smtp_password, a file under secrets/",
    },
  ];
}

/** Settings of the model from a checked section. */
export function notifySettings({ email: mail, ...rest }: NotifySection): NotifySettings {
  // What was left out is left out here as well, so that the model reads the same after a way through JSON.
  return JSON.parse(JSON.stringify({ ...rest, ...(mail && { email: mailSettings(mail) }) })) as NotifySettings;
}

function mailSettings({ smtp, to, from, tls, ...rest }: NonNullable<NotifySection["email"]>) {
  const { host, port } = mailServer.exec(smtp)?.groups ?? {};
  return {
    to,
    from: from ?? to[0],
    host,
    port: Number(port),
    tls: tls ?? (port === "465" ? "implicit" : "starttls"),
    ...rest,
  };
}
