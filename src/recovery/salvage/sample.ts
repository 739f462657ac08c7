/** A look at some rows of a tree that nothing leads to, to tell whose it is. */
import type { Row } from "../values.ts";
import { ascending } from "./ascending.ts";
import { type BTreePage, TABLE_INTERIOR, TABLE_LEAF } from "./b-tree-page.ts";
import { DEEPEST, type Pages } from "./pages.ts";
import type { Rowid } from "./varint.ts";

const ROWS_A_PAGE = 16;

export interface SampledRow {
  readonly rowid: Rowid | null;
  /** Null where they go on beyond the page. */
  readonly values: Row | null;
  readonly types: readonly number[];
}

export interface Sample {
  readonly rows: readonly SampledRow[];
  /** The lowest and the highest rowid in the tree, as far as they are readable; null without rowids. */
  readonly first: Rowid | null;
  readonly last: Rowid | null;
}

export function takeSample(pages: Pages, root: number): Sample {
  const rows: SampledRow[] = [];
  const ends: Rowid[] = [];
  look(pages, root, 0, rows, ends);
  return { rows, first: ends[0] ?? null, last: ends.at(-1) ?? null };
}

function look(pages: Pages, page: number, depth: number, rows: SampledRow[], ends: Rowid[]): void {
  if (depth >= DEEPEST || !pages.map.isOpen(page) || pages.map.type(page) === 0) return;
  const view = pages.view(page, depth);
  if (!view || (depth > 0 && view.interior && view.count === 0)) return;
  // The cells of an interior page are rows too, where there are no rowids.
  if (view.type !== TABLE_INTERIOR) lookAtRows(pages, view, rows, ends);
  if (!view.interior) return;
  const children = [0, view.count >> 1].filter((cell) => cell < view.count && view.ok[cell] === 1);
  const wanted = new Set([...children.map((cell) => view.child[cell] as number), view.right]);
  for (const child of wanted) look(pages, child, depth + 1, rows, ends);
}

function lookAtRows(pages: Pages, view: BTreePage, rows: SampledRow[], ends: Rowid[]): void {
  const isTable = view.type === TABLE_LEAF;
  const kept = (isTable ? ascending(view.rowid, view.ok, view.count) : null) ?? view.ok;
  const cells = [...Array(view.count).keys()].filter((cell) => kept[cell] === 1);
  const step = Math.max(1, Math.floor(cells.length / ROWS_A_PAGE));
  for (let n = 0; n < cells.length; n += step) {
    const cell = cells[n] as number;
    const seen = pages.peek(view, cell);
    if (seen) rows.push({ ...seen, rowid: isTable ? (view.rowid[cell] as Rowid) : null });
  }
  const [first] = cells;
  const last = cells.at(-1);
  if (isTable && first !== undefined && last !== undefined) {
    ends.push(view.rowid[first] as Rowid, view.rowid[last] as Rowid);
  }
}
