import { openFile } from "../../src/snapshots/byte-source.ts";
import { s3Store } from "../../src/snapshots/s3-store.ts";

/** Uploads a file as a program of its own, to be killed by tests. What it needs comes on its standard input. */
const pieces: Buffer[] = [];
for await (const piece of process.stdin) pieces.push(piece as Buffer);
const { key, file, credentials, ...options } = JSON.parse(Buffer.concat(pieces).toString());
await s3Store({ ...options, credentials: async () => credentials }).put(key, await openFile(file));
