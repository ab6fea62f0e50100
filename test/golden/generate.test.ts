import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { planChanges } from "../../src/generator/changes.ts";
import { hashOf } from "../../src/generator/manifest.ts";
import { readDirectory, writeChanges } from "../../src/generator/write.ts";
import { type GenerateOptions, patchOf, renderStack, runCreate, runGenerate } from "../../src/operations/generate.ts";
import { StackError } from "../../src/support/errors.ts";
import { carried, catalogue, presets, presetText } from "../support/catalogue.ts";

const today = new Date("2026-03-01T12:00:00Z");
const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const first = `name: shop
components:
  traefik: {}
  web:
    type: app
    image: foo/web:1
    port: 3000
    routes: [shop.localhost]
    uses: [postgres, redis]
  postgres: {}
  redis: {}
`;
const withoutRedis = first.replace("[postgres, redis]", "[postgres]").replace("  redis: {}\n", "");
const moreMemory = first.replace("postgres: {}", "postgres: { limits: { memory: 1g } }");

/** A stack in a directory of its own. */
class Place {
  readonly folder = mkdtempSync(join(tmpdir(), "create-stack-generate-"));
  readonly request = { directory: this.folder, catalogue, carried, today };

  constructor() {
    folders.push(this.folder);
  }

  static async of(stackYaml: string): Promise<Place> {
    const place = new Place();
    await runCreate(place.request, stackYaml);
    return place;
  }

  read(path: string): string {
    return readFileSync(join(this.folder, path), "utf8");
  }

  has(path: string): boolean {
    return existsSync(join(this.folder, path));
  }

  write(path: string, content: string): void {
    mkdirSync(dirname(join(this.folder, path)), { recursive: true });
    writeFileSync(join(this.folder, path), content);
  }

  edit(path: string, addition = "# mine\n"): string {
    this.write(path, `${this.read(path)}${addition}`);
    return this.read(path);
  }

  /** Renders again; each change as `action path`. */
  async generate(stackYaml?: string, options: GenerateOptions = {}): Promise<string[]> {
    if (stackYaml !== undefined) this.write("stack.yaml", stackYaml);
    const { changes } = await runGenerate(this.request, options);
    return changes.map((change) => `${change.action} ${change.path}`).sort();
  }

  /** Every file with its content. */
  tree(): Record<string, string> {
    const paths = readdirSync(this.folder, { recursive: true, encoding: "utf8" }).filter((path) =>
      statSync(join(this.folder, path)).isFile(),
    );
    return Object.fromEntries(paths.sort().map((path) => [path, this.read(path)]));
  }

  /** Every path with the time of its last change. */
  times(): Record<string, number> {
    const paths = readdirSync(this.folder, { recursive: true, encoding: "utf8" });
    return Object.fromEntries(paths.map((path) => [path, statSync(join(this.folder, path)).mtimeMs]));
  }
}

async function refusal(work: Promise<unknown>): Promise<StackError> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown) => thrown,
  );
  if (error instanceof StackError) return error;
  throw new Error(`expected a refusal, got ${String(error)}`);
}

describe.each(presets)("the preset %s, written into an empty directory", (preset) => {
  test("a second run changes nothing and touches no file", async () => {
    const place = await Place.of(presetText(preset));
    const long = new Date("2001-01-01T00:00:00Z");
    for (const path of Object.keys(place.times())) utimesSync(join(place.folder, path), long, long);
    const before = { tree: place.tree(), times: place.times() };
    expect(await place.generate()).toEqual([]);
    expect(place.tree()).toEqual(before.tree);
    expect(place.times()).toEqual(before.times);
  });

  test("secrets stand under secrets/ alone, closed to others", async () => {
    const place = await Place.of(presetText(preset));
    const { model } = renderStack(presetText(preset), catalogue, carried);
    expect(statSync(join(place.folder, "secrets")).mode & 0o777).toBe(0o700);
    const tree = place.tree();
    const random = model.secrets.filter((file) => file.kind === "random");
    for (const { name, mode } of random) {
      expect(statSync(join(place.folder, "secrets", name)).mode & 0o777).toBe(mode);
      const value = place.read(`secrets/${name}`).trim();
      expect(value.length).toBeGreaterThanOrEqual(43);
      const holding = Object.keys(tree).filter((path) => tree[path]?.includes(value));
      expect(holding.filter((path) => !path.startsWith("secrets/"))).toEqual([]);
    }
    expect(new Set(random.map(({ name }) => place.read(`secrets/${name}`))).size).toBe(random.length);
  });
});

