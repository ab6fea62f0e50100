import { afterEach, describe, expect, test } from "vitest";
import { type MailSettings, sendEmail } from "../../../src/notify/email.ts";
import { messageOf } from "../../../src/support/errors.ts";
import { message } from "../../support/messages.ts";
import { type MailServer, type MailServerOptions, mailServer } from "../../support/receivers.ts";

let server: MailServer;
const login = { user: "shop", password: "pass-5ecret-4711" };
const slept: number[] = [];
const clock = {
  sleep: async (milliseconds: number) => {
    slept.push(milliseconds);
  },
};
const sending = { clock, signal: new AbortController().signal };

async function open(options: MailServerOptions): Promise<void> {
  slept.length = 0;
  server = await mailServer(options);
}
afterEach(() => server.close());

function settings(parts: Partial<MailSettings> = {}): MailSettings {
  const { port, authority } = server;
  const addresses = { from: "shop@example.com", to: ["ops@example.com", "boss@example.com"] };
  return { host: "localhost", port, authority, tls: "starttls", ...addresses, ...login, ...parts };
}

async function refusal(act: Promise<void>): Promise<string> {
  return await act.then(
    () => "taken",
    (error) => messageOf(error),
  );
}

describe("mail over STARTTLS", () => {
  test("arrives encrypted, with headline and lines, at everybody", async () => {
    await open({ tls: "starttls", login });
    await sendEmail(settings(), message(), sending);
    expect(server.mails).toHaveLength(1);
    const [mail] = server.mails;
    expect(mail).toMatchObject({
      from: "shop@example.com",
      to: ["ops@example.com", "boss@example.com"],
      encrypted: true,
    });
    const [head = "", body = ""] = (mail?.text ?? "").split("\r\n\r\n");
    expect(head.replaceAll("\r\n ", " ")).toContain(
      "Subject: CRITICAL shop: web-1 is unhealthy: <connect refused> & gone",
    );
    expect(head).toContain("Auto-Submitted: auto-generated");
    expect(body.trim().split("\r\n")).toEqual([
      "Down with it: client",
      "Component: web",
      "Service: web-1",
      "Since: 2026-11-21 12:00:10 UTC",
      "First command: ./prod.sh logs web-1 --tail 50",
    ]);
  });

  test("a wrong password is told without it, and not tried again", async () => {
    await open({ tls: "starttls", login });
    const told = await refusal(sendEmail(settings({ password: "wr0ng-5ecret" }), message(), sending));
    expect(told).toMatch(/^localhost:\d+ refused the login: 535 .*Invalid username or password$/);
    expect(told).not.toContain("5ecret");
    expect([server.logins, server.mails, slept]).toEqual([["wr0ng-5ecret"], [], []]);
  });

  test("a server that cannot encrypt gets neither password nor message", async () => {
    await open({ tls: "none", login });
    expect(await refusal(sendEmail(settings(), message(), sending))).toMatch(/cannot encrypt \(tls: starttls\)/);
    expect([server.logins, server.mails]).toEqual([[], []]);
  });

  test("a certificate that nobody vouches for is refused", async () => {
    await open({ tls: "starttls", login });
    const { authority: _, ...strangers } = settings();
    expect(await refusal(sendEmail(strangers, message(), sending))).toMatch(
      /^localhost:\d+ cannot encrypt \(tls: starttls\): .*certificate/,
    );
    expect([server.logins, server.mails, slept]).toEqual([[], [], []]);
  });
});

describe("mail otherwise", () => {
  test("with TLS from the first byte", async () => {
    await open({ tls: "implicit", login });
    await sendEmail(settings({ tls: "implicit" }), message(), sending);
    expect(server.mails).toMatchObject([{ encrypted: true }]);
  });

  test("without TLS, where that was said", async () => {
    await open({ tls: "none" });
    const { user: _, password: __, ...plain } = settings({ tls: "none" });
    await sendEmail(plain, message(), sending);
    expect(server.mails).toMatchObject([{ encrypted: false }]);
  });

  test("a server that says `later` is tried again; one that says no is not", async () => {
    await open({ tls: "starttls", login });
    server.refusals.push(451, 421);
    await sendEmail(settings(), message(), sending);
    expect(server.mails).toHaveLength(1);
    expect(slept).toEqual([1_000, 5_000]);
    server.refusals.push(550);
    expect(await refusal(sendEmail(settings(), message(), sending))).toMatch(/refused the mail: 550 not now$/);
    expect(slept).toHaveLength(2);
  });

  test("a server that never says a word is left after the time limit, three times", async () => {
    await open({ tls: "silent" });
    const told = await refusal(sendEmail(settings(), message(), { ...sending, limit: 300 }));
    expect(told).toMatch(/^no answer from localhost:\d+: none within 0\.3 s$/);
    expect(server.connections).toBe(3);
  });

  test("nobody listens: told, and tried again", async () => {
    await open({ tls: "none" });
    await server.close();
    expect(await refusal(sendEmail(settings(), message(), sending))).toMatch(
      /^localhost:\d+ does not answer as a mail server: .*ECONNREFUSED/,
    );
    expect(slept).toHaveLength(2);
    await open({ tls: "none" });
  });

  test("a line break in what is told adds no header", async () => {
    await open({ tls: "starttls", login });
    await sendEmail(settings(), message({ title: "a\r\nBcc: evil@example.com\r\n\r\nb" }), sending);
    const [mail] = server.mails;
    expect(mail?.to).toEqual(["ops@example.com", "boss@example.com"]);
    expect(mail?.text).not.toMatch(/^Bcc:/m);
  });
});
