import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Component } from "../../src/components/component.ts";
import { component as mongodb } from "../../src/components/mongodb/index.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { dumpKind } from "../../src/operations/backup/kind-dump.ts";
import {
  contextFor,
  loadJob,
  oneOffs,
  partsJob,
  produceJob,
  removeOneOffs,
  serverOn,
  snapshotIn,
  sourceOf,
  withFlippedBit,
} from "../support/backup-jobs.ts";
import { describeWithDocker } from "../support/docker.ts";
import { client, type DataStack, dataStack, hardened, hardeningOf, uniqueName } from "./data-stack.ts";

const images = { "7.0": "mongo:7.0.40", "8.0": "mongo:8.0.29" } as const;

/** Every type that drivers write, an index, and a collection whose documents go by themselves. */
const filling = `
const many = []; for (let i = 0; i < 20000; i += 1) many.push({ _id: i, n: Long(i), text: "x".repeat(i % 50) });
db.orders.insertMany(many);
db.orders.createIndex({ n: 1 }, { unique: true });
db.kinds.insertOne({ _id: "kinds", when: new Date(0), price: Decimal128("1.10"), raw: BinData(0, "AAECAw=="), re: /x/i, list: [1, null, { a: true }] });
db.sessions.createIndex({ at: 1 }, { expireAfterSeconds: 86400 });
db.sessions.insertMany([{ at: new Date() }, { at: new Date() }]);
print("filled");`;

const fingerprint =
  'for (const name of ["orders", "kinds", "sessions"]) print(name, EJSON.stringify(db[name].find().sort({ _id: 1 }).toArray()).length, db.runCommand({ dbHash: 1, collections: [name] }).collections[name], db[name].getIndexes().length)';