describe("after an edit of stack.yaml", () => {
  test("only what depends on it is written", async () => {
    const place = await Place.of(first);
    const before = place.times();
    expect(await place.generate(moreMemory)).toEqual([
      "update .stack/model.json",
      "update ARCHITECTURE.md",
      "update compose.data.yaml",
      "update config/postgres/postgresql.conf",
    ]);
    expect(place.read("config/postgres/postgresql.conf")).toContain("shared_buffers = 256MB");
    for (const path of ["compose.yaml", "config/redis/redis.conf", "secrets/web.env", "prod.sh"])
      expect(place.times()[path], path).toBe(before[path]);
  });

  test("files of a component that is gone go with their folders; secrets and data stay", async () => {
    const place = await Place.of(first);
    const password = place.read("secrets/redis_web");
    const changes = await place.generate(withoutRedis);
    expect(changes).toContain("remove config/redis/redis.conf");
    expect(place.has("config/redis")).toBe(false);
    expect(place.has("config/postgres/postgresql.conf")).toBe(true);
    expect(place.read("secrets/redis_web")).toBe(password);
    expect(place.read("secrets/web.env")).not.toContain("REDIS_URL");
    await place.generate(first);
    expect(place.read("secrets/redis_web")).toBe(password);
    expect(place.read("secrets/web.env")).toContain(password.trim());
  });

  test("a problem in it is told and nothing is written", async () => {
    const place = await Place.of(first);
    const before = place.tree();
    const error = await refusal(place.generate(first.replace("port: 3000", "port: 70000")));
    expect(error.problems.map((problem) => problem.message)).toEqual([
      "components.web.port: expected a port from 1 to 65535, got 70000",
    ]);
    expect({ ...place.tree(), "stack.yaml": first }).toEqual(before);
  });

  test("a dry run says what it would do and does nothing", async () => {
    const place = await Place.of(first);
    const before = place.times();
    place.write("stack.yaml", moreMemory);
    expect(await place.generate(undefined, { dryRun: true })).toContain("update config/postgres/postgresql.conf");
    const { "stack.yaml": _, ...rest } = place.times();
    expect(before).toEqual(expect.objectContaining(rest));
  });
});

