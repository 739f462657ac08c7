/** How many rows databases that were set aside have which the current one lacks; in the child process. */
import type { Engine } from "../database/open.ts";
import { messageOf } from "../errors.ts";
import { type CountOrder, openForCount } from "./count-rows.ts";
import { rowsLacking } from "./rows-lacking.ts";

/** `path`, and how it is opened, is about the current database. */
export interface DemotedRowsOrder extends CountOrder {
  /** Whole paths, each with a free name beside it. */
  readonly demoted: readonly { readonly path: string; readonly scratch: string }[];
  /** Milliseconds for all of them together; each has an equal share of what the ones before it left. */
  readonly within: number;
}

export interface RowsMissed {
  /** At least so many where the count is not complete. */
  readonly rows: number;
  readonly complete: boolean;
}

/** For each of `demoted`, in their order; the reason where it could not be counted. */
export async function countDemotedRows(engine: Engine, order: DemotedRowsOrder): Promise<(RowsMissed | string)[]> {
  const begun = performance.now();
  const current = openForCount(engine, order);
  try {
    const counted: (RowsMissed | string)[] = [];
    for (const [place, { path, scratch }] of order.demoted.entries()) {
      const left = order.within - (performance.now() - begun);
      const signal = AbortSignal.timeout(Math.max(0, Math.floor(left / (order.demoted.length - place))));
      try {
        const other = openForCount(engine, { path, how: "apart", scratch });
        try {
          const { total: rows, complete } = await rowsLacking(current.db, other.db, { signal });
          counted.push({ rows, complete });
        } finally {
          other.close();
        }
      } catch (error) {
        counted.push(messageOf(error));
      }
    }
    return counted;
  } finally {
    current.close();
  }
}
