import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { keyOrder } from "../../../src/recovery/salvage/key-order.ts";
import type { Encoding } from "../../../src/recovery/salvage/record.ts";
import type { Row, Value } from "../../../src/recovery/values.ts";

const VALUES: readonly Value[] = [
  ...[null, -(2n ** 63n), -1n, 0n, 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n - 1n, -1.5, 0.5, 9007199254740992.0, 1e300],
  ...["", " ", "a", "A", "a ", "ab", "B", "b", "[", "é", "É", "\uFFFD", "\u{1F600}", "Z", "z"],
  ...[Buffer.from(""), Buffer.from("a"), Buffer.from("A"), Buffer.from([0xff, 0x00])],
];

const ENCODINGS: Readonly<Record<Encoding, string>> = { utf8: "UTF-8", utf16le: "UTF-16le", utf16be: "UTF-16be" };
const encodings = Object.entries(ENCODINGS) as [Encoding, string][];
const collations = ["BINARY", "NOCASE", "RTRIM"] as const;
const cases = encodings.flatMap(([encoding, name]) =>
  collations.flatMap((collation) => [false, true].map((descending) => ({ encoding, name, collation, descending }))),
);

test.each(cases)("keys are ordered as SQLite does, $name $collation, descending: $descending", (how) => {
  const { encoding, name, collation, descending } = how;
  const db = new Database(":memory:");
  db.pragma(`encoding = '${name}'`);
  db.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, k)");
  for (const value of [...VALUES, ...VALUES]) db.prepare("INSERT INTO t (k) VALUES (?)").run(value);
  const direction = descending ? "DESC" : "ASC";
  const rows = db
    .prepare(`SELECT k, id FROM t ORDER BY k COLLATE ${collation} ${direction}, id`)
    .raw(true)
    .safeIntegers()
    .all() as Row[];
  db.close();
  const order = keyOrder([{ collation, descending }], encoding);
  for (let at = 1; at < rows.length; at++) {
    expect(
      order(rows[at - 1] as Row, rows[at] as Row),
      `${String(rows[at - 1])} before ${String(rows[at])}`,
    ).toBeLessThan(0);
    expect(order(rows[at] as Row, rows[at - 1] as Row)).toBeGreaterThan(0);
  }
});