describe("a generated file that the user edited", () => {
  const path = "config/postgres/postgresql.conf";

  test("stays as long as we have nothing new to say there", async () => {
    const place = await Place.of(first);
    const mine = place.edit(path);
    expect(await place.generate()).toEqual([`keep-edited ${path}`]);
    expect(await place.generate(withoutRedis)).toContain(`keep-edited ${path}`);
    expect(place.read(path)).toBe(mine);
  });

  test("is a conflict when stack.yaml changes it too: the difference is shown, nothing is written", async () => {
    const place = await Place.of(first);
    place.edit(path);
    place.write("stack.yaml", moreMemory);
    const before = place.tree();
    const error = await refusal(place.generate());
    expect(error.code).toBe("edited-files");
    expect(error.exit).toBe("invalidInput");
    expect(error.message).toBe(`${path}: edited by you, and changed by stack.yaml too; nothing was written`);
    expect(error.hint).toBe(
      `move your edit to stack.yaml or compose.override.yaml and run ./prod.sh generate --overwrite ${path}; or keep yours: --keep ${path}`,
    );
    expect(error.details).toEqual(expect.arrayContaining([`--- ${path} (now)`, "-# mine", "+shared_buffers = 256MB"]));
    expect(place.tree()).toEqual(before);
  });

  test("--overwrite takes ours, and the edit is gone", async () => {
    const place = await Place.of(first);
    place.edit(path);
    expect(await place.generate(moreMemory, { overwrite: [path] })).toContain(`update ${path}`);
    expect(place.read(path)).not.toContain("# mine");
    expect(await place.generate()).toEqual([]);
  });

  test("--keep leaves theirs, and asks again only when ours changes again", async () => {
    const place = await Place.of(first);
    const mine = place.edit(path);
    expect(await place.generate(moreMemory, { keep: [path] })).toContain(`keep-edited ${path}`);
    expect(place.read(path)).toBe(mine);
    expect(await place.generate()).toEqual([`keep-edited ${path}`]);
    const again = await refusal(place.generate(moreMemory.replace("1g", "2g")));
    expect(again.code).toBe("edited-files");
  });

  test("two conflicts are told together", async () => {
    const place = await Place.of(first);
    place.edit(path);
    place.edit("compose.data.yaml");
    const error = await refusal(place.generate(moreMemory));
    expect(error.message).toMatch(/^compose\.data\.yaml, config\/postgres\/postgresql\.conf: edited by you/);
  });

  test("taken back to what we wrote, it is ours again", async () => {
    const place = await Place.of(first);
    const ours = place.read(path);
    place.edit(path);
    await place.generate();
    place.write(path, ours);
    expect(await place.generate(moreMemory)).toContain(`update ${path}`);
  });

  test("stays when its component goes, and is a conflict when the component comes back", async () => {
    const place = await Place.of(first);
    const mine = place.edit("config/redis/redis.conf");
    expect(await place.generate(withoutRedis)).toContain("keep-edited config/redis/redis.conf");
    expect(await place.generate()).toEqual(["keep-edited config/redis/redis.conf"]);
    expect(place.read("config/redis/redis.conf")).toBe(mine);
    expect((await refusal(place.generate(first))).message).toContain("config/redis/redis.conf: edited by you");
  });

  test("can be run again when a copy lost the right to", async () => {
    const place = await Place.of(first);
    const door = join(place.folder, "prod.sh");
    chmodSync(door, 0o644);
    expect(await place.generate()).toEqual([]);
    expect(statSync(door).mode & 0o777).toBe(0o755);
  });

  test("is made again when the user removed it", async () => {
    const place = await Place.of(first);
    rmSync(join(place.folder, path));
    expect(await place.generate()).toEqual([`create ${path}`]);
  });

  test("the patch of a change reads as a patch", () => {
    const patch = patchOf({ path: "a", action: "update", before: "one\ntwo\n", after: "one\n2\n", mode: 0o644 });
    expect(patch.split("\n").slice(1)).toEqual([
      "--- a (now)",
      "+++ a (new)",
      "@@ -1,2 +1,2 @@",
      " one",
      "-two",
      "+2",
      "",
    ]);
  });

  test("the patch of a program is not shown", () => {
    const after = "x".repeat(300_000);
    expect(patchOf({ path: "a", action: "update", before: "one", after, mode: 0o644 })).toBe("a\n(too long to show)");
  });
});

