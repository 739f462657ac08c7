import { join } from "node:path";
import Database from "better-sqlite3";
import { beforeAll, describe, expect, test } from "vitest";
import { inspect } from "../../src/database/integrity.ts";
import { type Engine, loadEngine } from "../../src/database/open.ts";
import { BACKUP, createOwnTable, LEDGER, requireOwnTables, STAMP } from "../../src/database/own-tables.ts";
import {
  appendToLedger,
  createLedger,
  describe as read,
  writeBackupRow,
  writeStamp,
} from "../../src/database/stamp.ts";
import { refusal } from "../fixtures/refusal.ts";
import { scratchFolder } from "../fixtures/scratch-folder.ts";

const STAMP_NOW = {
  databaseId: "an id",
  appVersion: "1.2.0",
  layout: "sha256:00",
  changedAt: "2026-11-21T10:15:00.000Z",
};
const STEP = {
  name: "0001_books.sql",
  checksum: "sha256:11",
  compatibleSince: null,
  appliedAt: STAMP_NOW.changedAt,
  appVersion: "1.2.0",
  down: null,
};
const BACKUP_ROW = {
  databaseId: "an id",
  databasePath: "../library.sqlite",
  version: "1.2.0",
  layout: "sha256:00",
  sequence: 3,
  createdAt: STAMP_NOW.changedAt,
  reason: "launch" as const,
  label: null,
  content: "sha256:22",
  journalMode: "wal" as const,
  fileMode: 0o600,
};

let engine: Engine;
beforeAll(async () => {
  engine = await loadEngine();
});

/** A database as Holdfast leaves it, and then what somebody did to it. */
function database(forge = ""): string {
  const path = join(scratchFolder(), "library.sqlite");
  const db = new Database(path);
  db.exec("CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT NOT NULL)");
  writeStamp(db, STAMP_NOW);
  createLedger(db);
  appendToLedger(db, STEP);
  writeBackupRow(db, BACKUP_ROW);
  db.unsafeMode();
  db.pragma("ignore_check_constraints = ON");
  db.exec(forge);
  db.close();
  return path;
}

function look(path: string): ReturnType<typeof inspect> {
  return inspect(engine, path, { check: "none", scope: "alone", scratch: `${path}.look` });
}

test("what Holdfast wrote itself is read", () => {
  const { self } = look(database());
  expect(self).toEqual({ stamp: STAMP_NOW, ledger: [STEP], backup: BACKUP_ROW, ownDigest: null, tables: ["book"] });
});

test("so it is after VACUUM, and after tables of the application were added, renamed and dropped", () => {
  const path = database("ALTER TABLE book RENAME TO volume; CREATE TABLE x (y); DROP TABLE x; VACUUM");
  expect(look(path).self?.stamp).toEqual(STAMP_NOW);
});

test("so it is where a bit of their definition has changed without a meaning", () => {
  const flip = `PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'TEXT NOT', 'TExT NOT')`;
  expect(look(database(flip)).self).toEqual({
    stamp: STAMP_NOW,
    ledger: [STEP],
    backup: BACKUP_ROW,
    ownDigest: null,
    tables: ["book"],
  });
});

test("a table that a later version of Holdfast adds is let be", () => {
  expect(look(database("CREATE TABLE _holdfast_notes (id INTEGER PRIMARY KEY)")).self?.stamp).toEqual(STAMP_NOW);
});

const COLUMNS = "id INTEGER PRIMARY KEY, database_id, app_version, layout, changed_at";

