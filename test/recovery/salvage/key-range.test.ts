import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, onTestFinished, test } from "vitest";
import { type KeyPart, keyOrder } from "../../../src/recovery/salvage/key-order.ts";
import { type Bound, type KeyedRow, KeyedRows } from "../../../src/recovery/salvage/key-range.ts";
import { shapeOf } from "../../../src/recovery/salvage/shape.ts";
import type { Row } from "../../../src/recovery/values.ts";
import { Draw } from "../../faults/mutations/draw.ts";
import { scratchFolder } from "../../fixtures/scratch-folder.ts";

const WORDS = ["", "a", "A", "b", "B ", "b", "c", "é"];
const SIDES: readonly Bound["side"][] = ["above", "from", "below", "upTo"];

interface Kind {
  readonly title: string;
  readonly sql: string;
  readonly key: readonly KeyPart[];
}

const asc = (collation: KeyPart["collation"]): KeyPart => ({ collation, descending: false });
const desc = (collation: KeyPart["collation"]): KeyPart => ({ collation, descending: true });
const KINDS: readonly Kind[] = [
  { title: "rowids", sql: "CREATE TABLE t (id INTEGER PRIMARY KEY, v)", key: [asc("BINARY")] },
  { title: "rowids without a column", sql: "CREATE TABLE t (v)", key: [asc("BINARY")] },
  {
    title: "keys of two columns",
    sql: "CREATE TABLE t (a TEXT, b INT, v, PRIMARY KEY (a, b)) WITHOUT ROWID",
    key: [asc("BINARY"), asc("BINARY")],
  },
  {
    title: "keys of three columns, in any order and collation",
    sql: "CREATE TABLE t (v, c INT, b TEXT, a TEXT COLLATE NOCASE, PRIMARY KEY (a, b COLLATE RTRIM DESC, c DESC)) WITHOUT ROWID",
    key: [asc("NOCASE"), desc("RTRIM"), desc("BINARY")],
  },
];

function tableOf({ sql, key }: Kind, draw: Draw): Database.Database {
  const db = new Database(join(scratchFolder(), "backup.sqlite"));
  onTestFinished(() => void db.close());
  db.exec(sql);
  for (let n = 0; n < 200; n++) {
    const [a, b, c] = [draw.pick(WORDS), draw.pick(WORDS), draw.below(6)];
    if (key.length === 1) db.prepare("INSERT OR IGNORE INTO t (rowid, v) VALUES (?, ?)").run(draw.below(100), a);
    else if (key.length === 2) db.prepare("INSERT OR IGNORE INTO t (a, b, v) VALUES (?, ?, ?)").run(a, c, n);
    else db.prepare("INSERT OR IGNORE INTO t (a, b, c, v) VALUES (?, ?, ?, ?)").run(a, b, c, n);
  }
  return db;
}

describe.each(KINDS)("$title", (kind) => {
  const order = keyOrder(kind.key, "utf8");
  const keyIn = ({ rowid, values }: KeyedRow): Row => (rowid === null ? values.slice(0, kind.key.length) : [rowid]);
  const isWithin = (key: Row, bound: Bound): boolean => {
    const by = order(key, bound.key);
    return { above: by > 0, from: by >= 0, below: by < 0, upTo: by <= 0 }[bound.side];
  };

  test("rows are found between any bounds, in the order of the tree; of those that are there, none", () => {
    const draw = new Draw(kind.title);
    const db = tableOf(kind, draw);
    const rows = KeyedRows.of(db, shapeOf(db, "t"), "utf8") as KeyedRows;
    const all = [...rows.within([])].map(keyIn);
    expect(all.length).toBeGreaterThan(40);
    expect(all.every((key, at) => at === 0 || order(all[at - 1] as Row, key) < 0)).toBe(true);
    for (let n = 0; n < 300; n++) {
      const bounds = Array.from({ length: draw.below(5) }, () => ({ side: draw.pick(SIDES), key: draw.pick(all) }));
      const wanted = all.filter((key) => bounds.every((bound) => isWithin(key, bound)));
      const found = [...rows.within(bounds)].map(keyIn);
      expect(
        found,
        JSON.stringify(bounds, (_, value) => (typeof value === "bigint" ? Number(value) : value)),
      ).toEqual(wanted);
      const there = new Set(wanted.filter(() => draw.below(2) === 0).map(String));
      const lacking = [...rows.lacking(bounds, (row) => there.has(String(keyIn(row))))].map(keyIn);
      expect(lacking).toEqual(wanted.filter((key) => !there.has(String(key))));
    }
  });
});
