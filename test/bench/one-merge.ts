/** The rows of one database brought into another, in a process of its own. Prints its milliseconds as JSON. */
import Sqlite from "better-sqlite3";

export interface MergeOrder {
  /** Holdfast's entry point, as a URL; null: by hand. */
  readonly library: string | null;
  readonly database: string;
  readonly incoming: string;
  /** In which there are rows to be brought. */
  readonly tables: readonly string[];
  readonly rows: number;
}

/** Milliseconds. */
export interface MergeTimes {
  /** The merge for good alone, until the database is closed. */
  readonly merge: number;
  /** With what comes before: the check of the source, and the merge on trial. The same by hand. */
  readonly all: number;
}

async function byHoldfast(
  library: string,
  { database: path, incoming, tables, rows }: MergeOrder,
): Promise<MergeTimes> {
  const { merge } = (await import(library)) as typeof import("../../src/index.ts");
  const begun = performance.now();
  let merging = Number.NaN;
  const { merge: report } = await merge({ path, migrations: false, backupRetention: 0 }, incoming, {
    onEvent({ kind }) {
      if (kind === "merge" && Number.isNaN(merging)) merging = performance.now();
    },
  });
  const done = performance.now();
  const added = report.tables.reduce((sum, table) => sum + table.added, 0);
  if (added !== rows || report.tables.filter((table) => table.added > 0).length !== tables.length) {
    throw new Error(`${added} rows were merged.`);
  }
  return { merge: done - merging, all: done - begun };
}

function byHand({ database, incoming, tables, rows }: MergeOrder): MergeTimes {
  const begun = performance.now();
  const db = new Sqlite(database, { fileMustExist: true });
  db.prepare("ATTACH ? AS incoming").run(incoming);
  const added = db.transaction(() =>
    tables.reduce(
      (sum, table) =>
        sum + db.prepare(`INSERT OR IGNORE INTO main.${table} SELECT * FROM incoming.${table}`).run().changes,
      0,
    ),
  )();
  db.close();
  const all = performance.now() - begun;
  if (added !== rows) throw new Error(`${added} rows were inserted.`);
  return { merge: all, all };
}

const order = JSON.parse(process.argv[2] ?? "") as MergeOrder;
const { library } = order;
process.stdout.write(JSON.stringify(library === null ? byHand(order) : await byHoldfast(library, order)));
