import { Readable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import type Docker from "dockerode";
import type { LogLine, LogRequest } from "./engine.ts";
import { asked, unlessGone } from "./engine-errors.ts";

const headerLength = 8;
const newline = 10;

/** A container's output with the engine's time of each line. */
export async function* readLogs(
  docker: Docker,
  id: string,
  request: LogRequest,
  signal?: AbortSignal,
): AsyncGenerator<LogLine> {
  const container = docker.getContainer(id);
  const found = await unlessGone(container.inspect());
  if (found === undefined || signal?.aborted) return;
  const { follow = false, since, until, tail } = request;
  const options = {
    stdout: true,
    stderr: true,
    timestamps: true,
    ...(since !== undefined && { since: seconds(since) }),
    ...(until !== undefined && { until: seconds(until) }),
    ...(tail !== undefined && { tail }),
    ...(signal !== undefined && { abortSignal: signal }),
  };
  try {
    const output = follow
      ? ((await container.logs({ ...options, follow: true } as Docker.ContainerLogsOptions & {
          follow: true;
        })) as unknown as Readable)
      : Readable.from([asBytes(await container.logs({ ...options, follow: false } as never))]);
    yield* found.Config.Tty ? linesOf(output) : linesOfFrames(output);
  } catch (error) {
    if (signal?.aborted) return;
    // Gone between the two questions, or while it was followed.
    await unlessGone(asked(Promise.reject(error)));
  }
}

/** The client library takes an output that happens to be JSON apart. */
function asBytes(output: unknown): Buffer {
  return Buffer.isBuffer(output) ? output : Buffer.from(JSON.stringify(output));
}

/** The engine wants seconds, and takes fractions as text. */
function seconds(milliseconds: number): never {
  // The client's types know whole seconds alone.
  return (milliseconds / 1_000).toFixed(3) as never;
}

/** A message, or as much of a line as has come. Bytes, because a message may end in the middle of a character. */
interface Started {
  time: string;
  text: Buffer;
}

/**
 * Each frame is one message with its time in front. A line of more than 16 KiB comes in several messages, each with a
 * time of its own, so that times can only be told from text frame by frame.
 */
async function* linesOfFrames(output: AsyncIterable<Buffer>): AsyncGenerator<LogLine> {
  const begun = new Map<LogLine["stream"], Started>();
  for await (const { stream, message } of framesOf(output)) {
    const { time, text } = withTime(message);
    const earlier = begun.get(stream);
    const line = earlier === undefined ? { time, text } : { ...earlier, text: Buffer.concat([earlier.text, text]) };
    begun.set(stream, line);
    if (line.text.at(-1) !== newline) continue;
    begun.delete(stream);
    yield { time: line.time, stream, text: withoutBreak(line.text.toString()) };
  }
  for (const [stream, { time, text }] of begun) yield { time, stream, text: text.toString() };
}

/** Frames: the stream's number, three zeros, the length in four bytes, the message. They may be cut anywhere. */
async function* framesOf(
  output: AsyncIterable<Buffer>,
): AsyncGenerator<{ stream: LogLine["stream"]; message: Buffer }> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const bytes of output) {
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    while (rest.length >= headerLength) {
      const length = headerLength + rest.readUInt32BE(4);
      if (rest.length < length) break;
      yield {
        stream: rest.readUInt8(0) >= 2 ? "stderr" : "stdout",
        message: rest.subarray(headerLength, length),
      };
      rest = rest.subarray(length);
    }
  }
}

/** With a terminal there are no frames, and all of it is one stream. */
async function* linesOf(output: AsyncIterable<Buffer>): AsyncGenerator<LogLine> {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  for await (const bytes of output) {
    const lines = (rest + decoder.write(bytes)).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield timed(line);
  }
  if (rest !== "") yield timed(rest);
}

function timed(line: string): LogLine {
  const { time, text } = withTime(Buffer.from(line));
  return { time, stream: "stdout", text: withoutBreak(text.toString()) };
}

function withTime(message: Buffer): Started {
  const space = message.indexOf(" ");
  return { time: message.toString("latin1", 0, space), text: message.subarray(space + 1) };
}

function withoutBreak(line: string): string {
  return line.replace(/\r?\n?$/, "");
}
