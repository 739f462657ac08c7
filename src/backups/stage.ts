/** A copy of a backup, or another file, that is known to have its bytes. */
import { dirname } from "node:path";
import { sha256Of } from "../database/read-raw.ts";
import { HoldfastError } from "../errors.ts";
import { copyDurably, discardFile } from "../platform/atomic-file.ts";
import { fs } from "../platform/builtins.ts";
import type { Progress } from "../platform/child.ts";
import { requireSpace } from "../platform/free-space.ts";

const { lstatSync } = fs;

export interface StageOrder {
  readonly from: string;
  readonly to: string;
  /** What the verification read; the copy must have the same bytes. Null: those that the file has now. */
  readonly sha256: string | null;
}

/**
 * @param onProgress told of the bytes of the copy that were read again
 * @returns the SHA-256 of the copy
 */
export function stageBackup(order: StageOrder, onProgress?: (progress: Progress) => void): string {
  const { from, to } = order;
  const sha256 = order.sha256 ?? sha256Of(from);
  const { size: total } = lstatSync(from);
  requireSpace(dirname(to), total);
  copyDurably(from, to);
  if (sha256Of(to, (done) => onProgress?.({ done, total })) === sha256) return sha256;
  discardFile(to);
  throw new HoldfastError({
    code: "IO_FAILED",
    message: `The copy of ${from} has other bytes than the backup that was verified.`,
    hint: "Start again; if it happens again, check the medium.",
    details: { from, to },
  });
}
