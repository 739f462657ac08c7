/**
 * Rows on pages that were freed: they were deleted, but nothing has overwritten them yet. They go to lost and found
 * with the table that they may have been of, for a table must not get rows back that were deleted from it.
 */
import { INDEX_INTERIOR, INDEX_LEAF, TABLE_LEAF } from "./b-tree-page.ts";
import type { LostAndFound } from "./lost-and-found.ts";
import type { Pages } from "./pages.ts";
import { misfitOf } from "./shape.ts";
import type { Target } from "./target.ts";

export function salvageFreePages(pages: Pages, targets: readonly Target[], lost: LostAndFound): void {
  const keyed = targets.filter(({ keyGaps }) => keyGaps !== null);
  const withRowids = targets.filter(({ rowidGaps }) => rowidGaps !== null);
  for (let page = 2; page <= pages.source.pages; page++) {
    const view = pages.map.isFree(page) && pages.map.isOpen(page) ? pages.view(page, 0) : null;
    if (view?.type === TABLE_LEAF) readFreed(pages, page, withRowids, lost);
    // What an index has lost was in its table too.
    else if (view?.type === INDEX_LEAF || view?.type === INDEX_INTERIOR) readFreed(pages, page, keyed, lost);
  }
}

function readFreed(pages: Pages, page: number, targets: readonly Target[], lost: LostAndFound): void {
  const view = pages.view(page, 0);
  for (let cell = 0; view && cell < view.count; cell++) {
    const content = view.ok[cell] === 1 ? pages.content(view, cell, null, true) : null;
    if (!content) continue;
    const { types, count } = pages.records;
    const owners = targets.filter(({ shape }) => misfitOf(shape, types, count) === null);
    if (owners.length === 0 && view.type !== TABLE_LEAF) continue;
    const names = owners.map(({ entry }) => entry.name).join(" or ");
    const rowid = view.type === TABLE_LEAF ? (view.rowid[cell] ?? null) : null;
    lost.add(
      { rowid, values: content.values, page, root: page, odd: content.odd },
      `deleted${names && ` from ${names}`}`,
    );
  }
}
