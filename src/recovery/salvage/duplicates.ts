/**
 * Rows that a unique index does not take: one of each is damaged, or was deleted before. The first stays, the others are
 * set aside.
 */
import type { Connection } from "../../database/open.ts";
import { quote } from "../../database/quote.ts";
import type { Row, Value } from "../values.ts";
import type { LostAndFound } from "./lost-and-found.ts";
import type { Entry } from "./schema.ts";
import { shapeOf } from "./shape.ts";
import { exact, type Rowid } from "./varint.ts";

/** Makes the index without its constraint for as long as it takes to find what breaks it. */
export function moveDuplicates(db: Connection, index: Entry, lost: LostAndFound): void {
  const { rowidName, fields, table } = shapeOf(db, index.table);
  const rowid = rowidName ?? fields.find(({ isRowid }) => isRowid)?.column;
  if (rowid === undefined) throw new Error(`rows of ${index.table} have the same values in it`);
  db.exec((index.sql ?? "").replace(/UNIQUE/i, ""));
  const parts = db.prepare<unknown[], [number, number, string | null, number, string, number]>(
    `PRAGMA main.index_xinfo(${quote(index.name)})`,
  );
  const keys = parts
    .raw(true)
    .all()
    .filter(([, , , , , isKey]) => isKey === 1);
  try {
    if (keys.some(([, , name]) => name === null)) throw new Error("rows have the same values in its expressions");
    const condition = /\bWHERE\b([\s\S]*)$/i.exec(index.sql ?? "")?.[1] ?? "true";
    const compared = keys.map(([, , name, , collation]) => `${quote(name ?? "")} COLLATE ${quote(collation)}`);
    const present = keys.map(([, , name]) => `${quote(name ?? "")} IS NOT NULL`).join(" AND ");
    const doubled = `SELECT ${quote(rowid)} AS id, row_number() OVER (PARTITION BY ${compared.join()} ORDER BY ${quote(rowid)}) AS n
      FROM main.${quote(table)} WHERE (${condition}) AND ${present}`;
    const rows = db.prepare<unknown[], bigint>(`SELECT id FROM (${doubled}) WHERE n > 1`).pluck().safeIntegers().all();
    const names = fields.map(({ column }) => quote(column)).join();
    const read = db.prepare<unknown[], Value[]>(`SELECT ${names} FROM main.${quote(table)} WHERE ${quote(rowid)} = ?`);
    const remove = db.prepare(`DELETE FROM main.${quote(table)} WHERE ${quote(rowid)} = ?`);
    for (const id of rows) {
      const values: Row = read.raw(true).safeIntegers(true).get(id) ?? [];
      lost.add(
        { rowid: exact(id as bigint) as Rowid, values, page: 0, root: index.root, odd: false },
        `another row of ${table} has its values in the unique index ${index.name}`,
      );
      remove.run(id);
    }
  } finally {
    db.exec(`DROP INDEX main.${quote(index.name)}`);
  }
}
