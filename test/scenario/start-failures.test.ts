import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Context } from "../../src/operations/context.ts";
import { runStart, type StartOptions } from "../../src/operations/start.ts";
import type { SecretFile } from "../../src/stack/model.ts";
import { StackError } from "../../src/support/errors.ts";
import { run } from "../../src/support/process.ts";
import { describeWithDocker, smallImage } from "../support/docker.ts";
import { quickCheck, smallService, smallStack } from "../support/scenario.ts";

async function failureOf(context: Context, options?: StartOptions): Promise<StackError> {
  const outcome = await runStart(context, options).then(
    () => "it started",
    (error: unknown) => error,
  );
  if (outcome instanceof StackError) return outcome;
  throw outcome instanceof Error ? outcome : new Error(String(outcome));
}

const loops = "while :; do sleep 1 & wait; done";

await describeWithDocker("a start that cannot succeed", [smallImage], () => {
  test("an image that cannot be had: says for whom and what to do; nothing runs", async () => {
    const image = "127.0.0.1:9/shop/server:1.4";
    const stack = await smallStack([smallService("db"), smallService("server", { image })]);
    const error = await failureOf(stack.context);
    expect(error).toMatchObject({ code: "pull-refused", exit: "unhealthy" });
    expect(error.message).toMatch(
      /^127\.0\.0\.1:9 cannot be reached for 127\.0\.0\.1:9\/shop\/server:1\.4 \(for server\): .*refused/,
    );
    expect(error.hint).toContain("--no-pull");
    expect(await stack.states()).toEqual([]);
    expect(await failureOf(stack.context, { pull: false })).toMatchObject({ code: "image-missing" });
  });

  test("a port that a process has: names the process", async () => {
    const server = createServer();
    onTestFinished(() => void server.close());
    const port = await new Promise<number>((resolve) => {
      server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
    });
    const ports = [{ host: "127.0.0.1", published: port, target: 80, protocol: "tcp" as const }];
    const stack = await smallStack([smallService("web", { ports })]);
    const error = await failureOf(stack.context);
    expect(error).toMatchObject({ code: "port-taken", exit: "unhealthy" });
    expect(error.message).toMatch(
      new RegExp(`^Port ${port}, which web needs, is taken by the process \\S.* \\(process ${process.pid}\\)$`),
    );
    expect(await stack.states()).toEqual([]);
  });

  test("a port that another container has: names the container", async () => {
    const ports = [{ host: "127.0.0.1", published: 42_817, target: 80, protocol: "tcp" as const }];
    const first = await smallStack([smallService("web", { ports })]);
    await runStart(first.context);
    expect((await runStart(first.context)).changed).toBe(false);
    const second = await smallStack([smallService("web", { ports })]);
    expect((await failureOf(second.context)).message).toBe(
      `Port 42817, which web needs, is taken by the container ${first.model.name}-web-1 of the project ${first.model.name}`,
    );
  });

  test("secrets that are missing or empty: all of them, each with its file", async () => {
    const secrets: SecretFile[] = [
      { name: "api_key", about: "Key of the payment service", mode: 0o444, kind: "supplied" },
      { name: "pg_app", about: "Password of the app", mode: 0o444, kind: "random", encoding: "hex" },
    ];
    const stack = await smallStack([smallService("web", { secrets: ["api_key", "pg_app"] })], { secrets });
    mkdirSync(join(stack.directory, "secrets"));
    writeFileSync(join(stack.directory, "secrets", "pg_app"), "");
    const error = await failureOf(stack.context);
    expect(error).toMatchObject({
      code: "preflight",
      exit: "secret",
      problems: [
        {
          message: "secrets/api_key is missing (Key of the payment service)",
          hint: expect.stringContaining("secrets/api_key"),
        },
        {
          message: "secrets/pg_app is empty (Password of the app)",
          hint: "put the file back; where the stack holds no data yet, `./prod.sh generate` makes a new one",
        },
      ],
    });
    // A new value in its place would lock the app out of the data that knows the old one.
    expect(readFileSync(join(stack.directory, "secrets", "pg_app"), "utf8")).toBe("");
    expect(await stack.states()).toEqual([]);
  });

  test("a service that never turns healthy: check, expected, got, log; secrets hidden; what waits is named", async () => {
    const secret = "0123456789abcdef0123456789abcdef";
    const secrets: SecretFile[] = [{ name: "token", about: "Token", mode: 0o444, kind: "random", encoding: "hex" }];
    const healthcheck = {
      ...quickCheck,
      startPeriod: 0,
      test: ["CMD-SHELL", "wget -q -O- http://127.0.0.1:3000/ || exit 1"],
    };
    const command = ["sh", "-c", `echo "token is $(cat /run/secrets/token)"; nc -l -p 4000 & ${loops}`];
    const stack = await smallStack(
      [
        smallService("sick", { healthcheck, command, secrets: ["token"] }),
        smallService("web", { dependsOn: [{ service: "sick", condition: "service_healthy" }] }),
        smallService("fine"),
      ],
      { secrets },
    );
    mkdirSync(join(stack.directory, "secrets"), { mode: 0o700 });
    writeFileSync(join(stack.directory, "secrets", "token"), secret, { mode: 0o444 });
    const error = await failureOf(stack.context);
    expect(error).toMatchObject({
      code: "service-failed",
      exit: "unhealthy",
      message: "sick is unhealthy",
      hint: "./prod.sh logs sick",
    });
    const unfolded = error.details.map((line) => line.replace("0.0.0.0:4000", "[::]:4000"));
    expect(unfolded).toEqual([
      "check: wget -q -O- http://127.0.0.1:3000/ || exit 1",
      "expected: exit code 0, got: exit code 1",
      "it said: wget: can't connect to remote host (127.0.0.1): Connection refused",
      "listening inside: [::]:4000",
      "last lines of its log:",
      "  token is [redacted]",
      "not started because of this: web",
    ]);
    expect(JSON.stringify([error, error.message, stack.progress.all])).not.toContain(secret);
    expect(await stack.states()).toContain("fine running healthy");
    expect(stack.progress.all).toContain("web failed: waits for sick");
  });

  test("a crash loop: exit code, restarts and the last words", async () => {
    const command = ["sh", "-c", "echo cannot find my settings; exit 3"];
    const stack = await smallStack([smallService("web", { command })]);
    const error = await failureOf(stack.context);
    expect(error.message).toMatch(/^web ends again and again: exit code 3, \d+ restarts$/);
    expect(error.details).toContain("  cannot find my settings");
  });

  test("killed for memory: the limit, and the key that raises it", async () => {
    // tail keeps what it reads in memory until a line ends, and zeros have no line ends.
    const stack = await smallStack([smallService("hungry", { command: ["tail", "/dev/zero"] })]);
    const error = await failureOf(stack.context);
    expect(error.message).toBe("hungry was killed because it needs more memory than its limit of 32 MB");
    expect(error.hint).toBe(
      "raise components.hungry.limits.memory in stack.yaml, then `./prod.sh generate` and `./prod.sh start`",
    );
  });

  test("a set-up step that fails: its exit code, and what was not started because of it", async () => {
    const stack = await smallStack([
      smallService("init", { class: "one-shot", command: ["sh", "-c", "echo no such bucket >&2; exit 9"] }),
      smallService("web", { dependsOn: [{ service: "init", condition: "service_completed_successfully" }] }),
    ]);
    const error = await failureOf(stack.context);
    expect(error.message).toBe("init ended with exit code 9");
    expect(error.details).toEqual(["last lines of its log:", "  no such bucket", "not started because of this: web"]);
  });

  test("a program that is not in the image", async () => {
    const stack = await smallStack([smallService("web", { command: ["servre", "--port", "80"] })]);
    const error = await failureOf(stack.context);
    expect(error.message).toBe('web cannot be started: there is no program "servre" in its image');
    expect(error.hint).toContain("components.web");
  });

  test("a program for another kind of machine", async () => {
    const mounts = [{ kind: "bind" as const, source: "program", target: "/program", readOnly: true }];
    const stack = await smallStack([smallService("web", { command: ["/program"], mounts })]);
    // The head of a program for arm64, or on such a machine for amd64.
    const machine = process.arch === "arm64" ? 0x3e : 0xb7;
    const head = Buffer.alloc(256);
    head.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, machine, 0, 1, 0, 0, 0]);
    writeFileSync(join(stack.directory, "program"), head, { mode: 0o755 });
    expect((await failureOf(stack.context)).message).toBe(
      "web cannot run here: its program is built for another kind of machine, or is a script without a first line `#!`",
    );
  });

  test("files that Compose does not accept", async () => {
    const stack = await smallStack([smallService("web")]);
    writeFileSync(join(stack.directory, "compose.yaml"), "services: { web: { imag: x } }\n");
    const error = await failureOf(stack.context);
    expect(error).toMatchObject({ code: "compose-invalid", exit: "invalidInput" });
    expect(error.message).toContain("imag");
  });

  test("after the cause is gone the next start succeeds", async () => {
    const stack = await smallStack([smallService("web", { command: ["sh", "-c", "exit 3"] }), smallService("db")]);
    await failureOf(stack.context);
    const before = await stack.ids();
    Object.assign(stack.model.services[0] ?? {}, { command: ["sh", "-c", loops] });
    stack.write();
    await runStart(stack.context);
    expect(await stack.states()).toEqual(["db running healthy", "web running healthy"]);
    expect((await stack.ids()).db).toBe(before.db);
    const journals = await run(["sh", "-c", `grep -h '"end"' ${stack.directory}/.stack/journal/*`]);
    expect(journals.stdout).toMatch(/"failed".*\n.*"done"/);
  });
});
