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
  /** One index has been read to the last of its rows. */
  whole: boolean;
}

/** A damaged or partial index lacks many rows; of those that were deleted it has none, but for rowids given again. */
const LEAST_LIVE = 0.25;
const CACHE_KB = 1000;

export class LiveRows {
  /** On disk where they are many, and gone with the connection. */
  readonly #db: Connection;
  readonly #targets: readonly Target[];
  readonly #known = new Map<Target, Known>();
  /** Of which something could not be read. */
  readonly #damaged = new Set<KnownIndex>();

  /** @param targets whose trees have been read, so that it is known where they lack rows */
  constructor(engine: Engine, targets: readonly Target[]) {
    this.#db = engine.openPlain("");
    this.#targets = targets;
    this.#db.pragma("journal_mode = OFF");
    this.#db.pragma(`cache_size = -${CACHE_KB}`);
    this.#db.exec("BEGIN");
  }

  /** What takes the rowids out of each page of the index; undefined where it has none that matter. */
  reader(pages: Pages, index: KnownIndex): ((view: BTreePage) => void) | undefined {
    const target = this.#targetOf(index);
    const gaps = target?.rowidGaps;
    if (!target || !gaps?.any || !index.endsInRowid) return undefined;
    const known = this.#known.get(target) ?? this.#make(target);
    return (view) => {
      if (!view.sound) this.#damaged.add(index);
      for (let cell = 0; view.sound && cell < view.count; cell++) {
        const rowid = pages.lastInteger(view, cell, index.fields);
        if (rowid === null) {
          this.#damaged.add(index);
        } else if (gaps.find(rowid, rowid) !== null) known.add(rowid);
      }
    };
  }

  #targetOf({ entry: { table } }: KnownIndex): Target | undefined {
    return this.#targets.find(({ entry }) => fold(entry.name) === fold(table));
  }

  /** All pages of the index have been shown. */
  end(index: KnownIndex): void {
    const target = this.#targetOf(index);
    const known = target && this.#known.get(target);
    if (known && index.endsInRowid && !index.partial && !this.#damaged.has(index)) known.whole = true;
  }

  #make(target: Target): Known {
    const table = `live_${this.#known.size}`;
    this.#db.exec(`CREATE TABLE ${table} (id INTEGER PRIMARY KEY)`);
    const insert = this.#db.prepare(`INSERT OR IGNORE INTO ${table} VALUES (?)`);
    const find = this.#db.prepare(`SELECT 1 FROM ${table} WHERE id = ?`);
    const known: Known = {
      whole: false,
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

  /** Whether a row that stands among others which are in use was deleted: SQLite leaves what it has moved to another page. */
  isDeleted(target: Target, rowid: Rowid): boolean {
    const known = this.#known.get(target);
    return known?.whole === true && !known.has(rowid);
  }

  close(): void {
    this.#db.close();
  }
}
