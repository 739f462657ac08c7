import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { firstTransactionStatement, splitStatements } from "../../src/database/statements.ts";

const split = (sql: string) => [...splitStatements(sql)];
const texts = (sql: string) => split(sql).map((each) => each.text);

/** Each script with the number of its statements; SQLite itself has the last word on every one below. */
const SCRIPTS: Record<string, [sql: string, statements: number]> = {
  "one statement": ["CREATE TABLE a (x);", 1],
  "the last one without a semicolon": ["CREATE TABLE a (x); CREATE TABLE b (y)", 2],
  "empty statements": [";; CREATE TABLE a (x);; ;", 1],
  "line endings of Windows": ["CREATE TABLE a (x);\r\nCREATE TABLE b (y);\r\n", 2],
  "a byte order mark": ["\uFEFFCREATE TABLE a (x);", 1],
  "semicolons in strings": ["CREATE TABLE a (x); INSERT INTO a VALUES ('one; two'), ('it''s; three');", 2],
  "a string over several lines": [
    "CREATE TABLE a (x);\nINSERT INTO a VALUES ('first;\n-- no comment;\n/* none */ last');",
    2,
  ],
  "semicolons in comments": ["CREATE TABLE a (x -- one; two\n); /* three; */ CREATE TABLE b (y);", 2],
  "a quote in a comment": ["CREATE TABLE a (x); -- Ann's\nCREATE TABLE b (y); /* Bob's */ CREATE TABLE c (z);", 3],
  "a comment that never ends": ["CREATE TABLE a (x); /* CREATE TABLE b (y);", 1],
  "comment signs in strings": ["CREATE TABLE a (x); INSERT INTO a VALUES ('/*'); INSERT INTO a VALUES ('*/ --');", 3],
  "comments alone": ["-- nothing\n/* to see; */", 0],
  "quoted identifiers": [
    'CREATE TABLE "a;1" ("x;""y"); CREATE TABLE [b;2] ([p;q]); CREATE TABLE `c;3` (`r;``s`); INSERT INTO "a;1" VALUES (1);',
    4,
  ],
  "an arithmetic minus before a comment": [
    "CREATE TABLE a (x); INSERT INTO a SELECT 5-1 - -1; --x;\nINSERT INTO a VALUES (1);",
    3,
  ],
  "a division beside a comment": ["CREATE TABLE a (x); INSERT INTO a VALUES (8/2/*;*//2);", 2],
  "a blob": ["CREATE TABLE a (x); INSERT INTO a VALUES (x'3b27');", 2],
  "a trigger of two statements": [
    "CREATE TABLE a (x); CREATE TABLE log (y);\nCREATE TRIGGER t AFTER INSERT ON a BEGIN INSERT INTO log VALUES (new.x); UPDATE a SET x = x + 1; END;\nINSERT INTO a VALUES (1);",
    4,
  ],
  "CASE … END in a trigger": [
    `CREATE TABLE a (x); CREATE TABLE log (y);
     CREATE TRIGGER t AFTER INSERT ON a WHEN CASE new.x WHEN 1 THEN 1 ELSE 0 END BEGIN
       INSERT INTO log SELECT CASE WHEN new.x > 0 THEN 'plus; END' ELSE 'minus' END;
       UPDATE a SET x = CASE WHEN x = 1 THEN 2 END;
     END;
     INSERT INTO a VALUES (1);`,
    4,
  ],
  "comments and strings in a trigger": [
    `CREATE TABLE a (x); CREATE TABLE log (y);
     CREATE TRIGGER t AFTER INSERT ON a BEGIN -- BEGIN; END;
       INSERT INTO log VALUES ('; END;'); /* END; */
     END -- the end
     ; INSERT INTO a VALUES (1);`,
    4,
  ],
  "a temporary trigger": [
    "CREATE TABLE a (x); CREATE TEMP TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM a; END; INSERT INTO a VALUES (1);",
    3,
  ],
  "a trigger that must not be there yet": [
    "CREATE TABLE a (x); create temporary trigger if not exists t after insert on a begin delete from a; end; INSERT INTO a VALUES (1);",
    3,
  ],
  "a trigger in lower case, without spaces": [
    "CREATE TABLE a(x);create trigger t after insert on a begin delete from a;end;",
    2,
  ],
  "an INSTEAD OF trigger on a view": [
    "CREATE TABLE a (x); CREATE VIEW v AS SELECT x FROM a; CREATE TRIGGER t INSTEAD OF INSERT ON v BEGIN INSERT INTO a VALUES (new.x); END; INSERT INTO v VALUES (7);",
    4,
  ],
  "a column named end": ['CREATE TABLE a ("end" INT); CREATE TABLE b (x); INSERT INTO a SELECT "end" FROM a;', 3],
  "tables named like keywords": [
    "CREATE TABLE trigger (x); CREATE TABLE begin (y); INSERT INTO trigger VALUES (1);",
    3,
  ],
  "a temporary table named trigger": [
    "CREATE TEMP TABLE trigger (x); CREATE TABLE b (y); INSERT INTO b VALUES (1);",
    3,
  ],
  "a view over a CASE": [
    "CREATE TABLE a (x); CREATE VIEW v AS SELECT CASE x WHEN 1 THEN 'a;b' END AS y FROM a; SELECT 1;",
    3,
  ],
  "a common table expression": [
    "CREATE TABLE a (x); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) INSERT INTO a SELECT i FROM n;",
    2,
  ],
  "a full-text table with its triggers": [
    `CREATE TABLE doc (id INTEGER PRIMARY KEY, body TEXT);
     CREATE VIRTUAL TABLE doc_fts USING fts5(body, content='doc', content_rowid='id', tokenize = "unicode61 tokenchars ';'");
     CREATE TRIGGER doc_ai AFTER INSERT ON doc BEGIN
       INSERT INTO doc_fts(rowid, body) VALUES (new.id, new.body);
     END;
     CREATE TRIGGER doc_ad AFTER DELETE ON doc BEGIN
       INSERT INTO doc_fts(doc_fts, rowid, body) VALUES ('delete', old.id, old.body);
     END;
     INSERT INTO doc (body) VALUES ('to be; or not');`,
    5,
  ],
  "names beyond ASCII": ["CREATE TABLE größe (höhe); CREATE TABLE 本 (題); INSERT INTO 本 VALUES ('😀;');", 3],
};

