/** A table that rows are salvaged for. */
import type { Row } from "../values.ts";
import { type Gap, HIGHEST, KeyGaps, LOWEST, RowidGaps } from "./gaps.ts";
import type { KeyedRow } from "./key-range.ts";
import type { LostAndFound } from "./lost-and-found.ts";
import type { NewDatabase } from "./new-database.ts";
import { OddRows } from "./odd-rows.ts";
import type { Found, RowSink } from "./pages.ts";
import type { SalvagedTable } from "./report.ts";
import type { Rowids } from "./rowid-set.ts";
import type { Entry } from "./schema.ts";
import type { Shape } from "./shape.ts";
import { TableWriter } from "./table-writer.ts";
import type { Rowid } from "./varint.ts";

export class Target implements RowSink {
  readonly entry: Entry;
  readonly shape: Shape;
  /** One of the two, by the table's kind. */
  readonly rowidGaps: RowidGaps | null;
  readonly keyGaps: KeyGaps | null;
  readonly #writer: TableWriter;
  readonly #write: (row: KeyedRow) => ReturnType<TableWriter["write"]>;
  readonly #lost: LostAndFound;
  /** Rowids that an application chose itself. */
  #hasLowRowids = false;
  /** What SQLite keeps of the rowids that an AUTOINCREMENT table ever had. */
  readonly #lastRowid: () => Rowid;
  readonly #breathe: () => void;
  /** How many rows of a backup each gap has got. */
  readonly #filled: number[] = [];
  byTree = 0;
  byOrphanPage = 0;
  repeated = 0;
  setAside = 0;
  broken = 0;
  /** The rowids in its gaps, where an index tells them. */
  lost: Rowids | null = null;
  /** Whether rows come by the tree at the moment. */
  inTree = true;
  readonly #odd: OddRows;

  constructor(entry: Entry, shape: Shape, database: NewDatabase) {
    this.entry = entry;
    this.shape = shape;
    this.rowidGaps = shape.keyFields === null ? new RowidGaps() : null;
    this.keyGaps = shape.keyFields === null ? null : new KeyGaps(shape.keyFields);
    this.#lost = database.lostAndFound;
    this.#odd = new OddRows(
      (found, inTree) => this.#put(found, inTree),
      (found) => this.doubtful(found, "its text is no text"),
    );
    this.#breathe = () => database.breathe();
    this.#lastRowid = () => database.lastRowidOf(entry.name) ?? HIGHEST;
    this.#writer = new TableWriter(database.db, shape);
    const isSequence = entry.name.toLowerCase() === "sqlite_sequence";
    this.#write = isSequence
      ? ({ values }) => {
          database.keepSequence(values as Row);
          return "written";
        }
      : ({ rowid, values }) => this.#writer.write(rowid, values);
  }

  get hasGaps(): boolean {
    return this.rowidGaps?.any ?? this.keyGaps?.any ?? false;
  }

  get gaps(): readonly Gap[] {
    return (this.rowidGaps ?? this.keyGaps)?.list() ?? [];
  }

  get fromBackup(): number {
    return this.#filled.reduce((sum, rows) => sum + (rows ?? 0), 0);
  }

  /** None of it can be reached. */
  loseAll(): void {
    this.rowidGaps?.add(LOWEST, HIGHEST, null, false);
    this.keyGaps?.add(null, false);
  }

  row(found: Found): void {
    this.#odd.count();
    if (found.odd) this.#odd.hold(found, this.inTree);
    else this.#put(found, this.inTree);
  }

  /** Decides on rows that had to wait: no more will come. */
  settle(partlyDamaged: boolean): void {
    this.#odd.settle(partlyDamaged);
  }

  #put(found: Found, inTree: boolean): void {
    if (found.rowid !== null && found.rowid < 1) this.#hasLowRowids = true;
    const written = this.#write(found);
    if (written === "same") this.repeated++;
    else if (typeof written === "object") this.doubtful(found, written.refused);
    else if (inTree) this.byTree++;
    else this.byOrphanPage++;
  }

  /**
   * A row of a backup, for the gap at that place.
   *
   * @returns false where the table does not take it, since rows that are newer have its values
   */
  fill(row: KeyedRow, gap: number): boolean {
    const written = this.#write(row);
    this.#breathe();
    if (written === "written") this.#filled[gap] = (this.#filled[gap] ?? 0) + 1;
    return typeof written === "string";
  }

  /** Whether the table has a row of that key. */
  has({ rowid, values }: KeyedRow): boolean {
    return this.#writer.has(rowid, values);
  }

  /** A row of a backup that may have been deleted since. */
  refuse({ rowid, values }: KeyedRow): void {
    const reason = `${this.shape.table}: only the backup has it, and it may have been deleted since`;
    this.#lost.add({ rowid, values, page: 0, root: 0, odd: false }, reason);
  }

  doubtful(found: Found, reason: string): void {
    this.setAside++;
    this.#lost.add(found, `${this.shape.table}: ${reason}`);
  }

  report(): SalvagedTable {
    const { byTree, byOrphanPage, fromBackup, repeated, setAside, broken, rowidGaps, keyGaps } = this;
    // SQLite itself gives no rowid below 1.
    const above = this.#hasLowRowids ? LOWEST : 0;
    const last = this.#lastRowid();
    const most = this.lost
      ? BigInt(this.lost.size)
      : rowidGaps
        ? rowidGaps.most(above, last)
        : keyGaps?.any
          ? null
          : 0n;
    return {
      table: this.entry.name,
      ...{ byTree, byOrphanPage, fromBackup, repeated, setAside, broken },
      gaps: this.gaps.map((gap, at) => ({ ...gap, fromBackup: this.#filled[at] ?? 0 })),
      // A rowid that was chosen below or beyond those may be among the backup's.
      lostAtMost: most === null ? null : most > fromBackup ? most - BigInt(fromBackup) : 0n,
    };
  }
}
