/**
 * What Holdfast does behind the application, written by hand: the database is copied with `db.backup()`, the copy is
 * checked on one connection and hashed. In a process of its own; prints what it measured as JSON.
 */
import { createHash } from "node:crypto";
import { createReadStream, rmSync } from "node:fs";
import Sqlite from "better-sqlite3";
import { clock, watchLoop } from "./watch-loop.ts";

export interface CopyOrder {
  readonly database: string;
  /** Where the copy goes, and is removed from again. */
  readonly copy: string;
}

/** Milliseconds. */
export interface Copied {
  /** On the clock that all processes share. */
  readonly begun: number;
  readonly ms: number;
  /** The longest block of the event loop meanwhile. */
  readonly blocked: number;
}

/** A larger piece than the 64 KiB of a stream's default: by hand one would tune that, too. */
const PIECE = 1 << 20;

async function sha256Of(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(file, { highWaterMark: PIECE })) hash.update(piece as Buffer);
  return hash.digest("hex");
}

async function copyVerified({ database, copy }: CopyOrder): Promise<Copied> {
  const db = new Sqlite(database, { fileMustExist: true });
  db.prepare("SELECT count(*) FROM sqlite_schema").get();
  const loop = watchLoop();
  const begun = clock();
  await db.backup(copy);
  const copied = new Sqlite(copy, { fileMustExist: true });
  const verdict = copied.pragma("integrity_check", { simple: true });
  copied.close();
  if (verdict !== "ok") throw new Error(`${copy} is corrupt: ${verdict}`);
  await sha256Of(copy);
  const done = clock();
  loop.stop();
  db.close();
  rmSync(copy);
  return { begun, ms: done - begun, blocked: loop.longest(begun, done) };
}

process.stdout.write(JSON.stringify(await copyVerified(JSON.parse(process.argv[2] ?? "") as CopyOrder)));
