/** The copy of a source that is to take a place, made ready under a temporary name. */
import { dirname } from "node:path";
import { livingSidecars, observeFiles } from "../database/files.ts";
import { removeBackupRow } from "../database/stamp.ts";
import { HoldfastError, named } from "../errors.ts";
import { takeOwner } from "../launch/staged.ts";
import { temporaryIn } from "../places.ts";
import { syncFile } from "../platform/atomic-file.ts";
import { checkFile } from "./check-file.ts";
import { copyFile, stageFile } from "./copying.ts";
import type { Operation } from "./operation.ts";
import type { Source } from "./source.ts";
import type { Sound } from "./verify-source.ts";

/**
 * A copy that is whole without sidecars, checked, and no backup any more.
 *
 * @param mode of the database whose place it takes, for a source that does not remember its own
 */
export async function stageDatabase(
  op: Operation,
  source: Source,
  { sha256, self }: Sound,
  staged: string,
  path: string,
  mode: "wal" | "delete" | null,
): Promise<void> {
  const { places, engine } = op;
  if (sha256 !== null) await stageFile(op, { from: source.path, to: staged, sha256 });
  else {
    await copyFile(op, source.path, staged);
    for (const ending of livingSidecars(observeFiles(source.path))) {
      await copyFile(op, source.path + ending, staged + ending);
    }
  }
  named(`making ${staged} ready`, () => {
    const db = engine.openUntrusted(staged, "readwrite");
    try {
      db.pragma("locking_mode = EXCLUSIVE");
      const own = String(db.pragma("journal_mode", { simple: true }));
      db.pragma("journal_mode = DELETE");
      if (self?.backup) removeBackupRow(db);
      if ((self?.backup?.journalMode ?? mode ?? own) === "wal") db.pragma("journal_mode = WAL");
    } finally {
      db.close();
    }
  });
  const scratch = temporaryIn(dirname(staged), places, "look");
  const how = { path: staged, scope: "alone", kind: "check", message: "checking the copy", scratch } as const;
  const { verdict } = await checkFile(op, how);
  if (verdict.kind !== "sound") {
    throw new HoldfastError({
      code: "IO_FAILED",
      message: `The copy of ${source.path} failed its check, though the file itself passed; nothing was changed.`,
      hint: "Give the command again; if it happens again, check the medium.",
      details: { path: source.path },
    });
  }
  takeOwner(staged, path, self?.backup?.fileMode);
  named(`flushing ${staged}`, () => syncFile(staged));
}
