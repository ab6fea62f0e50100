import { afterAll, beforeAll, expect, test } from "vitest";
import { describeWithDocker } from "../support/docker.ts";
import {
  createFaultStack,
  type Ended,
  type Fault,
  type FaultStack,
  interrupt,
  kill,
  leftovers,
  listWhole,
  services,
  succeed,
} from "../support/faults.ts";

const images = ["busybox:1.38.0", "postgres:18.6-trixie", "redis:8.2.9-bookworm"];
const all = ["app running", "postgres running", "redis running"];

await describeWithDocker("a restore that is cut short", images, () => {
  let stack: FaultStack;
  /** A moment in which everything was `saved`. */
  let moment: string;

  beforeAll(async () => {
    stack = createFaultStack();
    await succeed(stack, "start");
    sql("CREATE TABLE marks (mark text); INSERT INTO marks VALUES ('none')");
    mark("saved");
    // Large enough that whoever unpacks it can be struck at work.
    stack.sh("app", "dd if=/dev/urandom of=/uploads/big bs=1M count=100 2>/dev/null");
    await succeed(stack, "backup", "run");
    moment = new Date().toISOString();
    mark("live");
  });
  afterAll(() => stack?.remove());

  const sql = (text: string) => stack.sh("postgres", `psql -qU postgres -d app -Atc "${text}"`);
  const redis = (line: string) =>
    stack.sh(
      "redis",
      `REDISCLI_AUTH=$(cat /run/secrets/redis_stack_admin) redis-cli --user stack_admin --no-auth-warning ${line}`,
    );

  function mark(text: string): void {
    sql(`UPDATE marks SET mark = '${text}'`);
    redis(`SET mark ${text}`);
    stack.sh("app", `echo ${text} >/uploads/mark`);
  }

  const marks = () => [sql("SELECT mark FROM marks"), redis("GET mark"), stack.sh("app", "cat /uploads/mark")];
  const saved = ["saved", "saved", "saved"];
  const live = ["live", "live", "live"];

  const restore = () => ["restore", "run", "--at", moment, "--yes"];

  async function allIsWell(): Promise<string[]> {
    expect(services(stack)).toEqual(all);
    expect(leftovers(stack)).toEqual([]);
    return marks();
  }

  const at = (words: RegExp) => (line: string) => words.test(line);

  test.each([
    ["while the base is unpacked", /postgres: unpacking/, [live]],
    ["when everything is loaded", /redis: loaded/, [live]],
    ["when one service has stopped", /redis: stopped/, [live]],
    ["when it begins to swap", /^Swapping/, [live, saved]],
    ["when it begins to start", /^Starting/, [saved]],
  ])("killed %s, `start` ends with 0 and nothing is mixed", async (_, words, possible) => {
    const ended: Ended = await stack.run(restore(), { at: at(words), strike: kill });
    expect(ended, ended.lines.join("\n")).toMatchObject({ struck: true, code: undefined });
    await succeed(stack, "start");
    const found = await allIsWell();
    expect(possible).toContainEqual(found);
    if (found[0] !== "live") mark("live");
  });

  test("Ctrl-C while it loads changes nothing and leaves nothing", async () => {
    const ended = await stack.run(restore(), { at: at(/postgres: unpacking/), strike: interrupt });
    expect(ended, ended.lines.join("\n")).toMatchObject({ struck: true, code: 130 });
    expect(await allIsWell()).toEqual(live);
  });

  /** Kills the container of this purpose that is the so-manieth of its kind to run. */
  function killing(purpose: string, nth: number): Fault {
    const seen: string[] = [];
    const filters = [`create-stack.stack=${stack.name}`, `create-stack.purpose=${purpose}`];
    return {
      when() {
        const id = stack.docker("ps", "-q", ...filters.flatMap((label) => ["--filter", `label=${label}`]));
        if (id !== "" && !seen.includes(id)) seen.push(id);
        return seen.length === nth;
      },
      strike: () => stack.docker("kill", seen[nth - 1] ?? ""),
    };
  }

  test.each([
    // The base is unpacked by one container, and its log replayed by a server in the next.
    ["the server that replays the log", "restore-postgres", 2],
    ["whoever unpacks the files", "load-app-uploads", 1],
  ])("%s is killed: the restore says so, nothing has changed, and everything runs", async (_, purpose, nth) => {
    const ended = await stack.run(restore(), killing(purpose, nth));
    expect(ended, ended.lines.join("\n")).toMatchObject({ struck: true });
    expect(ended.code, ended.lines.join("\n")).not.toBe(0);
    expect(ended.lines.join("\n")).toMatch(/was killed|137/);
    expect(await allIsWell()).toEqual(live);
  });

  test("a restore that nothing disturbs brings everything back, and backups go on", async () => {
    await succeed(stack, ...restore());
    expect(await allIsWell()).toEqual(saved);
    await succeed(stack, "backup", "run");
    await listWhole(stack);
    await succeed(stack, "backup", "verify", "--all");
  });
});
