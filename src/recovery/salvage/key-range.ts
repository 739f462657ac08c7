/** The rows of a sound database whose keys lie in a range, read by SQLite, which knows how keys are compared. */
import type { Connection } from "../../database/open.ts";
import { quote } from "../../database/quote.ts";
import { ExactText } from "../exact-text.ts";
import { Query } from "../query.ts";
import { rowsOf } from "../tables.ts";
import type { Row, Value } from "../values.ts";
import { isCollation, type KeyOrder, type KeyPart, keyOrder } from "./key-order.ts";
import type { Encoding } from "./record.ts";
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

interface KeyColumn {
  /** As SQL compares it. */
  readonly sql: string;
  readonly descending: boolean;
  readonly collation: string;
}

/** A condition, and what it is given. */
interface Part {
  readonly conditions: readonly Condition[];
  readonly values: readonly Value[];
}

/** Of one column of the key, in the order of the tree. */
interface Condition {
  readonly column: number;
  readonly is: "same" | "after" | "from" | "before" | "upTo";
}

interface Ends {
  readonly lower: Bound | undefined;
  readonly upper: Bound | undefined;
}

export class KeyedRows {
  readonly #db: Connection;
  readonly #shape: Shape;
  readonly #text: ExactText;
  readonly #names: readonly string[];
  readonly #columns: readonly KeyColumn[];
  /** Null where only the application knows it. */
  readonly #order: KeyOrder | null;
  readonly #queries = new Map<string, Query>();

  /** @param db has the table, with columns of that shape, and text in that encoding */
  constructor(db: Connection, shape: Shape, encoding: Encoding) {
    const { fields, keyFields, rowidName, table } = shape;
    const rowid = rowidName ?? quote(fields.find(({ isRowid }) => isRowid)?.column ?? "rowid");
    const primary = { columns: fields.slice(0, keyFields ?? 0).map(({ column }) => column), primary: true as const };
    this.#db = db;
    this.#shape = shape;
    this.#names = [...fields.map(({ column }) => quote(column)), ...(keyFields === null ? [rowid] : [])];
    this.#columns = keyFields === null ? [{ sql: rowid, descending: false, collation: "BINARY" }] : keyOf(db, table);
    this.#order = this.#columns.every(isKnown) ? keyOrder(this.#columns, encoding) : null;
    const locator = keyFields === null ? { keys: [], rowidName: rowid } : { keys: [primary], rowidName: null };
    this.#text = new ExactText(db, locator, `main.${quote(table)}`);
  }