describe("what belongs to the user", () => {
  test("compose.override.yaml is made once and then left alone", async () => {
    const place = await Place.of(first);
    place.write("compose.override.yaml", "services: { web: { labels: { a: b } } }\n");
    expect(await place.generate(moreMemory)).not.toContain("update compose.override.yaml");
    expect(place.read("compose.override.yaml")).toBe("services: { web: { labels: { a: b } } }\n");
  });

  test("a changed password stays and reaches every file that holds it", async () => {
    const place = await Place.of(first);
    chmodSync(join(place.folder, "secrets/postgres_web"), 0o600);
    place.write("secrets/postgres_web", "pa$$ w@rd/é\n");
    const { secrets } = await runGenerate(place.request);
    expect(secrets).toEqual(["web.env"]);
    expect(place.read("secrets/web.env")).toContain("postgresql://web:pa%24%24%20w%40rd%2F%C3%A9@postgres:5432/web");
    expect(place.read("secrets/postgres_web")).toBe("pa$$ w@rd/é\n");
  });

  test("a directory that holds something else is refused", async () => {
    const place = new Place();
    place.write("package.json", "{}");
    const error = await refusal(runCreate(place.request, first));
    expect([error.code, error.message]).toEqual([
      "directory-occupied",
      `${place.folder} holds something else: package.json`,
    ]);
    expect(Object.keys(place.tree())).toEqual(["package.json"]);
  });

  test("a file is not a place for a stack, nor is what would be below it", async () => {
    const place = new Place();
    place.write("shop", "a letter");
    const file = join(place.folder, "shop");
    for (const directory of [file, join(file, "deep/er")])
      expect(await refusal(runCreate({ ...place.request, directory }, first))).toMatchObject({
        code: "directory-occupied",
        message: `${file} is a file, and a directory is needed there`,
        hint: "choose another place: --dir shop-stack",
      });
    expect(place.tree()).toEqual({ shop: "a letter" });
  });

  test("a making that was killed leaves no stack, and is done again, also as another one", async () => {
    const place = new Place();
    const killed = () => Promise.reject(new Error("killed"));
    await expect(runCreate(place.request, first, undefined, killed)).rejects.toThrow("killed");
    expect([place.has("compose.yaml"), place.has("stack.yaml")]).toEqual([true, false]);
    const password = place.read("secrets/postgres_web");
    await runCreate(place.request, moreMemory);
    const whole = await Place.of(moreMemory);
    expect(readdirSync(place.folder)).toEqual(readdirSync(whole.folder));
    for (const path of ["stack.yaml", "compose.yaml", "compose.data.yaml", ".stack/manifest.json"])
      expect(place.read(path)).toBe(whole.read(path));
    expect(place.read("secrets/postgres_web")).toBe(password);
    expect((await refusal(runCreate(place.request, first))).code).toBe("stack-exists");
  });

  test("a stack is not made over another", async () => {
    const place = await Place.of(first);
    expect((await refusal(runCreate(place.request, first))).code).toBe("stack-exists");
  });

  test("a bad stack.yaml leaves an empty directory empty", async () => {
    const place = new Place();
    await refusal(runCreate(place.request, "name: shop\n"));
    expect(readdirSync(place.folder)).toEqual([]);
  });
});

describe("a manifest that was tampered with", () => {
  async function withManifest(files: Record<string, string[]>): Promise<Place> {
    const place = await Place.of(first);
    const manifest = JSON.parse(place.read(".stack/manifest.json")) as { files: Record<string, string[]> };
    place.write(".stack/manifest.json", JSON.stringify({ ...manifest, files: { ...manifest.files, ...files } }));
    return place;
  }

  test.each([
    "../outside",
    "config/../../outside",
    "/outside",
    "c:/outside",
    "config\\..\\..\\outside",
    "./../outside",
  ])("cannot have a file outside removed: %s", async (path) => {
    const outside = new Place();
    outside.write("outside", "precious\n");
    const place = await withManifest({
      [path]: [hashOf("precious\n")],
      [join(outside.folder, "outside")]: [hashOf("precious\n")],
      [`../${outside.folder.split("/").at(-1)}/outside`]: [hashOf("precious\n")],
    });
    writeFileSync(join(dirname(place.folder), "outside"), "precious\n");
    expect(await place.generate()).toEqual([]);
    expect(outside.read("outside")).toBe("precious\n");
    expect(existsSync(join(dirname(place.folder), "outside"))).toBe(true);
    rmSync(join(dirname(place.folder), "outside"));
  });

  test.each(["stack.yaml", "compose.override.yaml", "images.lock.json", "secrets/redis_web", "backups/db.age"])(
    "cannot have the user's own file removed: %s",
    async (path) => {
      const place = await Place.of(first);
      if (!place.has(path)) place.write(path, '{ "format": 1, "images": {} }\n');
      const manifest = JSON.parse(place.read(".stack/manifest.json")) as { files: Record<string, string[]> };
      manifest.files[path] = [hashOf(place.read(path))];
      place.write(".stack/manifest.json", JSON.stringify(manifest));
      const changes = await place.generate();
      expect(changes.filter((change) => change.startsWith("remove"))).toEqual([]);
      expect(place.has(path)).toBe(true);
    },
  );

  test.each(["not JSON", "[]", "{}", '{"format":2,"version":"1","files":{}}', ""])(
    "that is none (%s) loses no edit",
    async (text) => {
      const place = await Place.of(first);
      place.edit("compose.yaml");
      place.write(".stack/manifest.json", text);
      expect((await refusal(place.generate())).message).toMatch(/^compose\.yaml: edited by you/);
      expect(await place.generate(undefined, { keep: ["compose.yaml"] })).toEqual(["keep-edited compose.yaml"]);
    },
  );
});

