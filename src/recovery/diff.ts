/**
 * What differs between two databases: their schema, and the rows of each table that both have.
 *
 * Rows are looked up on the other side by their key, so that SQLite alone compares keys, each side by the collations
 * and types of its own; nothing hangs on the order in which rows come, and nothing is kept of them but the samples.
 * The rows of a table without a key are counted, as digests in a temporary file.
 */
import type { Connection } from "../database/open.ts";
import { diffSchema, type SchemaDifference } from "./diff-schema.ts";
import { List } from "./findings.ts";
import { Pace, type PaceOptions } from "./pace.ts";
import type { Pairing } from "./pairing.ts";
import type { Side } from "./side.ts";
import { countRows, type LeftOut, type Table } from "./tables.ts";
import {
  type Matched,
  match,
  type NamesOptions,
  notComparable,
  reasonNotToCompare,
  sidesOf,
  type Together,
  together,
} from "./together.ts";
import { type Row, type ShownValue, sameValue, shown } from "./values.ts";

export interface DiffOptions extends PaceOptions, NamesOptions {
  /** Names of the tables to compare. Default: all. */
  readonly tables?: readonly string[] | undefined;
  /** How many rows of each kind are shown for each table. Default: 5. */
  readonly samples?: number | undefined;
}

/** Values by column, cut short. */
export type ShownRow = Readonly<Record<string, ShownValue>>;

export interface ChangedRow {
  /** The left row's key. */
  readonly key: ShownRow;
  /** The columns that differ. */
  readonly columns: readonly { readonly column: string; readonly left: ShownValue; readonly right: ShownValue }[];
}

/** The rows of a table that both databases have, compared in their common columns. */
export interface RowDifference {
  readonly table: string;
  /** The columns by which rows are the same row; null: whole rows are counted, and none is changed. */
  readonly key: readonly string[] | null;
  readonly same: number;
  /** Rows that only the right database has. */
  readonly added: number;
  /** Rows that only the left database has. */
  readonly removed: number;
  readonly changed: number;
  /** The first of each. */
  readonly samples: {
    readonly added: readonly ShownRow[];
    readonly removed: readonly ShownRow[];
    readonly changed: readonly ChangedRow[];
  };
}

export interface DiffReport {
  /** True when neither schema nor rows differ, in what is compared. */
  readonly equal: boolean;
  readonly schema: SchemaDifference;
  /** One for each table that both have. */
  readonly tables: readonly RowDifference[];
  /** Tables that only one of them has, with the number of their rows. */
  readonly tablesOnlyLeft: readonly { readonly table: string; readonly rows: number }[];
  readonly tablesOnlyRight: readonly { readonly table: string; readonly rows: number }[];
  /** Tables whose rows are not compared, with the reason. */
  readonly leftOut: readonly LeftOut[];
}

/**
 * Compares two databases, each as one snapshot shows it. Generated columns are not compared, and numbers are equal
 * by value, whether stored as INTEGER or REAL.
 *
 * @throws NOT_FOUND where neither has a table that is asked for; ABORTED; DB_CORRUPT and others, as SQLite fails
 */
export async function diff(left: Connection, right: Connection, options: DiffOptions = {}): Promise<DiffReport> {
  const [leftName, rightName] = options.names ?? [left.name, right.name];
  return await together(left, right, `comparing ${leftName} with ${rightName}`, async (both) => {
    const matched = match(left, right, options.tables);
    const { pairings, onlyLeft, onlyRight } = matched;
    const schema = diffSchema(left, right, pairings, onlyLeft, onlyRight);
    const comparable = pairings.filter((pairing) => reasonNotToCompare(pairing) === null);
    const pace = new Pace("The comparison", () => rowsToRead(both, comparable), options);
    const tables: RowDifference[] = [];
    for (const pairing of comparable) tables.push(await new TableDiff(both, matched, pairing, pace, options).run());
    const counted = (db: Connection) => (table: Table) => ({ table: table.name, rows: countRows(db, table) });
    const rowsDiffer = tables.some(({ added, removed, changed }) => added + removed + changed > 0);
    return {
      equal: !rowsDiffer && schema.tables.length === 0 && schema.others.length === 0,
      schema,
      tables,
      tablesOnlyLeft: onlyLeft.map(counted(left)),
      tablesOnlyRight: onlyRight.map(counted(right)),
      leftOut: [...matched.leftOut, ...notComparable(pairings)],
    };
  });
}

