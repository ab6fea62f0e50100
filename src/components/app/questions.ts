import { hostProblem, imageProblem } from "../../stack/fields.ts";
import { parseSize } from "../../support/units.ts";
import type { Question } from "../component.ts";

/** What is asked for each app of a new stack. */
export const questions: Question[] = [
  { path: ["image"], message: "Image, with its tag", kind: "input", validate: imageProblem },
  {
    path: ["port"],
    message: "Port that it listens on (none: it is a worker)",
    kind: "input",
    default: "3000",
    optional: true,
    validate: (answer) =>
      /^\d+$/.test(answer) && Number(answer) >= 1 && Number(answer) <= 65535
        ? undefined
        : "expected a port from 1 to 65535",
  },
  {
    path: ["routes"],
    message: "Public host names, with commas between (or none)",
    kind: "list",
    needs: ["port"],
    optional: true,
    validate: hostProblem,
  },
  {
    path: ["health"],
    message: "Path that answers 200 when it can serve (or none)",
    kind: "input",
    default: "/health",
    needs: ["port"],
    optional: true,
    validate: (answer) => (/^\/\S*$/.test(answer) ? undefined : 'expected a path such as /health, starting with "/"'),
  },
  {
    path: ["migrate"],
    message: "Command that migrates its database, such as npx prisma migrate deploy (or none)",
    kind: "words",
    default: "none",
    optional: true,
  },
  {
    path: ["limits", "memory"],
    message: "Memory that it may use",
    kind: "input",
    default: "512m",
    validate: (answer) =>
      (parseSize(answer) ?? 0) >= 6 * 1024 ** 2 ? undefined : "expected a size such as 512m or 4g, at least 6m",
  },
];