describe("a symbolic link in the way is refused", () => {
  test.each(["compose.yaml", "config", "config/redis/redis.conf", ".stack", "secrets", "routes"])(
    "%s",
    async (path) => {
      const place = await Place.of(first);
      const outside = new Place();
      outside.write("target/file", "precious\n");
      rmSync(join(place.folder, path), { recursive: true });
      symlinkSync(join(outside.folder, "target"), join(place.folder, path));
      const before = outside.tree();
      const error = await refusal(place.generate(moreMemory));
      expect([error.code, error.message]).toEqual([
        "path-is-link",
        `${path} is a symbolic link (to ${join(outside.folder, "target")}); create-stack writes only inside its own directory`,
      ]);
      expect(outside.tree()).toEqual(before);
    },
  );

  test.each([
    ["compose.yaml", "compose.yaml/file", "compose.yaml is a folder; a file of the stack belongs there"],
    ["config", "config", "config is no folder; a folder of the stack belongs there"],
  ])("so is a file or folder that is in the way: %s", async (removed, written, message) => {
    const place = await Place.of(first);
    rmSync(join(place.folder, removed), { recursive: true });
    place.write(written, "mine\n");
    const before = place.tree();
    const error = await refusal(place.generate());
    expect([error.code, error.message]).toEqual(["path-is-taken", message]);
    expect(place.tree()).toEqual(before);
  });
});

describe("killed halfway and run again", () => {
  const target = withoutRedis.replace("postgres: {}", "postgres: { limits: { memory: 1g } }");

  /** Writes the target up to the change with this number, which fails: what a kill at that moment leaves behind. */
  function failAt(place: Place, step: number): boolean {
    place.write("stack.yaml", target);
    const { files } = renderStack(target, catalogue, carried);
    const { onDisk, manifest } = readDirectory(place.folder, files);
    const changes = planChanges(files, onDisk, manifest);
    const victim = changes[step];
    if (victim === undefined) return false;
    const path = join(place.folder, victim.path);
    const content = existsSync(path) ? readFileSync(path) : undefined;
    rmSync(path, { force: true });
    mkdirSync(join(path, "obstacle"), { recursive: true });
    expect(() => writeChanges(place.folder, changes, files, manifest, carried.version)).toThrow();
    rmSync(path, { recursive: true });
    if (content !== undefined) writeFileSync(path, content);
    return true;
  }

  test("whatever the moment, the next run ends where an undisturbed one does", async () => {
    const undisturbed = await Place.of(first);
    await undisturbed.generate(target);
    const expected = Object.keys(undisturbed.tree());
    let steps = 0;
    for (let failing = true; failing; steps += failing ? 1 : 0) {
      const place = await Place.of(first);
      failing = failAt(place, steps);
      await place.generate();
      expect(Object.keys(place.tree())).toEqual(expected);
      expect(await place.generate()).toEqual([]);
      for (const path of expected.filter((each) => !each.startsWith("secrets/")))
        expect(place.read(path), path).toBe(undisturbed.read(path));
    }
    expect(steps).toBeGreaterThan(5);
  });

  test("what was half written is not taken for an edit when stack.yaml changes once more", async () => {
    const place = await Place.of(first);
    failAt(place, 3);
    expect((await place.generate(moreMemory)).filter((change) => /conflict|edited/.test(change))).toEqual([]);
    expect(await place.generate()).toEqual([]);
  });

  test("an edit of the user's is still one", async () => {
    const place = await Place.of(first);
    place.edit("config/postgres/pg_hba.conf");
    failAt(place, 3);
    expect(await place.generate()).toContain("keep-edited config/postgres/pg_hba.conf");
    expect(place.read("config/postgres/pg_hba.conf")).toContain("# mine");
  });

  test("a first run that was killed is finished by generate", async () => {
    for (const keep of [["stack.yaml"], ["stack.yaml", "secrets/postgres_web"], ["stack.yaml", "compose.yaml"]]) {
      const whole = await Place.of(first);
      const place = new Place();
      for (const path of keep) place.write(path, whole.read(path));
      await place.generate();
      expect(Object.keys(place.tree())).toEqual(Object.keys(whole.tree()));
    }
  });
});
