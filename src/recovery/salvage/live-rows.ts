/**
 * Which rows of a table are in use, as its indexes say: an index has the rowid of each row of its table, and loses it
 * with the row (https://sqlite.org/fileformat2.html#representation_of_sql_indices). So it tells a leaf that nothing leads
 * to any more from one whose rows were deleted, where the list of free pages is damaged that else would say it.
 */
import type { Connection, Engine } from "../../database/open.ts";
import { fold } from "../tables.ts";
import type { BTreePage } from "./b-tree-page.ts";
import type { Pages } from "./pages.ts";
import type { SampledRow } from "./sample.ts";
import type { KnownIndex } from "./skeleton.ts";
import type { Target } from "./target.ts";
import type { Rowid } from "./varint.ts";

interface Known {
  readonly add: (rowid: Rowid) => void;
  readonly has: (rowid: Rowid) => boolean;
}

/** A damaged or partial index lacks many rows; of those that were deleted it has none, but for rowids given again. */
const LEAST_LIVE = 0.25;

export class LiveRows {
  /** On disk where they are many, and gone with the connection. */
  readonly #db: Connection;
  readonly #targets: readonly Target[];
  readonly #known = new Map<Target, Known>();

  /** @param targets whose trees have been read, so that it is known where they lack rows */
  constructor(engine: Engine, targets: readonly Target[]) {
    this.#db = engine.openPlain("");
    this.#targets = targets;
    this.#db.pragma("journal_mode = OFF");
    this.#db.exec("BEGIN");
  }

  /** What takes the rowids out of each page of the index; undefined where it has none that matter. */
  reader(pages: Pages, index: KnownIndex): ((view: BTreePage) => void) | undefined {
    const target = this.#targets.find(({ entry }) => fold(entry.name) === fold(index.entry.table));
    const gaps = target?.rowidGaps;
    if (!target || !gaps?.any) return undefined;
    const known = this.#known.get(target) ?? this.#make(target);
    return (view) => {
      for (let cell = 0; index.endsInRowid && view.sound && cell < view.count; cell++) {
        const rowid = pages.lastInteger(view, cell, index.fields);
        if (rowid !== null && gaps.find(rowid, rowid) !== null) known.add(rowid);
      }
    };
  }

  #make(target: Target): Known {
    const table = `live_${this.#known.size}`;
    this.#db.exec(`CREATE TABLE ${table} (id INTEGER PRIMARY KEY)`);
    const insert = this.#db.prepare(`INSERT OR IGNORE INTO ${table} VALUES (?)`);
    const find = this.#db.prepare(`SELECT 1 FROM ${table} WHERE id = ?`);
    const known: Known = {
      add: (rowid) => void insert.run(BigInt(rowid)),
      has: (rowid) => find.get(BigInt(rowid)) !== undefined,
    };
    this.#known.set(target, known);
    return known;
  }

  /** Whether rows of a leaf are in use, rather than left on a page that is free. */
  areLive(target: Target, rows: readonly SampledRow[]): boolean {
    const known = this.#known.get(target);
    const live = rows.filter(({ rowid }) => rowid !== null && known?.has(rowid));
    return live.length > 0 && live.length >= LEAST_LIVE * rows.length;
  }

  close(): void {
    this.#db.close();
  }
}
