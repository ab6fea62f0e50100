import type { AlertRule, Thresholds } from "../../../stack/monitoring.ts";

const minute = 60_000;
const day = 86_400;

/** Of public addresses, as blackbox asks for them. */
export function routeRules({ certificateDays }: Pick<Thresholds, "certificateDays">): AlertRule[] {
  const left = `probe_ssl_earliest_cert_expiry{job="certificates"} - time()`;
  const urgent = Math.min(3, certificateDays);
  return [
    {
      name: "RouteDown",
      expr: `probe_success{job="routes"} == 0`,
      for: 2 * minute,
      severity: "critical",
      summary: "{{ $labels.instance }} does not answer as it should",
      meaning:
        "A visitor gets an error, no answer, or a certificate that a browser does not trust. It is asked for inside the server: name resolution and firewall are not part of it.",
      command: "./prod.sh status",
    },
    {
      name: "CertificateExpires",
      expr: `${left} < ${certificateDays * day} > ${urgent * day}`,
      for: 10 * minute,
      severity: "warning",
      summary: "the certificate of {{ $labels.instance }} is good for another {{ $value | humanizeDuration }}",
      meaning:
        "It should have been renewed by now. For a public authority the name must lead to this server, and port 80 or 443 must be open.",
      command: "./prod.sh logs traefik --since 24h",
    },
    {
      name: "CertificateBad",
      expr: `${left} <= ${urgent * day}`,
      for: 10 * minute,
      severity: "critical",
      summary:
        "the certificate of {{ $labels.instance }} is good for another {{ $value | humanizeDuration }}, or no more",
      meaning: "Once it has run out, browsers refuse the address. Renewing fails; Traefik's log says why.",
      command: "./prod.sh logs traefik --since 24h",
    },
  ];
}
