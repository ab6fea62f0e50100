import { afterAll, beforeAll, expect, test } from "vitest";
import { run } from "../../src/support/process.ts";
import { describeWithDocker } from "../support/docker.ts";
import { isReached } from "../support/isolation.ts";
import { client, type DataStack, dataStack, hardened, hardeningOf, uniqueName } from "./data-stack.ts";

const image = "pgsty/silo:RELEASE.2026-09-16T00-00-00Z";

await describeWithDocker("minio", [image, "busybox:1.38.0"], () => {
  let stack: DataStack;
  /** `mc` as the app: logs in with what the app was given, then runs the line. */
  const mc = (service: string, line: string, input?: string) =>
    stack.sh(
      service,
      `export MC_CONFIG_DIR=/tmp/.mc
       printf '%s\\n' "$S3_ACCESS_KEY_ID" "$S3_SECRET_ACCESS_KEY" | mc -q alias set s3 "$S3_ENDPOINT" >/dev/null || exit 9
       ${line}`,
      input,
    );

  beforeAll(async () => {
    stack = await dataStack(`
name: ${uniqueName("data-minio")}
components:
${client("server", image, ["minio/uploads", "minio/avatars"], "1000:1000")}
${client("other", image, ["minio/private"], "1000:1000")}
${client("outsider", image, ["second"], "1000:1000")}
  minio:
    buckets: [uploads, { name: avatars, public: true, versioning: true }, private]
    limits: { memory: 384m }
  second: { type: minio, limits: { memory: 384m } }
`);
    await stack.up();
  });
  afterAll(async () => stack?.remove());

  test("starts healthy, and an app reads what it wrote with the key that it is given", async () => {
    const answer = await mc(
      "server",
      'mc -q pipe "s3/$S3_BUCKET/a.txt" >/dev/null && mc -q cat "s3/$S3_BUCKET/a.txt"',
      "hello",
    );
    expect(answer.stdout, answer.stderr).toBe("hello");
  });

  test("an app knows its buckets by name, and without a list there is one named like the app", async () => {
    const known = async (service: string) =>
      (await stack.sh(service, 'echo "$S3_BUCKET of $S3_BUCKETS"')).stdout.trim();
    expect([await known("server"), await known("other"), await known("outsider")]).toEqual([
      "uploads of uploads,avatars",
      "private of private",
      "outsider of outsider",
    ]);
    expect((await mc("outsider", "mc -q ls s3/outsider")).code).toBe(0);
  });

  test("runs hardened, and what runs as root has one capability and no network", async () => {
    expect(await hardeningOf(stack, "minio")).toEqual(hardened("1000:1000"));
    expect(await hardeningOf(stack, "minio-setup")).toEqual(hardened("1000:1000"));
    expect(await hardeningOf(stack, "minio-volume")).toEqual({ ...hardened("0:0"), CapAdd: ["CAP_CHOWN"] });
  });

  test("a wrong secret key is refused", async () => {
    const answer = await stack.sh(
      "server",
      `export MC_CONFIG_DIR=/tmp/.mc-wrong; printf '%s\\n' "$S3_ACCESS_KEY_ID" wrongwrongwrong | mc alias set s3 "$S3_ENDPOINT"`,
    );
    expect(answer.code).toBe(1);
    expect(answer.stderr + answer.stdout).toContain("signature we calculated does not match");
  });

  test("an app cannot read, list or write the bucket of another, nor see that it is there", async () => {
    expect((await mc("other", "mc -q pipe s3/private/mine.txt", "mine")).code).toBe(0);
    for (const line of ["mc -q ls s3/private", "mc -q cat s3/private/mine.txt", "echo x | mc -q pipe s3/private/x"]) {
      const answer = await mc("server", line);
      expect(answer.code, line).not.toBe(0);
      expect(answer.stderr + answer.stdout, line).toMatch(/Access Denied|Insufficient permissions/i);
    }
    const seen = await mc("server", "mc -q ls s3");
    expect(seen.stdout).toContain("uploads/");
    expect(seen.stdout).not.toContain("private");
  });

  test("an app may administer nothing", async () => {
    for (const line of ["mc -q mb s3/new", "mc -q admin user ls s3", "mc -q anonymous set public s3/uploads"])
      expect((await mc("server", line)).code, line).not.toBe(0);
    // Empty, so that only the policy can refuse it.
    expect((await mc("outsider", "mc -q rb s3/outsider")).code).not.toBe(0);
  });

  test("only a public bucket is read without a key", async () => {
    expect((await mc("server", "mc -q pipe s3/avatars/me.txt", "me")).code).toBe(0);
    const anonymous = (path: string) =>
      stack.sh("server", `curl -s -o /dev/null -w '%{http_code}' http://minio:9000/${path}`);
    expect([(await anonymous("avatars/me.txt")).stdout, (await anonymous("uploads/a.txt")).stdout]).toEqual([
      "200",
      "403",
    ]);
  });

  test("a versioned bucket keeps what was deleted", async () => {
    await mc("server", "mc -q pipe s3/avatars/v.txt && mc -q rm s3/avatars/v.txt", "one");
    const versions = async () => (await mc("server", "mc -q ls --versions s3/avatars/v.txt")).stdout;
    await expect.poll(versions, { timeout: 10_000 }).toMatch(/(PUT[\s\S]*DEL|DEL[\s\S]*PUT)/);
  });

  test("an app that does not use it reaches it neither by name nor by address", async () => {
    const address = await stack.address("minio", "minio");
    const answers = (host: string) =>
      isReached(async () => {
        const { code } = await stack.sh("outsider", `curl -s -m 3 -o /dev/null http://${host}:9000/minio/health/live`);
        return code === 0;
      });
    expect(address).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
    expect([await answers("minio"), await answers(address), await answers("second")]).toEqual([false, false, true]);
  });

  test("nothing is published on the host", async () => {
    const ids = (await stack.compose("ps", "-q")).stdout.trim().split("\n");
    const ports = await run(["docker", "inspect", "--format", "{{json .HostConfig.PortBindings}}", ...ids]);
    expect(new Set(ports.stdout.trim().split("\n"))).toEqual(new Set(["{}"]));
  });

  test("the shortcut works as the root user, whose keys are no arguments", async () => {
    const seen = await stack.shortcut("minio", "ls", "local");
    expect(seen.stdout, seen.stderr).toContain("private/");
    const command = stack.model.shortcuts.find((candidate) => candidate.component === "minio")?.command.join(" ") ?? "";
    expect(command.includes(stack.secret("minio_root_password"))).toBe(false);
  });

  test("set-up a second time changes nothing, and a restart keeps the data", async () => {
    await stack.up();
    expect((await stack.compose("down")).code).toBe(0);
    await stack.up();
    const answer = await mc("server", "mc -q cat s3/uploads/a.txt");
    expect(answer.stdout, answer.stderr).toBe("hello");
  });

  test("a secret key that was changed under secrets/ counts after the next start", async () => {
    const before = stack.secret("minio_server");
    await stack.rotate("minio_server", "it's a \\new: p@ss/word%");
    await stack.up();
    const renewed = await mc("server", "mc -q cat s3/uploads/a.txt");
    expect(renewed.stdout, renewed.stderr).toBe("hello");
    const former = `export MC_CONFIG_DIR=/tmp/.mc-former; { echo "$S3_ACCESS_KEY_ID"; cat; } | mc alias set s3 "$S3_ENDPOINT"`;
    expect((await stack.sh("server", former, before)).code).toBe(1);
  });

  test("the root password that was changed counts after a restart, for the set-up too", async () => {
    await stack.rotate("minio_root_password", "another-password-of-the-root-user");
    const early = await stack.compose("run", "--rm", "-T", "--no-deps", "minio-setup");
    expect(early.code).toBe(1);
    expect(early.stderr).toContain("docker compose restart minio");
    expect((await stack.compose("restart", "minio")).code).toBe(0);
    await stack.up();
    expect((await stack.shortcut("minio", "ls", "local")).stdout).toContain("uploads/");
  });

  test("an empty secret stops the set-up with a message that names it", async () => {
    const good = stack.secret("minio_other");
    stack.writeSecret("minio_other", "\n");
    const result = await stack.compose("run", "--rm", "-T", "--no-deps", "minio-setup");
    stack.writeSecret("minio_other", `${good}\n`);
    expect(result.code).not.toBe(0);
    expect(result.stderr).toContain("minio_other is missing or empty");
  });

  test("no secret stands in inspect, logs or process lists", async () => {
    const text = await stack.readable(["minio", "minio-setup", "minio-volume", "second", "second-setup"]);
    expect(text.includes("Added user `minio-other`")).toBe(true);
    for (const value of stack.secretValues()) expect(text.includes(value)).toBe(false);
    expect((await stack.readable(["other"])).includes(stack.secret("minio_other"))).toBe(true);
  });

  test("the health check fails where nothing listens", async () => {
    const check = stack.model.services.find((service) => service.name === "minio")?.healthcheck?.test.slice(1) ?? [];
    const alive = await stack.sh("minio", check.join(" "));
    const dead = await stack.sh("minio", `MC_HOST_local=http://127.0.0.1:9009 timeout 4 ${check.join(" ")}`);
    expect(alive.code).toBe(0);
    expect(dead.code).not.toBe(0);
  });
});
