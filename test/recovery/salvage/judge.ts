/** What a salvage brought back, held against the undamaged database. */
import Database from "better-sqlite3";
import { type PlacedTable, placesOf } from "./naive-reader.ts";

export interface Original {
  readonly tables: readonly (PlacedTable & { readonly shown: readonly Shown[] })[];
}

interface Shown {
  readonly key: string;
  readonly row: string;
}

export interface Judgement {
  /** Rows that lie whole on pages that were left alone, and are not in their table. */
  readonly missing: readonly string[];
  /** Rows in a table that were never in it, or not so. */
  readonly wrong: readonly string[];
  readonly back: number;
  readonly of: number;
  readonly integrity: string;
}

export function remember(file: string): Original {
  const db = new Database(file, { readonly: true });
  try {
    const tables = placesOf(file).map((table) => ({ ...table, shown: shownRows(db, table) }));
    for (const { name, rows, shown } of tables) {
      if (rows.length !== shown.length) throw new Error(`${name}: ${rows.length} places for ${shown.length} rows`);
    }
    return { tables };
  } finally {
    db.close();
  }
}

/** Types show, as SQL writes them: `1`, `1.0`, `'1'`. */
function shownRows(db: Database.Database, { name, withoutRowid }: Pick<PlacedTable, "name" | "withoutRowid">): Shown[] {
  const columns = db.pragma(`table_info("${name}")`) as { name: string; pk: number }[];
  const quoted = (list: readonly { name: string }[]) => list.map((each) => `quote("${each.name}")`).join(" || ',' || ");
  const key = withoutRowid ? quoted(columns.filter(({ pk }) => pk > 0)) : "quote(rowid)";
  return db.prepare(`SELECT ${key} AS key, ${quoted(columns)} AS row FROM "${name}" NOT INDEXED`).all() as Shown[];
}

/** @param harmed which rows cannot be expected back, by the pages and bytes that they lie on */
export function judge(original: Original, result: string, harmed: (place: Place) => boolean): Judgement {
  const db = new Database(result, { readonly: true });
  const missing: string[] = [];
  const wrong: string[] = [];
  let back = 0;
  let of = 0;
  try {
    for (const table of original.tables) {
      const there = new Map(tableExists(db, table.name) ? shownRows(db, table).map(({ key, row }) => [key, row]) : []);
      of += table.shown.length;
      for (const [at, { key, row }] of table.shown.entries()) {
        const found = there.get(key);
        there.delete(key);
        if (found === row) back++;
        else if (found !== undefined)
          wrong.push(`${table.name} ${key}: ${found.slice(0, 300)} instead of ${row.slice(0, 300)}`);
        else if (!harmed(table.rows[at] as Place)) missing.push(`${table.name} ${key} on ${table.rows[at]?.pages}`);
      }
      for (const [key, row] of there) wrong.push(`${table.name} ${key}: ${row.slice(0, 300)} was never there`);
    }
    const integrity = (db.pragma("integrity_check") as { integrity_check: string }[])[0]?.integrity_check ?? "";
    return { missing, wrong, back, of, integrity };
  } finally {
    db.close();
  }
}

export type Place = PlacedTable["rows"][number];

function tableExists(db: Database.Database, name: string): boolean {
  return db.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(name) !== undefined;
}
