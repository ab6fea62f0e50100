#!/usr/bin/env node
// create-stack __VERSION__. MIT License. Made by scripts/build.ts; https://www.npmjs.com/package/create-stack
//
// The whole program in one file. What every call needs is code; everything else stands as text in the comment at the
// end, in sections, and is compiled when it is first asked for, so that a short command pays for itself alone.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(
    `create-stack needs Node.js 20.19 or newer; this is ${process.versions.node}. Install a newer one: https://nodejs.org/en/download\n`,
  );
  process.exitCode = 2;
} else {
  /** Name of a section to its place: bytes from the end of the file, and length. */
  const index = __INDEX__;
  /** Modules that every call needs. */
  const ready = { __READY__ };

  const path = fileURLToPath(import.meta.url);
  const nodeRequire = createRequire(import.meta.url);
  const loaded = new Map();
  let file;

  const bytes = () => {
    file ??= readFileSync(path);
    return file;
  };

  const section = (name) => {
    const [fromEnd, length] = index[name];
    const start = bytes().length - fromEnd;
    const text = bytes().latin1Slice(start, start + length);
    return text.includes("\x01")
      ? text.replace(/\x01([0-9a-f]+)\x01/g, (_, code) => String.fromCharCode(Number.parseInt(code, 16)))
      : text;
  };

  const program = {
    path,
    version: "__VERSION__",
    text: () => bytes().toString("utf8"),
    assets: Object.keys(index).flatMap((name) => (name.startsWith("file:") ? [name.slice(5)] : [])),
    asset: (name) => section(`file:${name}`),
  };

  // A stack's program keeps V8's compiled form of its modules beside itself, which saves a third of a short command's
  // time. It is never more than a copy: names hold a hash of the text, V8 refuses what another version of it made, the
  // checksum what a disk has spoiled, and where nothing can be written everything works without.
  const { basename, dirname, join } = nodeRequire("node:path");
  const cache =
    basename(dirname(path)) === ".stack"
      ? join(dirname(path), "cache", `${process.version}-${process.arch}`)
      : undefined;
  const freshlyCompiled = [];

  const readCompiled = (name) => {
    if (cache === undefined) return undefined;
    try {
      const kept = readFileSync(join(cache, basename(name)));
      const code = kept.subarray(4);
      return kept.readUInt32LE(0) === nodeRequire("node:zlib").crc32(code) ? code : undefined;
    } catch {
      return undefined;
    }
  };

  const keepCompiled = () => {
    const { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } = nodeRequire("node:fs");
    try {
      mkdirSync(cache, { recursive: true, mode: 0o700 });
      for (const [name, script] of freshlyCompiled) {
        const code = script.createCachedData();
        const head = Buffer.alloc(4);
        head.writeUInt32LE(nodeRequire("node:zlib").crc32(code));
        const temporary = join(cache, `${basename(name)}.${process.pid}`);
        writeFileSync(temporary, Buffer.concat([head, code]), { mode: 0o600 });
        renameSync(temporary, join(cache, basename(name)));
      }
      const current = new Set(Object.keys(index).map((name) => basename(name)));
      for (const name of readdirSync(cache)) if (!current.has(name)) rmSync(join(cache, name), { force: true });
    } catch {
      // Full disk, read-only directory, another user's file: the next run compiles again.
    }
  };

  const compile = (name) => {
    const { Script } = nodeRequire("node:vm");
    const cachedData = readCompiled(name);
    const text = `(function(require,module,exports,program){${section(name)}\n})`;
    const script = new Script(text, { filename: `${path}/${name}`, cachedData });
    if (cache !== undefined && (cachedData === undefined || script.cachedDataRejected)) {
      if (freshlyCompiled.length === 0) process.once("exit", keepCompiled);
      freshlyCompiled.push([name, script]);
    }
    return script.runInThisContext();
  };

  const load = (name) => {
    if (!name.startsWith("./")) return nodeRequire(name);
    const known = loaded.get(name);
    if (known !== undefined) return known.exports;
    const module = { exports: {} };
    loaded.set(name, module);
    (ready[name] ?? compile(name))(load, module, module.exports, program);
    return module.exports;
  };
  load("./main.js");
}