function rowsToRead({ left, right }: Together, pairings: readonly Pairing[]): number {
  return pairings.reduce((sum, pairing) => sum + countRows(left, pairing.left) + countRows(right, pairing.right), 0);
}

class TableDiff {
  readonly #pairing: Pairing;
  readonly #left: Side;
  readonly #right: Side;
  readonly #scratch: Together["scratch"];
  readonly #pace: Pace;
  readonly #names: readonly string[];
  readonly #added: List<ShownRow>;
  readonly #removed: List<ShownRow>;
  readonly #changed: List<ChangedRow>;
  #same = 0;

  constructor(both: Together, matched: Matched, pairing: Pairing, pace: Pace, { samples = 5 }: DiffOptions) {
    const { left, right } = sidesOf(both, pairing, matched.sameEncoding);
    this.#pairing = pairing;
    this.#left = left;
    this.#right = right;
    this.#scratch = both.scratch;
    this.#pace = pace;
    this.#names = pairing.columns.map((column) => column.left.name);
    this.#added = new List(samples);
    this.#removed = new List(samples);
    this.#changed = new List(samples);
  }

  async run(): Promise<RowDifference> {
    const { key, left } = this.#pairing;
    this.#pace.begin(left.name);
    if (key) await this.#compareByKey(key.oneToOne);
    if (key === null || key.mayBeNull) await this.#compareByCount();
    return {
      table: left.name,
      key: key?.places.map((place) => this.#names[place] ?? "") ?? null,
      same: this.#same,
      added: this.#added.total,
      removed: this.#removed.total,
      changed: this.#changed.total,
      samples: { added: this.#added.listed, removed: this.#removed.listed, changed: this.#changed.listed },
    };
  }

  async #compareByKey(oneToOne: boolean): Promise<void> {
    let met = 0;
    for (const row of this.#left.rows("keyed")) {
      const other = this.#right.find(this.#left.keyOf(row));
      if (other) {
        met++;
        this.#compare(row, other);
      } else {
        this.#removed.add(() => this.#shown(row));
      }
      if (this.#pace.step()) await this.#pace.rest();
    }
    // Where no two rows met the same one, all were met, and none is left that could be new.
    if (oneToOne && met === this.#right.count("keyed")) {
      this.#pace.skip(met);
      return;
    }
    for (const row of this.#right.rows("keyed")) {
      if (!this.#left.has(this.#right.keyOf(row))) this.#added.add(() => this.#shown(row));
      if (this.#pace.step()) await this.#pace.rest();
    }
  }

  #compare(row: Row, other: Row): void {
    const differing = [...this.#names.keys()].filter((at) => !sameValue(row[at] ?? null, other[at] ?? null));
    if (differing.length === 0) {
      this.#same++;
      return;
    }
    this.#changed.add(() => ({
      key: this.#shown(row, this.#pairing.key?.places),
      columns: differing.map((at) => ({
        column: this.#names[at] ?? "",
        left: shown(row[at]),
        right: shown(other[at]),
      })),
    }));
  }

  async #compareByCount(): Promise<void> {
    const count = this.#scratch.count();
    for (const row of this.#left.rows("unkeyed")) {
      count.add(row);
      if (this.#pace.step()) await this.#pace.rest();
    }
    for (const row of this.#right.rows("unkeyed")) {
      if (count.take(row)) this.#same++;
      else this.#added.add(() => this.#shown(row));
      if (this.#pace.step()) await this.#pace.rest();
    }
    let left = count.total();
    if (left === 0) return;
    // Only digests were kept: what is still counted is met again.
    for (const row of this.#left.rows("unkeyed")) {
      if (this.#pace.look()) await this.#pace.rest();
      if (!count.take(row)) continue;
      this.#removed.add(() => this.#shown(row));
      left--;
      if (left === 0) break;
    }
  }

  #shown(row: Row, places: readonly number[] = [...this.#names.keys()]): ShownRow {
    return Object.fromEntries(places.map((at) => [this.#names[at], shown(row[at])]));
  }
}
