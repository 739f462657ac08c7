/**
 * Where the rows of an undamaged database lie: a reader that trusts every byte, as simple as can be, to judge the other
 * by. Rows come in the order of their tree, which is the order in which SQL gives them.
 */
import { readFileSync } from "node:fs";
import Database from "better-sqlite3";

export interface Place {
  /** Pages that hold some of the row, its overflow pages included. */
  readonly pages: readonly number[];
  /** Byte ranges in the file that hold nothing but its values and their types. */
  readonly values: readonly Span[];
  /** Byte ranges without which it cannot be read: what points to it, its cell, and what its overflow pages hold of it. */
  readonly needed: readonly Span[];
}

/** From, and up to without. */
export type Span = readonly [from: number, to: number];

export interface PlacedTable {
  readonly name: string;
  readonly withoutRowid: boolean;
  readonly root: number;
  readonly rows: readonly Place[];
  /** Pages that lead to the rows. */
  readonly interior: readonly number[];
}

export function placesOf(file: string): PlacedTable[] {
  const bytes = readFileSync(file);
  return tablesOf(file).map((table) => {
    const reader = new Reader(bytes);
    return { ...table, rows: [...reader.rows(table.root)], interior: reader.interior };
  });
}

export function tablesOf(file: string): Pick<PlacedTable, "name" | "root" | "withoutRowid">[] {
  const db = new Database(file, { readonly: true });
  try {
    const tables = db
      .prepare(
        `SELECT s.name, s.rootpage AS root, l.wr FROM sqlite_schema s JOIN pragma_table_list l ON l.name = s.name
         WHERE s.type = 'table' AND s.rootpage > 0 AND l.schema = 'main' ORDER BY s.rowid`,
      )
      .all() as { name: string; root: number; wr: number }[];
    return tables.map(({ name, root, wr }) => ({ name, root, withoutRowid: wr === 1 }));
  } finally {
    db.close();
  }
}

export class Reader {
  /** Pages that lead to the rows that were read. */
  readonly interior: number[] = [];
  readonly #bytes: Buffer;
  readonly #pageSize: number;
  readonly #usable: number;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#pageSize = bytes.readUInt16BE(16) === 1 ? 65536 : bytes.readUInt16BE(16);
    this.#usable = this.#pageSize - (bytes[20] ?? 0);
  }

  *rows(page: number): Generator<Place> {
    const base = (page - 1) * this.#pageSize;
    const head = base + (page === 1 ? 100 : 0);
    const type = this.#bytes[head] ?? 0;
    const isInterior = type === 2 || type === 5;
    if (isInterior) this.interior.push(page);
    for (let n = 0; n < this.#bytes.readUInt16BE(head + 3); n++) {
      const pointer = head + (isInterior ? 12 : 8) + 2 * n;
      const cell = base + this.#bytes.readUInt16BE(pointer);
      if (isInterior) yield* this.rows(this.#bytes.readUInt32BE(cell));
      if (type !== 5) yield this.#row(page, pointer, cell, type);
    }
    if (isInterior) yield* this.rows(this.#bytes.readUInt32BE(head + 8));
  }

  #row(page: number, pointer: number, cell: number, type: number): Place {
    let [size, at] = this.#varint(cell + (type === 2 ? 4 : 0));
    if (type === 13) [, at] = this.#varint(at);
    const most = type === 13 ? this.#usable - 35 : Math.floor(((this.#usable - 12) * 64) / 255) - 23;
    const least = Math.floor(((this.#usable - 12) * 32) / 255) - 23;
    const some = least + ((size - least) % (this.#usable - 4));
    const local = size <= most ? size : some <= most ? some : least;
    const [, types] = this.#varint(at);
    const values: Span[] = [[types, at + local]];
    const needed: Span[] = [
      [pointer, pointer + 2],
      [cell, at + local + (size > local ? 4 : 0)],
    ];
    const pages = [page];
    size -= local;
    for (let next = at + local; size > 0; ) {
      const overflow = this.#bytes.readUInt32BE(next);
      next = (overflow - 1) * this.#pageSize;
      const held = Math.min(size, this.#usable - 4);
      pages.push(overflow);
      values.push([next + 4, next + 4 + held]);
      needed.push([next, next + 4 + held]);
      size -= held;
    }
    return { pages, values, needed };
  }

  #varint(from: number): [value: number, next: number] {
    let value = 0;
    for (let at = from; ; at++) {
      const byte = this.#bytes[at] ?? 0;
      if (at === from + 8) return [value * 256 + byte, at + 1];
      value = value * 128 + (byte & 0x7f);
      if (byte < 0x80) return [value, at + 1];
    }
  }
}
