import type { ComponentUse, OptionProblem } from "../component.ts";
import type { AppOptions } from "./options.ts";

const dsn = "SENTRY_DSN";

/** What an app that reports its errors to Sentry finds beside the address that it reports to. */
export interface SentryEnvironment {
  /** Variables whose value stands in a secret: `SENTRY_DSN`. */
  secrets: Record<string, string>;
  environment: Record<string, string>;
  /** Variables that end with the image's tag, by what stands before it. */
  releaseVariables: Record<string, string>;
  problems: OptionProblem[];
}

/**
 * The variables that Sentry's libraries read by themselves. Also where `secrets:` holds SENTRY_DSN, because an error
 * without its release cannot be told from one of the release before. What `env:` or `secrets:` sets stays as it is.
 */
export function sentryEnvironment(
  { key, environment }: Pick<ComponentUse, "key" | "environment">,
  { sentry, env, secrets }: AppOptions,
): SentryEnvironment {
  const isTwice = sentry !== undefined && (dsn in secrets || dsn in env);
  const problems: OptionProblem[] = isTwice
    ? [
        {
          path: ["sentry"],
          message: `${dsn} stands in ${dsn in secrets ? "secrets" : "env"} too`,
          hint: "remove one of them",
        },
      ]
    : [];
  const own = { ...(sentry !== undefined && !isTwice && { [dsn]: sentry.dsn }) };
  if (sentry === undefined && !(dsn in secrets))
    return { secrets: own, environment: {}, releaseVariables: {}, problems };
  const unset = (variable: string) => !(variable in env) && !(variable in secrets);
  return {
    secrets: own,
    environment: unset("SENTRY_ENVIRONMENT") ? { SENTRY_ENVIRONMENT: sentry?.environment ?? environment } : {},
    releaseVariables: unset("SENTRY_RELEASE") ? { SENTRY_RELEASE: `${key}@` } : {},
    problems,
  };
}
