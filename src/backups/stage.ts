/** A copy of a backup, or another file, that is known to have its bytes. */
import { dirname } from "node:path";
import { sha256Of } from "../database/read-raw.ts";
import { HoldfastError } from "../errors.ts";
import { copyDurably, discardFile } from "../platform/atomic-file.ts";
import { fs } from "../platform/builtins.ts";
import { requireSpace } from "../platform/free-space.ts";

const { lstatSync } = fs;

export interface StageOrder {
  readonly from: string;
  readonly to: string;
  /** What the verification read; the copy must have the same bytes. Null: those that the file has now. */
  readonly sha256: string | null;
}

/** @returns the SHA-256 of the copy */
export function stageBackup(order: StageOrder): string {
  const { from, to } = order;
  const sha256 = order.sha256 ?? sha256Of(from);
  requireSpace(dirname(to), lstatSync(from).size);
  copyDurably(from, to);
  if (sha256Of(to) === sha256) return sha256;
  discardFile(to);
  throw new HoldfastError({
    code: "IO_FAILED",
    message: `The copy of ${from} has other bytes than the backup that was verified.`,
    hint: "Start again; if it happens again, check the medium.",
    details: { from, to },
  });
}
