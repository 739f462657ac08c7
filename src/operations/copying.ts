/** Copies of files that may be large, made by the child process, with how far they are. */
import { basename } from "node:path";
import type { StageOrder } from "../backups/stage.ts";
import { fs } from "../platform/builtins.ts";
import { runJob } from "../toolbox.ts";
import type { Operation } from "./operation.ts";

const { statSync } = fs;

const LOOKED_MS = 200;

/** What was copied before, of all that there is to copy; in bytes. */
export interface Share {
  readonly done: number;
  readonly total: number;
}

/** @param share default: this file is all */
export async function copyFile(op: Operation, from: string, to: string, share?: Share): Promise<void> {
  await watched(op, from, to, share, () => runJob(op, "copy", { from, to }));
}

/**
 * The copy is known to have the bytes of its original.
 *
 * @returns its SHA-256
 */
export async function stageFile(op: Operation, order: StageOrder, share?: Share): Promise<string> {
  const { from, to } = order;
  return await watched(op, from, to, share, (copied) =>
    runJob(op, "stage", order, ({ done, total }) => {
      // Between many files it would be to and fro.
      if (share) return;
      copied();
      op.onEvent({ kind: "verify", message: `verifying the copy of ${basename(from)}`, done, total, unit: "bytes" });
    }),
  );
}

/** The kernel copies without a word; how far it is shows in the size of the copy. */
async function watched<Result>(
  op: Operation,
  from: string,
  to: string,
  { done: before, total }: Share = { done: 0, total: sizeOf(from) },
  copy: (copied: () => void) => Promise<Result>,
): Promise<Result> {
  const size = sizeOf(from);
  const message = `copying ${basename(from)}`;
  const tell = () =>
    op.onEvent({ kind: "copy", message, done: before + Math.min(size, sizeOf(to)), total, unit: "bytes" });
  tell();
  const timer = setInterval(tell, LOOKED_MS);
  const copied = () => clearInterval(timer);
  try {
    return await copy(copied);
  } finally {
    copied();
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
