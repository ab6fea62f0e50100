import type { KnipConfig } from "knip";

/** What is run by name and not imported: the bundle's entry, scripts, tests. */
const config: KnipConfig = {
  entry: [
    "src/cli/main.ts",
    "scripts/*.{ts,mjs}",
    "test/**/*.test.ts",
    "test/support/*-child.ts",
    "test/unit/alerts/*.ts",
    "test/catalogue/*.ts",
    "stacks/*/app/*.mjs",
  ],
  project: ["src/**/*.ts", "scripts/**/*.{ts,mjs}", "test/**/*.ts"],
  // Programs of the system that tests call. `script` gives a program a terminal; it is part of every Linux. The others are installed by scripts/test.
  ignoreBinaries: [
    "script",
    "age",
    "age-keygen",
    "gpg",
    "gpgconf",
    "mount",
    "umount",
    "mkfs.ext4",
    "dockerd",
    "unshare",
  ],
  ignoreExportsUsedInFile: true,
};

export default config;
