import type { StackModel } from "../../stack/model.ts";
import type { OwnAlertName } from "../../stack/own-alerts.ts";
import { certificateProblems, readCertificates, type TlsEntrance } from "../status-certificates.ts";
import { hostProblems, readHost } from "../status-host.ts";
import type { StatusProblem } from "../status-report.ts";
import type { Trouble } from "./trouble.ts";

/** A disk that is about to be full. */
export function diskTroubles(dataRoot: string | undefined, directory: string): Trouble[] {
  return hostProblems(readHost(dataRoot, directory)).map((problem) => ({
    ...said("host/disk", "HostDiskFull", problem),
    severity: "critical",
    holds: 60_000,
    clears: 600_000,
  }));
}

/** Certificates that clients refuse, or will soon. */
export async function certificateTroubles(
  directory: string,
  model: StackModel,
  entrance: TlsEntrance,
  now: number,
): Promise<Trouble[]> {
  const found = await readCertificates(directory, model, entrance, now);
  return certificateProblems(model.routes, found, entrance).map((problem) => {
    const certificate = found.get(problem.subject);
    const lasts = certificate !== undefined && certificate.kind !== "unreachable" && certificate.daysLeft >= 0;
    return {
      ...said(`certificate/${problem.subject}`, "CertificateBad", problem),
      component: model.services.find(({ name }) => name === entrance.service)?.component ?? entrance.service,
      severity: lasts && certificate.matches ? "warning" : "critical",
      holds: 600_000,
      clears: 0,
    };
  });
}

function said(key: string, name: OwnAlertName, { message, hint }: StatusProblem) {
  return { key, name, title: message, lines: [], command: hint };
}
