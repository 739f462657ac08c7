/**
 * The schema of a damaged database: https://sqlite.org/fileformat2.html#storage_of_the_sql_database_schema. Its table
 * begins on page 1; where that is gone, its other pages are known by what their rows say.
 */
import { fold } from "../tables.ts";
import type { Row } from "../values.ts";
import { TABLE_LEAF } from "./b-tree-page.ts";
import { RowidGaps } from "./gaps.ts";
import type { Pages, RowSink } from "./pages.ts";
import type { Field, Shape } from "./shape.ts";
import { TableWalk } from "./table-walk.ts";

export const ENTRY_TYPES = ["table", "index", "view", "trigger"] as const;

export interface Entry {
  readonly type: (typeof ENTRY_TYPES)[number];
  readonly name: string;
  /** The table that it belongs to. */
  readonly table: string;
  /** 0 for what has no tree. */
  readonly root: number;
  /** Null for indexes that a constraint makes. */
  readonly sql: string | null;
  /** Where it was read. */
  readonly from: "file" | "donor";
}

/** SQLite tells entries apart so. */
export function keyOf({ type, name }: Entry): string {
  return `${type} ${fold(name)}`;
}

export interface FoundSchema {
  readonly entries: readonly Entry[];
  /** False where some of it cannot be read. */
  readonly whole: boolean;
}

const column = (name: string, affinity: string): Field => ({
  column: name,
  affinity,
  declared: affinity,
  strict: false,
  notNull: false,
  isRowid: false,
  generated: false,
});

const SCHEMA: Shape = {
  table: "sqlite_schema",
  fields: [
    column("type", "TEXT"),
    column("name", "TEXT"),
    column("tbl_name", "TEXT"),
    column("rootpage", "INTEGER"),
    column("sql", "TEXT"),
  ],
  plain: [false, false, false, true, false],
  least: 5,
  keyFields: null,
  rowidName: null,
};

export function readSchema(pages: Pages, from: Entry["from"]): FoundSchema {
  const entries = new Map<string, Entry>();
  const gaps = new RowidGaps();
  let broken = false;
  const walk = new TableWalk(
    pages,
    SCHEMA,
    gaps,
    collector(entries, from, () => {
      broken = true;
    }),
  );
  walk.walk(1);
  if (gaps.any) {
    for (const page of pages.map.orphans((type) => type === TABLE_LEAF)) if (isSchema(pages, page)) walk.walk(page);
  }
  return { entries: [...entries.values()], whole: !gaps.any && !broken };
}

/** @param onBroken called for an entry that contradicts itself: the donor may know better */
function collector(entries: Map<string, Entry>, from: Entry["from"], onBroken: () => void): RowSink {
  return {
    row({ values }) {
      const entry = entryOf(values, from);
      if (entry === null) {
        onBroken();
        return;
      }
      const key = `${entry.type} ${entry.name}`;
      if (!entries.has(key)) entries.set(key, entry);
    },
    doubtful: onBroken,
  };
}

function entryOf(values: Row, from: Entry["from"]): Entry | null {
  const [type, name, table, root, sql] = values;
  const known = ENTRY_TYPES.find((each) => each === type);
  if (!known || typeof name !== "string" || typeof table !== "string") return null;
  if (sql === null ? known !== "index" : typeof sql !== "string" || !/^CREATE\s/i.test(sql)) return null;
  return { type: known, name, table, root: typeof root === "number" ? root : 0, sql: sql as string | null, from };
}

function isSchema(pages: Pages, page: number): boolean {
  const view = pages.view(page, 0);
  if (!view || view.count === 0 || !pages.mostFit(view, SCHEMA, () => true)) return false;
  for (let cell = 0; cell < view.count; cell++) {
    const content = view.ok[cell] === 1 ? pages.content(view, cell, SCHEMA) : null;
    if (content === null) continue;
    return entryOf(content.values, "file") !== null;
  }
  return false;
}
