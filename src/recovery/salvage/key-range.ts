/** The rows of a sound database whose keys lie in a range, read by SQLite, which knows how keys are compared. */
import type { Connection } from "../../database/open.ts";
import { quote } from "../../database/quote.ts";
import { ExactText } from "../exact-text.ts";
import { Query } from "../query.ts";
import { rowsOf } from "../tables.ts";
import type { Row, Value } from "../values.ts";
import { type KeyOrder, type KeyPart, keyColumnsOf, keyOrder } from "./key-order.ts";
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

interface ComparedColumn extends KeyPart {
  /** As SQL compares it. */
  readonly sql: string;
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
  readonly #columns: readonly ComparedColumn[];
  readonly #order: KeyOrder;
  readonly #queries = new Map<string, Query>();

  /**
   * @param db has the table, with columns of that shape, and text in that encoding
   * @returns null where only the application knows how keys are compared
   */
  static of(db: Connection, shape: Shape, encoding: Encoding): KeyedRows | null {
    const columns = shape.keyFields === null ? [rowidOf(shape)] : keyOf(db, shape.table);
    return columns && new KeyedRows(db, shape, columns, encoding);
  }

  private constructor(db: Connection, shape: Shape, columns: readonly ComparedColumn[], encoding: Encoding) {
    const { fields, keyFields, table } = shape;
    const rowid = rowidOf(shape).sql;
    const primary = { columns: fields.slice(0, keyFields ?? 0).map(({ column }) => column), primary: true as const };
    const locator = keyFields === null ? { keys: [], rowidName: rowid } : { keys: [primary], rowidName: null };
    this.#db = db;
    this.#shape = shape;
    this.#names = [...fields.map(({ column }) => quote(column)), ...(keyFields === null ? [rowid] : [])];
    this.#columns = columns;
    this.#order = keyOrder(columns, encoding);
    this.#text = new ExactText(db, locator, `main.${quote(table)}`);
  }

  /** Rows that lie within all bounds, in the order of the tree. */
  *within(bounds: readonly Bound[]): Generator<KeyedRow> {
    for (const { conditions, values } of this.#partsOf(bounds)) {
      for (const found of this.#queryFor(conditions).rows(values)) {
        const row = this.#text.restore(found, this.#names);
        const isKeyed = this.#shape.keyFields !== null;
        const rowid = isKeyed ? null : (row.at(-1) as bigint);
        yield { rowid, values: isKeyed ? row : row.slice(0, -1) };
      }
    }
  }

  /** Rows within the bounds that are not there yet: of a table with rowids, only these are read whole. */
  *lacking(bounds: readonly Bound[], isThere: (row: KeyedRow) => boolean): Generator<KeyedRow> {
    if (this.#shape.keyFields !== null) {
      for (const row of this.within(bounds)) if (!isThere(row)) yield row;
      return;
    }
    for (const { conditions, values } of this.#partsOf(bounds)) {
      for (const key of this.#queryFor(
        conditions,
        this.#columns.map(({ sql }) => sql),
      ).rows(values)) {
        if (isThere({ rowid: key[0] as bigint, values: [] })) continue;
        yield* this.within([
          { side: "from", key },
          { side: "upTo", key },
        ]);
      }
    }
  }

  /**
   * SQLite finds a range by an index where all columns of the key but the last that is compared are given; it would read
   * the whole table for row values that name a collation. So a range is taken apart:
   * of `(1, 5)` to `(3, 2)` are `(1, from 5)`, `(between 1 and 3)` and `(3, up to 2)`.
   */
  #partsOf(bounds: readonly Bound[]): Part[] {
    const order = this.#order;
    const { lower, upper } = endsOf(bounds, order);
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
  #queryFor(
    conditions: readonly Condition[],
    columns: readonly string[] = [...this.#names, ...this.#text.columns],
  ): Query {
    const where = conditions.map(({ column, is }) => {
      const { sql, descending } = this.#columns[column] as ComparedColumn;
      return `${sql} ${OPERATORS[is][descending ? 1 : 0]}`;
    });
    const select = `SELECT ${columns.join()} FROM main.${quote(this.#shape.table)}`;
    const kind = [select, ...where].join();
    const made =
      this.#queries.get(kind) ??
      new Query(this.#db, (place) => {
        return `${select} WHERE ${where.map((condition, at) => `${condition} ${place(at)}`).join(" AND ") || "true"}`;
      });
    this.#queries.set(kind, made);
    return made;
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

function isLower({ side }: Bound): boolean {
  return side === "above" || side === "from";
}

/** With the row of the key itself. */
function isWith({ side }: Bound): boolean {
  return side === "from" || side === "upTo";
}

function rowidOf({ fields, rowidName }: Shape): ComparedColumn {
  const sql = rowidName ?? quote(fields.find(({ isRowid }) => isRowid)?.column ?? "rowid");
  return { sql, descending: false, collation: "BINARY" };
}

function keyOf(db: Connection, table: string): ComparedColumn[] | null {
  const indexes = rowsOf<{ name: string; origin: string }>(db, `PRAGMA main.index_list(${quote(table)})`);
  const primary = indexes.find(({ origin }) => origin === "pk")?.name ?? "";
  const columns = keyColumnsOf(db, primary);
  return (
    columns?.map(({ name, ...part }) => ({ ...part, sql: `${quote(name ?? "")} COLLATE ${part.collation}` })) ?? null
  );
}