for (const version of ["7.0", "8.0"] as const) {
  const image = images[version];
  await describeWithDocker(`MongoDB ${version}`, [image], (engine: Engine) => {
    let stack: DataStack;
    /** A line of JavaScript as the app, with what the app was given. */
    const ask = async (service: string, script: string, url = '"$MONGODB_URL"') => {
      const { stdout, stderr } = await stack.sh(
        service,
        `HOME=/tmp mongosh --quiet --norc ${url} --eval "$(cat)"`,
        script,
      );
      return (stdout + stderr).trim();
    };
    const asAdmin = async (script: string) => {
      const { stdout, stderr } = await stack.shortcut("mongodb", "--eval", script);
      return (stdout + stderr).trim();
    };

    beforeAll(async () => {
      stack = await dataStack(
        `
name: ${uniqueName("data-mongodb")}
components:
${client("server", image, ["mongodb", "mongodb/reports"])}
${client("other", image, ["mongodb"])}
  mongodb: { version: "${version}", limits: { memory: 1g }, settings: { ttlMonitorSleepSecs: 5 } }
`,
        [mongodb as unknown as Component],
      );
      await stack.up();
    });
    afterAll(async () => {
      if (stack !== undefined) await removeOneOffs(contextFor(stack, engine));
      await stack?.remove();
    });

    test("an app is let in by the URL that it is given, into its own database", async () => {
      expect(
        await ask(
          "server",
          "print(db.getName(), db.runCommand({ connectionStatus: 1 }).authInfo.authenticatedUsers[0].user)",
        ),
      ).toBe("server server");
      expect(await ask("server", "print(db.getName())", '"$REPORTS_MONGODB_URL"')).toBe("reports");
      expect(await ask("server", filling)).toBe("filled");
      expect(await ask("other", "print(db.getSiblingDB('server').orders.countDocuments({}))")).toContain(
        "not authorized",
      );
      expect(await ask("server", "db.adminCommand({ shutdown: 1 })")).toContain("not authorized");
    });

    test("a wrong password is refused, and nobody without one", async () => {
      const url = "'mongodb://server:wrong@mongodb:27017/server?authSource=admin&directConnection=true'";
      expect(await ask("server", "print(1)", url)).toContain("Authentication failed");
      expect(await ask("server", "print(db.orders.countDocuments({}))", "mongodb://mongodb/server")).toMatch(
        /requires authentication|not authorized/,
      );
    });

    test("transactions and change streams work", async () => {
      const transaction = `
const session = db.getMongo().startSession(); session.startTransaction();
session.getDatabase("server").kinds.insertOne({ _id: "left out" }); session.abortTransaction();
const stream = db.kinds.watch(); db.kinds.insertOne({ _id: "seen" });
print(db.kinds.countDocuments({ _id: "left out" }), stream.next().documentKey._id); db.kinds.deleteOne({ _id: "seen" });`;
      expect(await ask("server", transaction)).toBe("0 seen");
    });

    test("runs hardened, with the settings of its limits; its health check fails where nothing listens", async () => {
      expect(await hardeningOf(stack, "mongodb")).toEqual(hardened("999:999"));
      expect(await asAdmin("print(db.serverStatus().wiredTiger.cache['maximum bytes configured'])")).toBe(
        String(256 * 1024 ** 2),
      );
      const [, ...check] = stack.model.services.find(({ name }) => name === "mongodb")?.healthcheck?.test ?? [];
      const run = (...words: string[]) => stack.compose("exec", "-T", "mongodb", ...words);
      expect((await run(...check)).code).toBe(0);
      expect((await run(...check, "mongodb://127.0.0.1:27018/?serverSelectionTimeoutMS=500")).code).not.toBe(0);
    });

    test("the status screen is told who it is", async () => {
      const [inspection] = stack.model.inspections;
      const { stdout } = await stack.compose("exec", "-T", "mongodb", ...(inspection?.command ?? []));
      expect(JSON.parse(stdout)).toMatchObject({ facts: { role: "primary", version }, problems: [] });
    });

    test("a kill and a restart keep the data", async () => {
      const before = await ask("server", fingerprint);
      expect((await stack.compose("kill", "mongodb")).code).toBe(0);
      await stack.up();
      expect((await stack.compose("down")).code).toBe(0);
      await stack.up();
      expect(await ask("server", fingerprint)).toBe(before);
    });

    test("a password that was changed under secrets/ counts after the next start, and unknown users go", async () => {
      await asAdmin("db.createUser({ user: 'ghost', pwd: 'x', roles: [], customData: { madeBy: 'create-stack' } })");
      await asAdmin("db.createUser({ user: 'byhand', pwd: 'x', roles: [] })");
      await stack.rotate("mongodb_server", "it's a \\new: p@ss/word%");
      await stack.up();
      expect(await ask("server", "print(db.orders.countDocuments({}))")).toBe("20000");
      expect(await asAdmin("print(db.getUsers().users.map((user) => user.user).sort().join())")).toBe(
        "byhand,other,server,server.reports,stack_admin",
      );
    });

    test("another password of the administrator wants a restart, and the set-up says so", async () => {
      await stack.rotate("mongodb_stack_admin", "another-password-of-the-administrator");
      const early = await stack.compose("run", "--rm", "-T", "--no-deps", "mongodb-setup");
      expect([early.code, early.stderr]).toEqual([1, expect.stringContaining("docker compose restart mongodb")]);
      expect((await stack.compose("restart", "mongodb")).code).toBe(0);
      await stack.up();
      expect(await asAdmin("print(db.getName())")).toBe("admin");
      expect(await ask("server", "print(db.orders.countDocuments({}))")).toBe("20000");
    });

    test("a copy is sound, comes back document by document, and one flipped bit is found", async () => {
      const context = contextFor(stack, engine);
      const source = sourceOf(stack.model, "dump", "mongodb");
      const before = await ask("server", fingerprint);
      const job = produceJob(context, source);
      const snapshot = snapshotIn(job, await dumpKind.produce(job));
      expect(snapshot.manifest.parts.map(({ name }) => name)).toEqual(["dump.archive.gz"]);
      expect(await dumpKind.check(partsJob(job, snapshot))).toEqual({ ok: true, detail: "dump.archive.gz: sound" });

      const loaded = await dumpKind.load(loadJob(job, snapshot));
      expect(loaded.checks).toEqual([
        { ok: true, detail: expect.stringContaining("20000 documents of server.orders") },
      ]);
      const [restored = ""] = loaded.volumes.map((volume) => volume.restored);
      await serverOn(context, source, restored, async ({ exec }) => {
        const line = `load("/etc/mongo/admin.js"); db = db.getSiblingDB("server"); ${fingerprint}`;
        const { stdout, stderr } = await exec(["mongosh", "--quiet", "--norc", "--nodb", "--eval", line]);
        expect((stdout + stderr).trim()).toBe(before);
      });
      await engine.removeVolume(restored);

      await withFlippedBit(join(snapshot.folder, "dump.archive.gz"), async () => {
        expect((await dumpKind.check(partsJob(job, snapshot))).ok).toBe(false);
      });
      expect(await oneOffs(context)).toEqual([]);
    });

    test("no secret stands in inspect, logs or process lists", async () => {
      const text = await stack.readable(["mongodb", "mongodb-setup"]);
      expect(text).toContain("Waiting for connections");
      for (const value of stack.secretValues()) expect(text.includes(value)).toBe(false);
    });
  });
}