describe("splitting", () => {
  test.each(Object.entries(SCRIPTS))("%s", (_, [sql, statements]) => {
    expect(texts(sql)).toHaveLength(statements);
    const oneByOne = contentAfter((db) => {
      for (const text of texts(sql)) db.exec(text);
    });
    expect(oneByOne).toEqual(contentAfter((db) => db.exec(sql)));
  });

  test.each(Object.entries(SCRIPTS))("each is one to SQLite as well: %s", (_, [sql]) => {
    const db = new Database(":memory:");
    for (const text of texts(sql)) {
      expect(() => db.prepare(text)).not.toThrow(/more than one statement|no statements/);
      db.exec(text);
    }
    db.close();
  });

  test("gives the text as it stands, the line and the first word", () => {
    const sql = "-- books\ncreate table a (x);\n\n  /* tags\n */ Pragma user_version = 3;\nSELECT 1; SELECT\n2";
    expect(split(sql)).toEqual([
      { text: "create table a (x);", line: 2, verb: "CREATE" },
      { text: "Pragma user_version = 3;", line: 5, verb: "PRAGMA" },
      { text: "SELECT 1;", line: 6, verb: "SELECT" },
      { text: "SELECT\n2", line: 6, verb: "SELECT" },
    ]);
  });

  test("a value of many megabytes is one value", () => {
    const sql = `INSERT INTO a VALUES ('${"x;".repeat(10_000_000)}'); COMMIT;`;
    expect(split(sql).map((each) => each.verb)).toEqual(["INSERT", "COMMIT"]);
  });
});

describe("statements that begin or end a transaction", () => {
  test.each([
    ["BEGIN", "BEGIN; CREATE TABLE a (x);", 1],
    ["BEGIN", "CREATE TABLE a (x);\nbegin immediate;", 2],
    ["COMMIT", "CREATE TABLE a (x);\n\nCOMMIT;", 3],
    ["COMMIT", "/* all done */ commit transaction", 1],
    ["END", "CREATE TABLE a (x); END;", 1],
    ["ROLLBACK", "ROLLBACK;", 1],
    ["ROLLBACK", "ROLLBACK TO before;", 1],
    ["SAVEPOINT", "SAVEPOINT before;", 1],
    ["RELEASE", "RELEASE SAVEPOINT before;", 1],
    ["COMMIT", ";;COMMIT", 1],
    ["COMMIT", "\uFEFFCOMMIT;", 1],
    ["COMMIT", "CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM a; END;\nCOMMIT;", 2],
    ["COMMIT", "CREATE TEMP TABLE trigger (x);\nCOMMIT;", 2],
    ["COMMIT", "INSERT INTO a VALUES (CASE WHEN 1 THEN 2 END);\nCOMMIT;", 2],
  ])("%s is found in %j", (verb, sql, line) => {
    expect(firstTransactionStatement(sql)).toMatchObject({ verb, line });
  });

  test.each([
    ["a comment", "-- BEGIN; COMMIT;\n/* ROLLBACK; */ CREATE TABLE a (x);"],
    ["a string", "INSERT INTO a VALUES ('; COMMIT; BEGIN;');"],
    ["a name", 'CREATE TABLE "begin" ("commit;" INT); SELECT [; end;] FROM b; SELECT `;rollback;`;'],
    ["a trigger", "CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM a; END;"],
    [
      "a trigger with CASE",
      "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT CASE WHEN 1 THEN 2 END; DELETE FROM a; END;",
    ],
    ["a raise", "CREATE TRIGGER t BEFORE INSERT ON a BEGIN SELECT RAISE(ROLLBACK, 'no; COMMIT;'); END;"],
    ["a conflict clause", "INSERT OR ROLLBACK INTO a VALUES (1); REPLACE INTO a VALUES (2);"],
    ["a column", "UPDATE a SET x = 1 WHERE release = 2; SELECT savepoint FROM a;"],
    ["a CASE", "SELECT CASE x WHEN 1 THEN 2 END FROM a;"],
    ["nothing", ""],
  ])("none is found in %s", (_, sql) => {
    expect(firstTransactionStatement(sql)).toBeUndefined();
  });
});

/** Schema and rows after `run`, temporary tables included. */
function contentAfter(run: (db: Database.Database) => void): unknown {
  const db = new Database(":memory:");
  try {
    run(db);
    const schema = ["sqlite_schema", "sqlite_temp_schema"].flatMap((name) =>
      db.prepare(`SELECT type, name, tbl_name, sql FROM ${name} ORDER BY type, name`).all(),
    ) as { type: string; name: string }[];
    const rows = schema
      .filter((each) => each.type === "table")
      .map(({ name }) => [
        name,
        db
          .prepare(`SELECT * FROM "${name.replaceAll('"', '""')}"`)
          .raw()
          .all(),
      ]);
    return { schema, rows };
  } finally {
    db.close();
  }
}
