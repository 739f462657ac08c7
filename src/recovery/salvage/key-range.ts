/** The rows of a sound database whose keys lie in a range, read by SQLite, which knows how keys are compared. */
import type { Connection } from "../../database/open.ts";
import { quote } from "../../database/quote.ts";
import { ExactText } from "../exact-text.ts";
import { Query } from "../query.ts";
import { rowsOf } from "../tables.ts";
import type { Row, Value } from "../values.ts";
import type { Shape } from "./shape.ts";
import type { Rowid } from "./varint.ts";

/** One end of a range, in the order of the table's tree. */
export interface Bound {
  readonly side: "above" | "from" | "below" | "upTo";
  readonly key: Row;
}

export interface KeyedRow {
  /** Null in a table WITHOUT ROWID. */
  readonly rowid: Rowid | null;
  /** In the order of the record. */
  readonly values: Row;
}

interface KeyPart {
  /** As SQL compares it. */
  readonly sql: string;
  readonly descending: boolean;
}

export class KeyedRows {
  readonly #db: Connection;
  readonly #shape: Shape;
  readonly #text: ExactText;
  readonly #names: readonly string[];
  readonly #parts: readonly KeyPart[];
  readonly #queries = new Map<string, Query>();

  /** @param db has the table, with columns of that shape */
  constructor(db: Connection, shape: Shape) {
    const { fields, keyFields, rowidName, table } = shape;
    const rowid = rowidName ?? quote(fields.find(({ isRowid }) => isRowid)?.column ?? "rowid");
    const primary = { columns: fields.slice(0, keyFields ?? 0).map(({ column }) => column), primary: true as const };
    this.#db = db;
    this.#shape = shape;
    this.#names = [...fields.map(({ column }) => quote(column)), ...(keyFields === null ? [rowid] : [])];
    this.#parts = keyFields === null ? [{ sql: rowid, descending: false }] : keyOf(db, table);
    const locator = keyFields === null ? { keys: [], rowidName: rowid } : { keys: [primary], rowidName: null };
    this.#text = new ExactText(db, locator, `main.${quote(table)}`);
  }

  /** Rows that lie within all bounds. */
  *within(bounds: readonly Bound[]): Generator<KeyedRow> {
    for (const found of this.#queryFor(bounds).rows(bounds.flatMap(({ key }) => this.#bound(key)))) {
      const row = this.#text.restore(found, this.#names);
      const isKeyed = this.#shape.keyFields !== null;
      const rowid = isKeyed ? null : (row.at(-1) as bigint);
      yield { rowid, values: isKeyed ? row : row.slice(0, -1) };
    }
  }

  /** Of a condition that is written out, each value stands once for every part but the last, and once more. */
  #bound(key: Row): Value[] {
    return this.#isPlain ? [...key] : key.flatMap((value, at) => (at < key.length - 1 ? [value, value] : [value]));
  }

  /** SQLite finds such a range by the key itself; row values compare all their parts in one direction. */
  get #isPlain(): boolean {
    return this.#parts.every(({ descending }) => !descending);
  }

  #queryFor(bounds: readonly Bound[]): Query {
    const kind = bounds.map(({ side }) => side).join();
    const known = this.#queries.get(kind);
    if (known) return known;
    const columns = [...this.#names, ...this.#text.columns].join();
    const made = new Query(this.#db, (place) => {
      let at = 0;
      const next = () => place(at++);
      const conditions = bounds.map(({ side }) =>
        this.#isPlain ? this.#plain(side, next) : this.#written(side, next),
      );
      return `SELECT ${columns} FROM main.${quote(this.#shape.table)} WHERE ${conditions.join(" AND ") || "true"}`;
    });
    this.#queries.set(kind, made);
    return made;
  }

  #plain(side: Bound["side"], next: () => string): string {
    const operator = { above: ">", from: ">=", below: "<", upTo: "<=" }[side];
    const parts = this.#parts.map(({ sql }) => sql).join();
    const values = this.#parts.map(next).join();
    return this.#parts.length === 1 ? `${parts} ${operator} ${values}` : `(${parts}) ${operator} (${values})`;
  }

  #written(side: Bound["side"], next: () => string): string {
    const up = side === "above" || side === "from";
    const last = this.#parts.length - 1;
    const condition = (at: number): string => {
      const { sql, descending } = this.#parts[at] as KeyPart;
      const operator = up === descending ? "<" : ">";
      if (at === last) return `${sql} ${operator}${side === "from" || side === "upTo" ? "=" : ""} ${next()}`;
      return `(${sql} ${operator} ${next()} OR (${sql} = ${next()} AND ${condition(at + 1)}))`;
    };
    return condition(0);
  }
}

function keyOf(db: Connection, table: string): KeyPart[] {
  const indexes = rowsOf<{ name: string; origin: string }>(db, `PRAGMA main.index_list(${quote(table)})`);
  const primary = indexes.find(({ origin }) => origin === "pk")?.name ?? "";
  return rowsOf<{ name: string; desc: number; coll: string; key: number }>(
    db,
    `PRAGMA main.index_xinfo(${quote(primary)})`,
  )
    .filter(({ key }) => key === 1)
    .map(({ name, desc, coll }) => ({ sql: `${quote(name)} COLLATE ${quote(coll)}`, descending: desc === 1 }));
}
