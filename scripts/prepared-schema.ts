import type { Plugin } from "esbuild";
import { catalogue } from "../src/components/index.ts";
import { schemaText } from "../src/generator/schema-text.ts";

/** What never changes within one version is worked out by the build: the JSON Schema of stack.yaml. */
export const preparedSchema: Plugin = {
  name: "prepared-schema",
  setup(builder) {
    builder.onLoad({ filter: /src[\\/]generator[\\/]schema-text\.ts$/ }, () => ({
      contents: `const text = ${JSON.stringify(schemaText(catalogue))};\nexport function schemaText() { return text; }`,
      loader: "js",
    }));
  },
};
