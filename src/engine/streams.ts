import { Transform, type TransformCallback } from "node:stream";
import { StringDecoder } from "node:string_decoder";

export type OutputStream = "stdout" | "stderr";

/** A piece of a container's output as it came: neither whole lines nor whole characters. */
export interface OutputPiece {
  stream: OutputStream;
  bytes: Buffer;
}

const headerLength = 8;

/**
 * Takes apart the engine's multiplexed output (stream number, three zeros, length in four bytes, content) into
 * `OutputPiece`s. Frames may be cut anywhere, and a long frame is passed on piece by piece instead of being collected.
 * An output cut short inside a frame is an error: silence would make a broken connection look like its end.
 */
export function demultiplexer(): Transform {
  const header = Buffer.alloc(headerLength);
  let headerBytes = 0;
  let stream: OutputStream = "stdout";
  let remaining = 0;

  function takeHeader(chunk: Buffer, offset: number): number {
    const taken = Math.min(headerLength - headerBytes, chunk.length - offset);
    chunk.copy(header, headerBytes, offset, offset + taken);
    headerBytes += taken;
    if (headerBytes === headerLength) {
      const kind = header.readUInt8(0);
      if (kind > 3 || header.readUIntBE(1, 3) !== 0) throw new Error("the engine's output is not multiplexed");
      // 3 is the engine's own complaint about the output.
      stream = kind >= 2 ? "stderr" : "stdout";
      remaining = header.readUInt32BE(4);
      if (remaining === 0) headerBytes = 0;
    }
    return offset + taken;
  }

  return new Transform({
    readableObjectMode: true,
    transform(chunk: Buffer, _encoding, done: TransformCallback) {
      try {
        for (let offset = 0; offset < chunk.length; ) {
          if (headerBytes < headerLength) {
            offset = takeHeader(chunk, offset);
            continue;
          }
          const end = Math.min(offset + remaining, chunk.length);
          this.push({ stream, bytes: chunk.subarray(offset, end) } satisfies OutputPiece);
          remaining -= end - offset;
          offset = end;
          if (remaining === 0) headerBytes = 0;
        }
        done();
      } catch (error) {
        done(error as Error);
      }
    },
    flush(done) {
      done(headerBytes === 0 ? null : brokenOff("the engine's output ended in the middle of a frame"));
    },
  });
}

/** As a connection that was lost: what was read is not all there was. */
export function brokenOff(message: string): Error {
  return Object.assign(new Error(message), { code: "ECONNRESET" });
}

/** Gives the output of a container with a terminal, which is not multiplexed, the same shape. */
export function singleStream(): Transform {
  return new Transform({
    readableObjectMode: true,
    transform(bytes: Buffer, _encoding, done) {
      done(null, { stream: "stdout", bytes } satisfies OutputPiece);
    },
  });
}

/** Joins pieces to lines, each stream for itself. */
export interface LineJoiner {
  add(piece: OutputPiece): void;
  /** Hands over what came after the last line break. */
  end(): void;
}

/** Characters of several bytes may be cut anywhere; a line that never ends is handed over in parts of `longest`. */
export function lineJoiner(onLine: (line: string, stream: OutputStream) => void, longest = 256 * 1024): LineJoiner {
  const decoders = { stdout: new StringDecoder("utf8"), stderr: new StringDecoder("utf8") };
  const rest = { stdout: "", stderr: "" };

  function take(stream: OutputStream, text: string): void {
    const lines = (rest[stream] + text).split("\n");
    rest[stream] = lines.pop() ?? "";
    for (const line of lines) onLine(withoutReturn(line), stream);
    if (rest[stream].length >= longest) {
      onLine(rest[stream], stream);
      rest[stream] = "";
    }
  }

  return {
    add: ({ stream, bytes }) => take(stream, decoders[stream].write(bytes)),
    end() {
      for (const stream of ["stdout", "stderr"] as const) {
        take(stream, decoders[stream].end());
        if (rest[stream] !== "") onLine(withoutReturn(rest[stream]), stream);
        rest[stream] = "";
      }
    },
  };
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}
