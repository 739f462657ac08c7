/**
 * Where the rows of a table stood in a backup: a copy that SQLite made page by page has each page under the number
 * that it had, so that a page which cannot be read now tells by the backup's page of that number whose it was.
 */
import type { Row } from "../values.ts";
import { type BTreePage, INDEX_LEAF, isInterior, TABLE_LEAF } from "./b-tree-page.ts";
import type { Backup } from "./fill.ts";
import { DEEPEST, type Pages } from "./pages.ts";
import type { Entry } from "./schema.ts";
import type { Shape } from "./shape.ts";

/** Keys from `from` up to `upTo`, both included. */
export interface KeyRange {
  readonly from: Row;
  readonly upTo: Row;
}

/**
 * @param pages of a database that is sound
 * @param root where the table's tree begins in it
 * @returns in the order of their keys, what adjoins as one
 */
export function rangesOn(
  pages: Pages,
  root: number,
  shape: Shape,
  isWanted: (page: number) => boolean,
): readonly KeyRange[] {
  const ranges: KeyRange[] = [];
  let adjoins = false;
  const add = (from: Row | null, upTo: Row | null) => {
    if (from === null || upTo === null) return;
    const last = adjoins ? ranges.pop() : undefined;
    ranges.push({ from: last?.from ?? from, upTo });
    adjoins = true;
  };
  const leaf = (page: number, depth: number) => {
    const view = isWanted(page) ? pages.view(page, depth) : null;
    if (view && view.count > 0) add(keyAt(pages, view, 0, shape), keyAt(pages, view, view.count - 1, shape));
    else if (!isWanted(page)) adjoins = false;
  };
  const descend = (page: number, depth: number) => {
    const type = pages.map.type(page);
    if (type === TABLE_LEAF || type === INDEX_LEAF) return leaf(page, depth);
    const view = isInterior(type) && depth < DEEPEST ? pages.view(page, depth) : null;
    if (!view) return;
    for (let cell = 0; cell < view.count; cell++) {
      descend(view.child[cell] as number, depth + 1);
      if (shape.keyFields === null) continue;
      const key = isWanted(page) ? keyAt(pages, view, cell, shape) : null;
      if (key) add(key, key);
      else adjoins = false;
    }
    descend(view.right, depth + 1);
  };
  descend(root, 0);
  return ranges;
}

/** Whose a page was, and which page led to it: 0 for a root. */
export interface OldTrees {
  readonly ownerOf: (page: number) => Entry | undefined;
  readonly parentOf: (page: number) => number | undefined;
}

/** Six bytes a page. */
export function treesIn({ pages, schema }: Backup): OldTrees {
  const entries = schema.entries.filter(({ root }) => root > 0);
  /** By their places among those, from 1 on. */
  const owners = new Uint16Array(pages.source.pages + 1);
  const parents = new Uint32Array(pages.source.pages + 1);
  const descend = (page: number, owner: number, parent: number, depth: number) => {
    owners[page] = owner;
    parents[page] = parent;
    const view = isInterior(pages.map.type(page)) && depth < DEEPEST ? pages.view(page, depth) : null;
    if (!view) return;
    for (let cell = 0; cell < view.count; cell++) descend(view.child[cell] as number, owner, page, depth + 1);
    descend(view.right, owner, page, depth + 1);
  };
  for (const [at, { root }] of entries.entries()) descend(root, at + 1, 0, 0);
  return {
    ownerOf: (page) => entries[(owners[page] ?? 0) - 1],
    parentOf: (page) => (owners[page] ? parents[page] : undefined),
  };
}

function keyAt(pages: Pages, view: BTreePage, cell: number, shape: Shape): Row | null {
  if (shape.keyFields === null) return [BigInt(view.rowid[cell] ?? 0)];
  const values = pages.content(view, cell, shape)?.values.slice(0, shape.keyFields);
  // The bytes of a BLOB are the page's, which goes.
  return values?.map((value) => (Buffer.isBuffer(value) ? Buffer.from(value) : value)) ?? null;
}
