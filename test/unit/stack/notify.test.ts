import { describe, expect, test } from "vitest";
import { complaintsOf, modelOf } from "../../support/catalogue.ts";

const stack = (...notify: string[]) =>
  ["name: shop", "components:", "  redis: {}", "notify:", ...notify.map((line) => `  ${line}`), ""].join("\n");

describe("notify", () => {
  test("left out, nobody is told", () => {
    expect(modelOf("name: shop\ncomponents:\n  redis: {}\n").notify).toEqual({});
  });

  test("every receiver, with its defaults filled in", () => {
    const { notify, secrets } = modelOf(
      stack(
        "slack: { webhook: slack_webhook }",
        "email: { to: ops@shop.example, smtp: smtp.shop.example:587, user: ops, password: smtp_password }",
        "pagerduty: { key: pagerduty_key, only: critical }",
        "webhook: { url: alert_webhook }",
        "heartbeat: heartbeat_url",
      ),
    );
    expect(notify).toEqual({
      slack: { webhook: "slack_webhook" },
      email: {
        to: ["ops@shop.example"],
        from: "ops@shop.example",
        host: "smtp.shop.example",
        port: 587,
        tls: "starttls",
        user: "ops",
        password: "smtp_password",
      },
      pagerduty: { key: "pagerduty_key", only: "critical", url: "https://events.pagerduty.com/v2/enqueue" },
      webhook: { url: "alert_webhook" },
      heartbeat: "heartbeat_url",
    });
    const supplied = secrets.flatMap((file) => (file.kind === "supplied" && file.for === "notify" ? [file.name] : []));
    expect(supplied).toEqual(["slack_webhook", "smtp_password", "pagerduty_key", "alert_webhook", "heartbeat_url"]);
  });

  test("port 465 speaks TLS from its first byte", () => {
    const { notify } = modelOf(stack("email: { to: ops@shop.example, smtp: smtp.shop.example:465 }"));
    expect(notify.email?.tls).toBe("implicit");
  });

  test.each([
    [
      "a password without a user",
      "email: { to: a@shop.example, smtp: smtp.shop.example:25, password: smtp_password }",
      "5:70 a password for the mail server without a user\n  add user: the name to log in with",
    ],
    [
      "an address with a password in it, which is not repeated",
      "email: { to: a@shop.example, smtp: smtp://ops:hunter2@smtp.shop.example }",
      "5:38 notify.email.smtp: expected a mail server such as smtp.example.com:587; its password is a file, named by password:",
    ],
    ["a receiver that nobody knows", "slak: { webhook: x }", '5:3 notify: unknown key "slak"\n  did you mean "slack"?'],
    [
      "another choice than critical",
      "slack: { webhook: x, only: warning }",
      '5:30 notify.slack.only: expected critical, got "warning"',
    ],
  ])("refused: %s", (_, notify, expected) => {
    expect(complaintsOf(stack(notify))).toBe(expected);
  });
});
