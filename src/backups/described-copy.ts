/**
 * A copy of the database that says what it is: taken from one snapshot, out of WAL mode so that it is whole without
 * sidecars, with a row about itself and a digest of its own bytes, fully checked and flushed. Its name is given by others.
 */
import { dirname, relative } from "node:path";
import { checkFully, SPREAD_FROM, type Tools } from "../database/check.ts";
import { inspect } from "../database/integrity.ts";
import { fingerprint } from "../database/layout.ts";
import type { Engine } from "../database/open.ts";
import { contentDigestOf, headerOf } from "../database/read-raw.ts";
import { copySnapshot } from "../database/snapshot.ts";
import {
  type BackupReason,
  type BackupRow,
  type SelfDescription,
  writeBackupRow,
  writeOwnDigest,
} from "../database/stamp.ts";
import { clipped, HoldfastError } from "../errors.ts";
import { type Places, temporaryIn } from "../places.ts";
import { type FileIdentity, syncFile } from "../platform/atomic-file.ts";
import { fs, randomHex } from "../platform/builtins.ts";
import type { Progress } from "../platform/child.ts";
import { type DigestOrder, digestOf, findMark } from "./own-digest.ts";

const { statSync } = fs;

export interface CopyOrder {
  readonly places: Places;
  /** The id for a database that has no stamp yet. */
  readonly databaseId: string;
  readonly reason: BackupReason;
  /** A person's name for it. Default: none. */
  readonly label?: string | null;
  readonly now: string;
  /** The launch lock is held alone: nobody writes meanwhile. */
  readonly exclusive: boolean;
  /** How long the copy waits for another program's lock, in milliseconds. Default: as long as behind an application. */
  readonly patience?: number;
}

/** What was copied, as it was in the database. */
export interface ContentCopy {
  readonly path: string;
  /** See snapshot.ts. */
  readonly source: FileIdentity | null;
  /** SHA-256 of what its pages hold. */
  readonly content: string;
  readonly self: SelfDescription | null;
  /** The version in its stamp; null without one. */
  readonly version: string | null;
}

export async function copyContent(
  { engine }: Tools,
  { places, exclusive, patience }: CopyOrder,
  path: string,
  onProgress: (progress: Progress) => void,
): Promise<ContentCopy> {
  const { source } = await copySnapshot(engine, places.database, path, {
    exclusive,
    ...(patience === undefined ? {} : { patience }),
    onPages: (done, total) => onProgress({ done, total }),
  });
  const content = `sha256:${contentDigestOf(path)}`;
  const scratch = temporaryIn(dirname(path), places, "look");
  const { self } = inspect(engine, path, { check: "none", scope: "alone", scratch });
  return { path, source, content, self, version: self?.stamp?.appVersion ?? null };
}

export interface DescribedCopy {
  readonly row: BackupRow;
  /** Of the file as it is now. */
  readonly sha256: string;
  /** What is amiss with the application's data, which is no damage. */
  readonly warnings: readonly string[];
}

/**
 * @param sequence its place among the backups
 * @param onProgress told of the tables that are checked, by name
 */
export async function describeCopy(
  tools: Tools,
  order: CopyOrder,
  { path, content, self, version }: ContentCopy,
  sequence: number,
  onProgress?: (progress: Progress) => void,
): Promise<DescribedCopy> {
  const { places } = order;
  const row: BackupRow = {
    databaseId: self?.stamp?.databaseId ?? order.databaseId,
    databasePath: relative(places.backups, places.database),
    version,
    layout: fingerprint(self?.ledger ?? []),
    sequence,
    createdAt: order.now,
    reason: order.reason,
    label: order.label ?? null,
    content,
    journalMode: headerOf(path).journalMode,
    fileMode: statSync(places.database).mode & 0o777,
  };
  const markedAt = writeDescription(tools.engine, path, row);
  const toDigest: DigestOrder = { path, markedAt };
  // Its own digest apart, which no page hangs on, the file does not change any more while it is checked.
  const [sha256, warnings] = await Promise.all([
    statSync(path).size < SPREAD_FROM ? digestOf(toDigest) : tools.crew.run<string>("digest", toDigest),
    requireSound(tools, path, order, onProgress),
  ]);
  syncFile(path);
  return { row, sha256, warnings };
}

/**
 * Out of WAL mode, so that the file is whole without sidecars, and with its own row.
 *
 * @returns where its own digest is to stand; null where there is no place for it
 */
function writeDescription(engine: Engine, copy: string, row: BackupRow): number | null {
  const mark = randomHex(32);
  let page = 0;
  const db = engine.openUntrusted(copy, "readwrite");
  try {
    db.pragma("locking_mode = EXCLUSIVE");
    db.pragma("journal_mode = DELETE");
    db.pragma("synchronous = FULL");
    db.transaction(() => {
      writeBackupRow(db, row);
      page = writeOwnDigest(db, mark);
    })();
  } finally {
    db.close();
  }
  return findMark(copy, mark, { number: page, size: headerOf(copy).pageSize });
}

/** @returns what is amiss with the application's data, which is no damage */
async function requireSound(
  tools: Tools,
  copy: string,
  { places, exclusive }: CopyOrder,
  onProgress: ((progress: Progress) => void) | undefined,
): Promise<readonly string[]> {
  const { database } = places;
  const { verdict } = await checkFully(tools, copy, {
    scope: "alone",
    scratch: temporaryIn(dirname(copy), places, "look"),
    // Rows without a parent are no reason to keep a launch waiting.
    what: exclusive ? "pages" : "pages-and-keys",
    onProgress,
  });
  if (verdict.kind === "sound") return verdict.warnings;
  const problem = verdict.kind === "corrupt" ? clipped(verdict.problems[0] ?? "") : verdict.reason;
  throw new HoldfastError({
    code: "BACKUP_FAILED",
    message: `The copy of ${database} failed its check and was thrown away: ${problem}.`,
    hint: "The database itself may be damaged: start the application again, and it is checked before it opens.",
    details: { database, ...(verdict.kind === "corrupt" ? { damage: problem } : {}) },
  });
}
