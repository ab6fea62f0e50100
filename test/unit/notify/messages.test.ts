import { describe, expect, test } from "vitest";
import { bodyOf, headlineOf } from "../../../src/notify/message.ts";
import { pagerdutyDocument } from "../../../src/notify/pagerduty.ts";
import { slackDocument } from "../../../src/notify/slack.ts";
import { alertDocument } from "../../../src/notify/webhook.ts";
import { message, recovery } from "../../support/messages.ts";

describe("the words of a message", () => {
  test("while the trouble lasts", () => {
    expect([headlineOf(message()), ...bodyOf(message())]).toEqual([
      "CRITICAL shop: web-1 is unhealthy: <connect refused> & gone",
      "Down with it: client",
      "Component: web",
      "Service: web-1",
      "Since: 2026-11-21 12:00:10 UTC",
      "First command: ./prod.sh logs web-1 --tail 50",
    ]);
  });

  test("when it is over: no command, nothing is left to do", () => {
    expect([headlineOf(recovery()), ...bodyOf(recovery())]).toEqual([
      "RESOLVED shop: web-1 is unhealthy: <connect refused> & gone",
      "Down with it: client",
      "Component: web",
      "Service: web-1",
      "Since: 2026-11-21 12:00:10 UTC",
      "Over: 2026-11-21 12:30:00 UTC",
    ]);
  });

  test("a service that is called like its component is named once", () => {
    expect(bodyOf(message({ service: "web", lines: [] })).slice(0, 2)).toEqual([
      "Component: web",
      "Since: 2026-11-21 12:00:10 UTC",
    ]);
  });
});

describe("what each receiver gets", () => {
  test("Slack: one attachment with its colour; what Slack would read as markup is escaped", () => {
    expect(slackDocument(message())).toEqual({
      attachments: [
        {
          color: "#d0021b",
          fallback: "CRITICAL shop: web-1 is unhealthy: &lt;connect refused&gt; &amp; gone",
          title: "CRITICAL shop: web-1 is unhealthy: &lt;connect refused&gt; &amp; gone",
          text: "Down with it: client\nComponent: web\nService: web-1\nSince: 2026-11-21 12:00:10 UTC\nFirst command: `./prod.sh logs web-1 --tail 50`",
          mrkdwn_in: ["text"],
        },
      ],
    });
    expect(slackDocument(message({ severity: "warning" }))).toMatchObject({ attachments: [{ color: "#f5a623" }] });
    expect(slackDocument(recovery())).toMatchObject({ attachments: [{ color: "#2e8540" }] });
  });

  test("PagerDuty: an incident, and its end under the same key", () => {
    expect(pagerdutyDocument("R0UTING", message())).toEqual({
      routing_key: "R0UTING",
      dedup_key: "shop/service/web-1",
      event_action: "trigger",
      client: "create-stack",
      payload: {
        summary: "CRITICAL shop: web-1 is unhealthy: <connect refused> & gone",
        source: "shop",
        severity: "critical",
        class: "ServiceDown",
        timestamp: "2026-11-21T12:00:10.000Z",
        component: "web",
        group: "web-1",
        custom_details: { details: bodyOf(message()).join("\n") },
      },
    });
    expect(pagerdutyDocument("R0UTING", recovery())).toEqual({
      routing_key: "R0UTING",
      dedup_key: "shop/service/web-1",
      event_action: "resolve",
    });
  });

  test("PagerDuty: what is too long for it is cut, a long key stays the same key", () => {
    const long = message({ title: "x".repeat(2_000), key: "k".repeat(300) });
    const document = pagerdutyDocument("R", long) as { dedup_key: string; payload: { summary: string } };
    expect(document.payload.summary).toHaveLength(1_024);
    expect(document.dedup_key).toMatch(/^[0-9a-f]{64}$/);
    expect(pagerdutyDocument("R", { ...long, state: "resolved" })).toMatchObject({ dedup_key: document.dedup_key });
  });

  test("webhook: the document that Alertmanager posts", () => {
    const labels = {
      alertname: "ServiceDown",
      severity: "critical",
      stack: "shop",
      component: "web",
      service: "web-1",
    };
    const annotations = {
      summary: "web-1 is unhealthy: <connect refused> & gone",
      description: "Down with it: client",
      command: "./prod.sh logs web-1 --tail 50",
    };
    const alert = {
      status: "firing",
      labels,
      annotations,
      startsAt: "2026-11-21T12:00:10.000Z",
      endsAt: "0001-01-01T00:00:00Z",
      generatorURL: "",
      fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/),
    };
    expect(alertDocument(message())).toEqual({
      version: "4",
      groupKey: "shop/service/web-1",
      truncatedAlerts: 0,
      status: "firing",
      receiver: "webhook",
      groupLabels: { stack: "shop", component: "web" },
      commonLabels: labels,
      commonAnnotations: annotations,
      externalURL: "",
      alerts: [alert],
    });
    expect(alertDocument(recovery())).toMatchObject({
      status: "resolved",
      alerts: [{ status: "resolved", endsAt: "2026-11-21T12:30:00.000Z" }],
    });
  });
});
