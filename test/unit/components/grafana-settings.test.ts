import { expect, test } from "vitest";
import { modelOf, stackOf } from "../../support/catalogue.ts";

/**
 * Settings of grafana.ini that are used here, with the values that Grafana 13 takes, in our words:
 * https://grafana.com/docs/grafana/latest/setup-grafana/configure-grafana/
 */
const documented: Record<string, RegExp> = {
  "server.domain": /^[a-z0-9.-]+$/,
  "server.root_url": /^https?:\/\/[^ ]+\/$/,
  "security.admin_user": /^admin$/,
  "security.admin_password": /^\$__file\{\/run\/secrets\/\w+\}$/,
  "security.secret_key": /^\$__file\{\/run\/secrets\/\w+\}$/,
  "security.cookie_secure": /^(true|false)$/,
  "security.cookie_samesite": /^(lax|strict|none|disabled)$/,
  "security.disable_gravatar": /^true$/,
  "users.allow_sign_up": /^false$/,
  "users.allow_org_create": /^false$/,
  "auth.anonymous.enabled": /^false$/,
  "analytics.reporting_enabled": /^false$/,
  "analytics.check_for_updates": /^false$/,
  "analytics.check_for_plugin_updates": /^false$/,
  "analytics.feedback_links_enabled": /^false$/,
  "news.news_feed_enabled": /^false$/,
  "snapshots.external_enabled": /^false$/,
  "plugins.preinstall_disabled": /^true$/,
  "plugins.preinstall_auto_update": /^false$/,
  "plugins.plugin_admin_enabled": /^false$/,
  "plugins.disable_plugins": /^[a-z-]+(, [a-z-]+)*$/,
  "unified_alerting.execute_alerts": /^false$/,
  "dashboards.default_home_dashboard_path": /^\/etc\/grafana\/dashboards\/[a-z-]+\.json$/,
  "dashboards.min_refresh_interval": /^\d+(ms|[smh])$/,
  "log.mode": /^(console|file|syslog)$/,
  "log.level": /^(debug|info|warn|error|critical)$/,
};

function settingsOf(options: string): Map<string, string> {
  const model = modelOf(stackOf(`traefik: {}\nmonitoring: {}\ngrafana: ${options}`));
  const text = model.files.find(({ path }) => path === "config/grafana/grafana.ini")?.content ?? "";
  const settings = new Map<string, string>();
  let section = "";
  for (const line of text.split("\n")) {
    section = /^\[(.+)\]$/.exec(line)?.[1] ?? section;
    const [, name, value] = /^(\w+) = (.*)$/.exec(line) ?? [];
    if (name !== undefined) settings.set(`${section}.${name}`, value ?? "");
  }
  return settings;
}

const inside = settingsOf("{}");
const outside = settingsOf("{ host: grafana.localhost }");

test.each([
  ["without a public name", inside],
  ["with one", outside],
])("grafana.ini %s has only settings that Grafana documents, with values that it takes", (_, settings) => {
  expect(settings.size).toBeGreaterThan(20);
  const wrong = [...settings].filter(([name, value]) => documented[name]?.test(value) !== true);
  expect(wrong).toEqual([]);
});

test("the table has no setting that is not used", () => {
  const used = [...inside.keys(), ...outside.keys()];
  expect(Object.keys(documented).filter((name) => !used.includes(name))).toEqual([]);
});
