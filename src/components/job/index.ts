import type { Job } from "../../stack/model.ts";
import { didYouMean } from "../../support/suggest.ts";
import { appIn, usesOf } from "../app/index.ts";
import { type AppOptions, options as appOptions } from "../app/options.ts";
import { asJob } from "../app/tasks.ts";
import type {
  Component,
  ComponentUse,
  Contribution,
  ContributionOf,
  OptionProblem,
  Question,
  ServiceNeeds,
} from "../component.ts";
import { alertRules } from "./alerts.ts";
import { dashboard } from "./dashboard.ts";
import { type JobOptions, options } from "./options.ts";

const questions: Question[] = [
  { path: ["of"], message: "App that it is a command of", kind: "input" },
  { path: ["command"], message: "Command, such as node clean-up.js", kind: "words" },
  { path: ["schedule"], message: "When it runs, as a cron line", kind: "input", default: "0 4 * * *" },
];

export const component: Component<JobOptions> = {
  type: "job",
  about: "a command that runs by the clock, of an app or an image",
  offersNothing: true,
  options,
  questions,
  uses: (job) => usesOf(job.uses),
  contribute: (job, use) => ({
    networks: [{ name: "apps", about: "apps among themselves, and their way out to the internet", internal: false }],
    problems: checkOptions(job),
    ...(use.monitored && { alertRules: alertRules(use.key), dashboards: [dashboard(use.key)] }),
  }),
  collect(job, use, all) {
    const app = appOf(job, all);
    if ("problem" in app) return { problems: [app.problem] };
    return job.of === undefined ? alone(app.options, job, use, all) : borrowed(app.options, job, use, all);
  },
};

function checkOptions({ of, image, command }: JobOptions): OptionProblem[] {
  if (of !== undefined && image !== undefined)
    return [{ path: ["image"], message: "a job of an app has the image of that app", hint: "remove image, or of" }];
  if (of === undefined && image === undefined)
    return [{ path: [], message: "nothing says what it runs in", hint: "add of: with the name of an app, or image:" }];
  if (of !== undefined && command === undefined)
    return [{ path: [], message: `it would be ${of} once more`, hint: "add command: [what, to, run]" }];
  return [];
}

/** The app that it is a job of; or, of a job with an image of its own, an app that has nothing but this. */
function appOf(job: JobOptions, all: readonly ContributionOf[]): { options: AppOptions } | { problem: OptionProblem } {
  const { of, image = "none:none" } = job;
  if (of === undefined) return { options: { ...bare(image), ...own(job) } };
  const apps = all.filter(({ type }) => type === "app");
  const found = apps.find(({ key }) => key === of);
  if (found !== undefined) return { options: found.options as AppOptions };
  const names = apps.map(({ key }) => key);
  const hint = names.length === 0 ? "add an app, or give the job an image:" : didYouMean(of, names);
  return { problem: { path: ["of"], message: `there is no app "${of}" in this stack`, hint } };
}

function bare(image: string): AppOptions {
  return appOptions.parse({ image });
}

/** What a job says as an app does. */
function own({ uses, env, secrets, command, entrypoint, user, writable, writableRoot, stopGrace, limits }: JobOptions) {
  return {
    uses,
    env,
    secrets,
    writable,
    writableRoot,
    stopGrace,
    limits,
    ...(command && { command }),
    ...(entrypoint && { entrypoint }),
    ...(user !== undefined && { user }),
  };
}

function alone(app: AppOptions, job: JobOptions, use: ComponentUse, all: readonly ContributionOf[]): Contribution {
  const { service, found } = appIn(app, use, all);
  return {
    ...contributionOf(asJob(service, { name: use.key, about: aboutOf(job, use.key) }), job, use),
    secrets: found.secretFiles,
    problems: found.problems,
  };
}

/**
 * The app as it is, and what the job says beyond that. The image's tag is the app's: a release is one for both. Its volumes
 * stay the app's alone: a backup that has the app stand still would not know of the job.
 */
function borrowed(app: AppOptions, job: JobOptions, use: ComponentUse, all: readonly ContributionOf[]): Contribution {
  const { service } = appIn({ ...app, volumes: [] }, { ...use, key: job.of ?? "" }, all);
  const { service: more, found } = appIn({ ...bare(app.image), ...own(job), connections: app.connections }, use, all);
  const both = asJob(service, {
    name: use.key,
    about: aboutOf(job, use.key),
    ...(more.command && { command: more.command }),
    ...(more.entrypoint && { entrypoint: more.entrypoint }),
    ...(more.user !== undefined && { user: more.user, exceptions: exceptionsOf(service, more) }),
    environment: { ...service.environment, ...more.environment },
    envFiles: [...(service.envFiles ?? []), ...(more.envFiles ?? [])],
    secrets: [...(service.secrets ?? []), ...(more.secrets ?? [])],
    tmpfs: distinct([...(service.tmpfs ?? []), ...(more.tmpfs ?? [])], ({ target }) => target),
    networks: distinct([...service.networks, ...more.networks], (network) => network),
    dependsOn: distinct([...(service.dependsOn ?? []), ...(more.dependsOn ?? [])], (one) => one.service),
    limits: job.limits,
    stopGracePeriod: job.stopGrace,
  });
  return { ...contributionOf(both, job, use), secrets: found.secretFiles, problems: found.problems };
}

/** Of the app's exceptions all but those that its user is the reason for. */
function exceptionsOf(service: ServiceNeeds, more: ServiceNeeds): NonNullable<ServiceNeeds["exceptions"]> {
  const isAboutUser = ({ rule }: { rule: string }) => rule === "non-root";
  return [
    ...(service.exceptions ?? []).filter((one) => !isAboutUser(one)),
    ...(more.exceptions ?? []).filter(isAboutUser),
  ];
}

function distinct<Item>(items: readonly Item[], nameOf: (item: Item) => string): Item[] {
  return [...new Map(items.map((item) => [nameOf(item), item])).values()];
}

function aboutOf({ of, schedule, timezone }: JobOptions, key: string): string {
  const what = of === undefined ? "a job" : `a job of ${of}`;
  return `${what}, at "${schedule}" (${timezone}); by hand: ./prod.sh job run ${key}`;
}

function contributionOf(service: ServiceNeeds, job: JobOptions, use: ComponentUse): Contribution {
  const { schedule, timezone, timeout, catchUp } = job;
  const needs = (service.dependsOn ?? [])
    .filter(({ condition }) => condition === "service_healthy")
    .map((dependency) => dependency.service);
  const made: Job = { name: use.key, service: service.name, schedule, timezone, timeout, catchUp, needs };
  return { services: [service], jobs: [made] };
}
