/** A table that rows are salvaged for. */
import type { Row } from "../values.ts";
import { HIGHEST, KeyGaps, LOWEST, RowidGaps } from "./gaps.ts";
import type { LostAndFound } from "./lost-and-found.ts";
import type { NewDatabase } from "./new-database.ts";
import { OddRows } from "./odd-rows.ts";
import type { Found, RowSink } from "./pages.ts";
import type { SalvagedTable } from "./report.ts";
import type { Entry } from "./schema.ts";
import type { Shape } from "./shape.ts";
import { TableWriter } from "./table-writer.ts";

export class Target implements RowSink {
  readonly entry: Entry;
  readonly shape: Shape;
  /** One of the two, by the table's kind. */
  readonly rowidGaps: RowidGaps | null;
  readonly keyGaps: KeyGaps | null;
  readonly #write: (found: Found) => ReturnType<TableWriter["write"]>;
  readonly #lost: LostAndFound;
  byTree = 0;
  byOrphanPage = 0;
  repeated = 0;
  setAside = 0;
  broken = 0;
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
    const writer = new TableWriter(database.db, shape);
    const isSequence = entry.name.toLowerCase() === "sqlite_sequence";
    this.#write = isSequence
      ? ({ values }) => {
          database.keepSequence(values as Row);
          return "written";
        }
      : ({ rowid, values }) => writer.write(rowid, values);
  }

  get hasGaps(): boolean {
    return this.rowidGaps?.any ?? this.keyGaps?.any ?? false;
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
    const written = this.#write(found);
    if (written === "same") this.repeated++;
    else if (typeof written === "object") this.doubtful(found, written.refused);
    else if (inTree) this.byTree++;
    else this.byOrphanPage++;
  }

  doubtful(found: Found, reason: string): void {
    this.setAside++;
    this.#lost.add(found, `${this.shape.table}: ${reason}`);
  }

  report(): SalvagedTable {
    const { byTree, byOrphanPage, repeated, setAside, broken, rowidGaps, keyGaps } = this;
    return {
      table: this.entry.name,
      ...{ byTree, byOrphanPage, repeated, setAside, broken },
      gaps: (rowidGaps ?? keyGaps)?.list() ?? [],
      lostAtMost: rowidGaps ? rowidGaps.most() : keyGaps?.any ? null : 0n,
    };
  }
}
