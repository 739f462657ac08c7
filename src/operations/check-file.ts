import type { Inspection } from "../database/integrity.ts";
import type { ProgressEvent } from "../report.ts";
import { runJob } from "../toolbox.ts";
import type { Operation } from "./operation.ts";

export interface FileCheck {
  readonly path: string;
  /** See `ExamineOrder`. */
  readonly scope: "whole" | "alone";
  readonly kind: Extract<ProgressEvent["kind"], "check" | "verify">;
  /** What the events say, before the table that is done. */
  readonly message: string;
  /** A free name, for a look apart. Default: in the backup folder. */
  readonly scratch?: string;
}

/** Reads all pages of a file that nobody has open, in the child process, and tells of its tables as they are done. */
export async function checkFile(op: Operation, check: FileCheck): Promise<Inspection> {
  const { path, scope, kind, message, scratch = op.scratchFor(path) } = check;
  return await runJob(op, "examine", { path, scope, check: "full", scratch, beside: false }, ({ done, total, what }) =>
    op.onEvent({ kind, message: `${message}: ${what}`, done, total, unit: "tables" }),
  );
}
