/**
 * An index has the rowid of every row of its table: https://sqlite.org/fileformat2.html#representation_of_sql_indices.
 * Where a part of the table cannot be read and the index can, that tells which rows stood there, and which were deleted.
 */
import { INDEX_INTERIOR, INDEX_LEAF } from "./b-tree-page.ts";
import type { RowidGaps } from "./gaps.ts";
import { DEEPEST, type Pages } from "./pages.ts";
import type { KnownIndex } from "./skeleton.ts";
import type { Rowid } from "./varint.ts";

/** More are not kept in memory. */
const MOST_ROWIDS = 200_000;

/**
 * The rowids in the gaps of a table that one of its indexes has.
 *
 * @param index of all rows of a table with rowids
 * @returns null where some of the index cannot be read, or there are too many
 */
export function rowidsInGaps(
  pages: Pages,
  { entry, fields, endsInRowid, partial }: KnownIndex,
  gaps: RowidGaps,
): ReadonlySet<Rowid> | null {
  if (partial || !endsInRowid) return null;
  const found = new Set<Rowid>();
  const read = (page: number, depth: number): boolean => {
    const type = pages.map.type(page);
    const isIndex = (type === INDEX_LEAF || type === INDEX_INTERIOR) && depth < DEEPEST;
    const view = isIndex ? pages.view(page, depth) : null;
    if (!view?.sound) return false;
    for (let cell = 0; cell < view.count; cell++) {
      if (view.ok[cell] === 0 || (view.interior && !read(view.child[cell] as number, depth + 1))) return false;
      const rowid = pages.lastInteger(view, cell, fields);
      if (rowid === null || found.size > MOST_ROWIDS) return false;
      if (gaps.find(rowid, rowid)) found.add(rowid);
    }
    return !view.interior || read(view.right, depth + 1);
  };
  return read(entry.root, 0) ? found : null;
}
