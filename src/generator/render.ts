import type { StackModel } from "../stack/model.ts";
import { composeDocuments } from "./compose-document.ts";
import { envFile } from "./env-file.ts";
import { handbook } from "./handbook.ts";
import type { RenderedFile } from "./rendered-file.ts";
import type { TemplateSource } from "./templates.ts";

const overridePath = "compose.override.yaml";

const overrideText = `# Yours: read last by docker compose, never touched by create-stack.
# For what stack.yaml cannot say. See the result with: docker compose config
#
# services:
#   server:
#     environment:
#       FEATURE_X: "on"

services: {}
`;

/** What must not get into version control: secrets, backups, the state of this server. In their own folders, so that a .gitignore of the user's stays the user's. */
const ignoreFiles = [
  { path: "secrets/.gitignore", content: "*\n" },
  { path: "backups/.gitignore", content: "*\n" },
  {
    path: ".stack/.gitignore",
    content: "cache/\njournal/\nmigrations/\nreleases/\nbackup/\nmetrics*\nwatch*\nnotify.json\nlock*\n*.lock*\n",
  },
];

/** Everything in a stack's directory that follows from the model alone. Pure; same model, same bytes. */
export function renderModel(model: StackModel, templates: TemplateSource): RenderedFile[] {
  const compose = composeDocuments(model);
  const composePaths = [...compose.map((file) => file.path), overridePath];
  const generated = (path: string, content: string, mode = 0o644): RenderedFile => ({
    path,
    content,
    mode,
    owner: "generated",
  });
  return [
    ...compose.map((file) => generated(file.path, file.content)),
    generated(".env", envFile(model, composePaths)),
    ...ignoreFiles.map((file) => generated(file.path, file.content)),
    ...model.files.map((file) => generated(file.path, file.content, file.mode)),
    ...handbook(model, templates).map((file) => generated(file.path, file.content)),
    generated(".stack/model.json", `${JSON.stringify(model, null, 1)}\n`),
    { path: overridePath, content: overrideText, mode: 0o644, owner: "once" },
  ];
}
