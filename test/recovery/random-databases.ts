/** Pairs of small databases from a seed: odd names, all kinds of keys, and values that SQLite finds equal or does not. */
import Database from "better-sqlite3";

export type Random = (below: number) => number;

/** mulberry32: the same numbers for the same seed. */
export function randomOf(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296) * below);
  };
}

export interface RandomColumn {
  readonly name: string;
  readonly type: string;
  readonly collation: "BINARY" | "NOCASE" | "RTRIM";
  readonly notNull: boolean;
}

export interface RandomTable {
  readonly name: string;
  readonly columns: readonly RandomColumn[];
  readonly key: readonly RandomColumn[];
  /** Its first column is the rowid. */
  readonly hasRowid: boolean;
  readonly sql: string;
}

export interface RandomPair {
  readonly current: Database.Database;
  readonly incoming: Database.Database;
  readonly tables: readonly RandomTable[];
}

const NAMES = ["a", "b b", 'c"c', "säule", "select", "F.f"];
const TYPES = ["INTEGER", "TEXT", "REAL", "BLOB", "", "NUMERIC"];
// biome-ignore format: one page of values
const VALUES = [
  "0", "1", "2", "3", "1.0", "2.5", "-0.0", "'a'", "'A'", "'b'", "'a '", "'ä'", "'Ä'", "'1'", "''", "x'61'", "x''",
  "9007199254740993", "9007199254740992.0", "9e999", "char(0, 97)", "CAST(x'ff' AS TEXT)", "CAST(x'fe' AS TEXT)", "char(65533)",
];

export interface Flavour {
  /** Secondary unique indexes and foreign keys, whose rules no naive oracle foretells. */
  readonly constraints: boolean;
  /** Each side has a column of its own, with a default. */
  readonly drift?: boolean;
}

export function randomPair(random: Random, { constraints, drift = false }: Flavour): RandomPair {
  const pick = <T>(items: readonly T[]): T => items[random(items.length)] as T;
  const tables: RandomTable[] = [];
  for (let n = 0; n <= random(3); n++) tables.push(randomTable(random, `t ${n}`, tables, constraints));
  const current = new Database(":memory:");
  const incoming = new Database(":memory:");
  for (const db of [current, incoming]) {
    db.pragma("foreign_keys = OFF");
    const own = db === current ? '"own" INTEGER NOT NULL DEFAULT 7' : "\"theirs\" TEXT DEFAULT 'x'";
    for (const { sql } of tables) db.exec(drift ? sql.replace("(", `(${own}, `) : sql);
  }
  for (const table of tables) {
    for (let row = 0; row < 14; row++) {
      const values = table.columns.map(({ notNull }, at) => {
        if (at === 0 && table.hasRowid) return String(random(12));
        return !notNull && random(4) === 0 ? "NULL" : pick(VALUES);
      });
      const targets = pick([[current], [incoming], [current, incoming]]);
      const changed = random(3) === 0 ? 1 + random(values.length - 1) : -1;
      for (const db of targets) {
        const mine = values.map((value, at) => (at === changed && db === incoming ? pick(VALUES) : value));
        db.exec(`INSERT OR IGNORE INTO "${table.name}" (${names(table.columns)}) VALUES (${mine.join()})`);
      }
    }
  }
  return { current, incoming, tables };
}

function randomTable(random: Random, name: string, before: readonly RandomTable[], constraints: boolean): RandomTable {
  const kind = random(8);
  const count = 2 + random(NAMES.length - 2);
  // 0: rowid; 1: one column; 2: two columns; 3: two without rowid; 4: unique and NOT NULL; 5: may be NULL; 6, 7: none
  const keyed = [1, 1, 2, 2, 1, 2, 0, 0][kind] ?? 0;
  const columns = NAMES.slice(0, count).map((each, at): RandomColumn => {
    const inKey = at < keyed;
    return {
      name: each,
      type: kind === 0 && inKey ? "INTEGER" : (TYPES[random(TYPES.length)] ?? ""),
      collation: kind === 0 && inKey ? "BINARY" : ((["BINARY", "NOCASE", "RTRIM"] as const)[random(3)] ?? "BINARY"),
      notNull: inKey && kind < 5,
    };
  });
  const key = columns.slice(0, keyed);
  const parts = columns.map(
    (column) =>
      `"${column.name.replaceAll('"', '""')}" ${column.type}${column.notNull && kind !== 0 ? " NOT NULL" : ""}` +
      (column.collation === "BINARY" ? "" : ` COLLATE ${column.collation}`),
  );
  if (keyed > 0) parts.push(`${kind === 4 ? "UNIQUE" : "PRIMARY KEY"} (${names(key)})`);
  const last = columns.slice(-1);
  if (constraints && random(2) === 0) parts.push(`UNIQUE (${names(last)})`);
  const parent = [...before, { name, key, columns }][random(before.length + 1)];
  if (constraints && parent?.key.length === 1 && random(2) === 0) {
    parts.push(
      `FOREIGN KEY (${names(columns.slice(1, 2))}) REFERENCES "${parent.name}" (${names(parent.key)}) ON UPDATE CASCADE`,
    );
  }
  const sql = `CREATE TABLE "${name}" (${parts.join(", ")})${kind === 3 ? " WITHOUT ROWID" : ""}`;
  return { name, columns, key, hasRowid: keyed === 1 && kind !== 4 && columns[0]?.type === "INTEGER", sql };
}

export function names(columns: readonly { readonly name: string }[]): string {
  return columns.map(({ name }) => `"${name.replaceAll('"', '""')}"`).join();
}