describe("nothing is read where", () => {
  test.each<[string, string]>([
    ["the stamp is a view", `DROP TABLE ${STAMP}; CREATE VIEW ${STAMP} AS SELECT 1 AS id`],
    ["the stamp is a view in capitals", `DROP TABLE ${STAMP}; CREATE VIEW ${STAMP.toUpperCase()} AS SELECT 1 AS id`],
    ["the digest is a view", "CREATE VIEW _holdfast_own_digest AS SELECT 1 AS id, 'x' AS digest"],
    ["the stamp is a virtual table", `DROP TABLE ${STAMP}; CREATE VIRTUAL TABLE ${STAMP} USING fts5(database_id)`],
    ["the stamp has a computed column", `ALTER TABLE ${STAMP} ADD COLUMN more AS (hex(zeroblob(1e8)))`],
    [
      "the stamp has a constraint more",
      `DROP TABLE ${STAMP}; CREATE TABLE ${STAMP} (${COLUMNS}, CHECK (length(hex(zeroblob(1e8)))))`,
    ],
    ["the stamp has a trigger", `CREATE TRIGGER t AFTER UPDATE ON ${STAMP} BEGIN SELECT 1; END`],
    ["the stamp has an index over an expression", `CREATE INDEX i ON ${STAMP} (hex(database_id))`],
    ["the ledger has a partial index", `CREATE INDEX i ON ${LEDGER} (name) WHERE hex(name) > ''`],
    [
      "the ledger is a view that can be written to",
      `DROP TABLE ${LEDGER}; CREATE VIEW ${LEDGER} AS SELECT 1 AS name; CREATE TRIGGER t INSTEAD OF INSERT ON ${LEDGER} BEGIN SELECT 1; END`,
    ],
    ["the backup's row is in a view", `DROP TABLE ${BACKUP}; CREATE VIEW ${BACKUP} AS SELECT 1 AS id`],
    ["a key refers to the stamp", `CREATE TABLE child (x REFERENCES ${STAMP}(id) ON UPDATE CASCADE)`],
  ])("%s", (_, forge) => {
    const path = database(forge);
    const error = refusal(() => look(path));
    expect(error.code).toBe("CHECK_IMPOSSIBLE");
    expect(error.message).toMatch(new RegExp(`^${path} was not read any further: .+ a table of Holdfast's`));
    expect(error.hint).toContain("do not use it");
  });

  test.each<[string, string]>([
    ["the version is part of a path", `UPDATE ${STAMP} SET app_version = '/../../../elsewhere'`],
    ["the version is a number", `UPDATE ${STAMP} SET app_version = x'31'`],
    ["the id is huge", `UPDATE ${STAMP} SET database_id = printf('%.*c', 10000000, 'x')`],
    [
      "the ledger is endless",
      `INSERT INTO ${LEDGER} WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 12000) SELECT i, i, '', '', '', '', '' FROM n`,
    ],
    ["a migration has no name", `UPDATE ${LEDGER} SET name = x'00'`],
    ["a time is none", `UPDATE ${BACKUP} SET created_at = 'soon'`],
    ["a sequence number leaves no room above it", `UPDATE ${BACKUP} SET sequence = 9223372036854775807`],
    ["a sequence number is text", `UPDATE ${BACKUP} SET sequence = 'many'`],
    ["the version of a backup is none", `UPDATE ${BACKUP} SET version = '1.0.0/../../x'`],
  ])("%s", (_, forge) => {
    const error = refusal(() => look(database(forge)));
    expect(error.code).toBe("CHECK_IMPOSSIBLE");
  });
});

test("a row of the schema with another name than what it makes is damage to SQLite itself", () => {
  const path = database(
    `PRAGMA writable_schema = ON;
     INSERT INTO sqlite_schema VALUES ('trigger', 't', 'book', 0, 'CREATE TRIGGER t AFTER UPDATE ON ${STAMP} BEGIN SELECT 1; END')`,
  );
  expect(look(path).verdict).toMatchObject({ kind: "corrupt", problems: [expect.stringContaining("malformed")] });
});

test("nothing is written into a table that is not Holdfast's", () => {
  const path = database(`CREATE TRIGGER t AFTER UPDATE ON ${STAMP} BEGIN DELETE FROM book; END`);
  const db = engine.openUntrusted(path, "readwrite");
  try {
    for (const write of [
      () => writeStamp(db, STAMP_NOW),
      () => createLedger(db),
      () => createOwnTable(db, BACKUP),
      () => requireOwnTables(db),
      () => read(db),
    ]) {
      expect(refusal(write).code).toBe("CHECK_IMPOSSIBLE");
    }
  } finally {
    db.close();
  }
});
