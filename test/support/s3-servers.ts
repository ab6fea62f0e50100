import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import type { S3StoreOptions } from "../../src/snapshots/s3-store.ts";

export const silo = "pgsty/silo:RELEASE.2026-09-16T00-00-00Z";
export const versitygw = "versity/versitygw:v1.8.0";

/** A real S3 server in a container of its own, on a free port of loopback. */
export interface S3Server {
  endpoint: string;
  accessKeyId: string;
  secretAccessKey: string;
  /** Makes a bucket and gives what a store of it is made with. */
  bucket(name: string, settings?: { objectLock?: boolean }): Promise<S3StoreOptions>;
  /** Runs a command in the container; its output. */
  run(...command: string[]): string;
  stop(): void;
}

const accessKeyId = "testadmin";

/** MinIO, as stacks run it. `mc` in the container knows it as `own`. */
export async function startMinio(): Promise<S3Server> {
  const password = randomBytes(12).toString("hex");
  const set = ["-e", `MINIO_ROOT_USER=${accessKeyId}`, "-e", `MINIO_ROOT_PASSWORD=${password}`];
  const server = await start([...set, "-p", "127.0.0.1::9000", silo, "server", "/data"], "9000", password);
  server.run("mc", "alias", "set", "own", "http://127.0.0.1:9000", accessKeyId, password);
  return server;
}

/** Versity's gateway before a folder: other code, other language features, other mistakes. */
export async function startVersitygw(): Promise<S3Server> {
  const password = randomBytes(12).toString("hex");
  const set = ["-e", `ROOT_ACCESS_KEY=${accessKeyId}`, "-e", `ROOT_SECRET_KEY=${password}`];
  const server = ["--port", ":7070", "posix", "--sidecar", "/meta", "/data"];
  const folders = ["-v", "/data", "-v", "/meta"];
  return start([...set, ...folders, "-p", "127.0.0.1::7070", versitygw, ...server], "7070", password);
}

async function start(args: string[], port: string, secretAccessKey: string): Promise<S3Server> {
  const id = docker("run", "-d", "--label", "create-stack.test=s3", ...args);
  const stateFolder = mkdtempSync(join(tmpdir(), "s3-state-"));
  const stop = () => {
    docker("rm", "-f", "-v", id);
    rmSync(stateFolder, { recursive: true, force: true });
  };
  try {
    const endpoint = `http://${docker("port", id, port).split("\n")[0]}`;
    await answering(endpoint, id);
    const credentials = { accessKeyId, secretAccessKey };
    return {
      endpoint,
      accessKeyId,
      secretAccessKey,
      async bucket(name, { objectLock = false } = {}) {
        // On Node.js 20 the library prints a note about its own future.
        process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";
        const client = new S3Client({ endpoint, region: "us-east-1", forcePathStyle: true, credentials });
        await client.send(new CreateBucketCommand({ Bucket: name, ObjectLockEnabledForBucket: objectLock }));
        client.destroy();
        return {
          name: "offsite",
          bucket: name,
          endpoint,
          prefix: "prod",
          credentials: async () => credentials,
          stateFolder,
        };
      },
      run: (...command) => docker("exec", id, ...command),
      stop,
    };
  } catch (error) {
    stop();
    throw error;
  }
}

/** Any answer will do: a server that refuses is one that listens. */
async function answering(endpoint: string, id: string): Promise<void> {
  const end = Date.now() + 60_000;
  while (!(await answers(endpoint))) {
    if (Date.now() > end) throw new Error(`the S3 server does not answer:\n${docker("logs", "--tail", "20", id)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function answers(endpoint: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get(endpoint, { timeout: 2_000, agent: false }, (answer) => {
      answer.destroy();
      resolve((answer.statusCode ?? 500) < 500);
    });
    request.on("timeout", () => request.destroy());
    request.on("error", () => resolve(false));
  });
}

function docker(...args: string[]): string {
  return execFileSync("docker", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
}