  /** Rows that lie within all bounds, in the order of the tree where SQLite's own collations make it. */
  *within(bounds: readonly Bound[]): Generator<KeyedRow> {
    const order = this.#order;
    if (order) {
      for (const { conditions, values } of this.#partsOf(endsOf(bounds, order), order)) {
        yield* this.#rows(this.#queryFor(conditions), values);
      }
    } else
      yield* this.#rows(
        this.#queryWritten(bounds),
        bounds.flatMap(({ key }) => writtenValues(key)),
      );
  }

  /** Rows within the bounds that are not there yet: of a table with rowids, only these are read whole. */
  *lacking(bounds: readonly Bound[], isThere: (row: KeyedRow) => boolean): Generator<KeyedRow> {
    const order = this.#order;
    if (order === null || this.#shape.keyFields !== null) {
      for (const row of this.within(bounds)) if (!isThere(row)) yield row;
      return;
    }
    const [{ sql }] = this.#columns as [KeyColumn];
    for (const { conditions, values } of this.#partsOf(endsOf(bounds, order), order)) {
      for (const [rowid] of this.#queryFor(conditions, [sql]).rows([...values])) {
        const key = [rowid as bigint];
        const isNew = !isThere({ rowid: rowid as bigint, values: [] });
        if (isNew)
          yield* this.within([
            { side: "from", key },
            { side: "upTo", key },
          ]);
      }
    }
  }

  *#rows(query: Query, values: readonly Value[]): Generator<KeyedRow> {
    for (const found of query.rows([...values])) {
      const row = this.#text.restore(found, this.#names);
      const isKeyed = this.#shape.keyFields !== null;
      const rowid = isKeyed ? null : (row.at(-1) as bigint);
      yield { rowid, values: isKeyed ? row : row.slice(0, -1) };
    }
  }

  /**
   * SQLite finds a range by an index where all columns of the key but the last that is compared are given; it would read
   * the whole table for row values that name a collation. So a range is taken apart:
   * of `(1, 5)` to `(3, 2)` are `(1, from 5)`, `(between 1 and 3)` and `(3, up to 2)`.
   */
  #partsOf({ lower, upper }: Ends, order: KeyOrder): Part[] {
    const last = this.#columns.length - 1;
    const above = (column: number) => (column === last && lower?.side === "from" ? "from" : "after");
    const below = (column: number) => (column === last && upper?.side === "upTo" ? "upTo" : "before");
    const part = (key: Row, same: number, ...ends: [Condition["is"], Value][]): Part => ({
      conditions: [
        ...key.slice(0, same).map((_, column) => ({ column, is: "same" as const })),
        ...ends.map(([is]) => ({ column: same, is })),
      ],
      values: [...key.slice(0, same), ...ends.map(([, value]) => value)],
    });
    const [low, high] = [lower?.key, upper?.key];
    const from = (key: Row, column: number) => part(key, column, [above(column), key[column] as Value]);
    const upTo = (key: Row, column: number) => part(key, column, [below(column), key[column] as Value]);
    const places = [...this.#columns.keys()];
    if (!low) return high ? places.map((column) => upTo(high, column)) : [part([], 0)];
    if (!high) return places.toReversed().map((column) => from(low, column));
    if (order(low, high) > 0) return [];
    const fork = places.find((column) => order(low.slice(0, column + 1), high.slice(0, column + 1)) !== 0) ?? last;
    const rest = places.filter((column) => column > fork);
    return [
      ...rest.toReversed().map((column) => from(low, column)),
      part(low, fork, [above(fork), low[fork] as Value], [below(fork), high[fork] as Value]),
      ...rest.map((column) => upTo(high, column)),
    ];
  }

  /** @param columns as SQL; default: all that a row is made of */
  #queryFor(conditions: readonly Condition[], columns?: readonly string[]): Query {
    const kind = [...(columns ?? []), ...conditions.map(({ column, is }) => `${column} ${is}`)].join();
    return this.#query(kind, columns, (next) =>
      conditions.map(({ column, is }) => {
        const { sql, descending } = this.#columns[column] as KeyColumn;
        return `${sql} ${OPERATORS[is][descending ? 1 : 0]} ${next()}`;
      }),
    );
  }

  /** With all bounds at once: which is the tighter one, SQLite decides. */
  #queryWritten(bounds: readonly Bound[]): Query {
    return this.#query(bounds.map(({ side }) => side).join(), undefined, (next) =>
      bounds.map(({ side }) => this.#written(side, next)),
    );
  }

  #query(
    kind: string,
    columns: readonly string[] = [...this.#names, ...this.#text.columns],
    conditions: (next: () => string) => readonly string[],
  ): Query {
    const known = this.#queries.get(kind);
    if (known) return known;
    const made = new Query(this.#db, (place) => {
      let at = 0;
      const where = conditions(() => place(at++)).join(" AND ") || "true";
      return `SELECT ${columns.join()} FROM main.${quote(this.#shape.table)} WHERE ${where}`;
    });
    this.#queries.set(kind, made);
    return made;
  }

  #written(side: Bound["side"], next: () => string): string {
    const last = this.#columns.length - 1;
    const condition = (at: number): string => {
      const { sql, descending } = this.#columns[at] as KeyColumn;
      const operator = isLower({ side }) === descending ? "<" : ">";
      if (at === last) return `${sql} ${operator}${side === "from" || side === "upTo" ? "=" : ""} ${next()}`;
      return `(${sql} ${operator} ${next()} OR (${sql} = ${next()} AND ${condition(at + 1)}))`;
    };
    return condition(0);
  }
}

/** Ascending, descending. */
const OPERATORS: Readonly<Record<Condition["is"], readonly [string, string]>> = {
  same: ["=", "="],
  after: [">", "<"],
  from: [">=", "<="],
  before: ["<", ">"],
  upTo: ["<=", ">="],
};

/** Each value stands once for every column but the last, and once more. */
function writtenValues(key: Row): Value[] {
  return key.flatMap((value, at) => (at < key.length - 1 ? [value, value] : [value]));
}

/** The tightest of several on each side. */
function endsOf(bounds: readonly Bound[], order: KeyOrder): Ends {
  const tighter = (a: Bound | undefined, b: Bound): Bound => {
    const by = a ? order(b.key, a.key) : 1;
    if (!a || (by === 0 && !isWith(b))) return b;
    return by !== 0 && by > 0 === isLower(b) ? b : a;
  };
  const [lower, upper] = [true, false].map((low) =>
    bounds.filter((bound) => isLower(bound) === low).reduce<Bound | undefined>(tighter, undefined),
  );
  return { lower, upper };
}

function isKnown(column: KeyColumn): column is KeyColumn & KeyPart {
  return isCollation(column.collation);
}

function isLower({ side }: Pick<Bound, "side">): boolean {
  return side === "above" || side === "from";
}

/** With the row of the key itself. */
function isWith({ side }: Bound): boolean {
  return side === "from" || side === "upTo";
}

function keyOf(db: Connection, table: string): KeyColumn[] {
  const indexes = rowsOf<{ name: string; origin: string }>(db, `PRAGMA main.index_list(${quote(table)})`);
  const primary = indexes.find(({ origin }) => origin === "pk")?.name ?? "";
  return rowsOf<{ name: string; desc: number; coll: string; key: number }>(
    db,
    `PRAGMA main.index_xinfo(${quote(primary)})`,
  )
    .filter(({ key }) => key === 1)
    .map(({ name, desc, coll }) => ({
      sql: `${quote(name)} COLLATE ${quote(coll)}`,
      descending: desc === 1,
      collation: coll.toUpperCase(),
    }));
}
