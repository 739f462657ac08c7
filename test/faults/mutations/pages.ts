/** Which page of a database is what: https://sqlite.org/fileformat2.html#pages */
import { readFileSync } from "node:fs";
import Database from "better-sqlite3";

export const PAGE_KINDS = [
  "table-interior",
  "table-leaf",
  "index-interior",
  "index-leaf",
  "overflow",
  "free-trunk",
  "free-leaf",
  "pointer-map",
] as const;
export type PageKind = (typeof PAGE_KINDS)[number];

export interface PageMap {
  readonly pageSize: number;
  readonly count: number;
  /** Numbers from 1; page 1 is left out, it is the header's. */
  readonly of: Readonly<Record<PageKind, readonly number[]>>;
}

const BTREE_PAGES: Readonly<Record<number, PageKind>> = {
  2: "index-interior",
  5: "table-interior",
  10: "index-leaf",
  13: "table-leaf",
};

/** @param file a copy, which may be rolled back */
export function mapPages(file: string): PageMap {
  const trees = pagesInTrees(file);
  const bytes = readFileSync(file);
  const stored = bytes.readUInt16BE(16);
  const pageSize = stored === 1 ? 65536 : stored;
  const count = bytes.length / pageSize;
  const of: Record<PageKind, number[]> = {
    "table-interior": [],
    "table-leaf": [],
    "index-interior": [],
    "index-leaf": [],
    overflow: [],
    "free-trunk": [],
    "free-leaf": [],
    "pointer-map": [],
  };
  const known = new Set([1]);
  const put = (page: number, kind: PageKind) => {
    known.add(page);
    if (page > 1) of[kind].push(page);
  };
  for (const { page, type } of trees) {
    const kind = type === "overflow" ? type : BTREE_PAGES[bytes[(page - 1) * pageSize] ?? 0];
    if (kind) put(page, kind);
  }
  for (let trunk = bytes.readUInt32BE(32); trunk !== 0; ) {
    const at = (trunk - 1) * pageSize;
    put(trunk, "free-trunk");
    for (let n = 0; n < bytes.readUInt32BE(at + 4); n++) put(bytes.readUInt32BE(at + 8 + 4 * n), "free-leaf");
    trunk = bytes.readUInt32BE(at);
  }
  // With auto_vacuum, what belongs to nobody maps the others.
  for (let page = 2; page <= count; page++) if (!known.has(page)) put(page, "pointer-map");
  return { pageSize, count, of };
}

function pagesInTrees(file: string): readonly { page: number; type: string }[] {
  const db = new Database(file);
  try {
    return db.prepare("SELECT pageno AS page, pagetype AS type FROM dbstat").all() as { page: number; type: string }[];
  } finally {
    db.close();
  }
}
