/** Rows by table, counted in the child process. */
import { observeFiles } from "../database/files.ts";
import { canBeHeld } from "../database/look.ts";
import { HoldfastError } from "../errors.ts";
import type { CountOrder, RowCounts } from "../recovery/count-rows.ts";
import { runJob } from "../toolbox.ts";
import { withDatabaseHeld } from "./hold.ts";
import type { Operation } from "./operation.ts";

export type { RowCounts };

/** Null, with a warning, where the file cannot be read; null where there is no file. */
export async function countRowsOf(op: Operation, path: string): Promise<RowCounts | null> {
  const { places } = op;
  const files = observeFiles(path);
  if (files.main === null) return null;
  try {
    if (path !== places.database) return await count("apart");
    return await withDatabaseHeld(op, async (alone) => await count(alone && canBeHeld(path) ? "held" : "beside"));
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code === "ABORTED") throw error;
    op.warn(`The rows of ${path} could not be counted: ${error.message}`);
    return null;
  }

  async function count(how: CountOrder["how"]): Promise<RowCounts> {
    const order = { path, how, scratch: op.scratchFor(path) };
    return await runJob(op, "count-rows", order, ({ done, total, what }) =>
      op.onEvent({ kind: "count", message: `counting the rows of ${path}: ${what}`, done, total, unit: "tables" }),
    );
  }
}
