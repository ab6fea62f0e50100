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

  const compile = (name) =>
    nodeRequire("node:vm").compileFunction(section(name), ["require", "module", "exports", "program"], {
      filename: `${path}/${name}`,
    });

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
