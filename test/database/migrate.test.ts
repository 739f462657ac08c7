import { existsSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, onTestFinished, test } from "vitest";
import { fingerprint } from "../../src/database/layout.ts";
import { type MigrateOrder, migrateCopy, migrateInTransaction } from "../../src/database/migrate.ts";
import type { MigrationInput } from "../../src/database/migration-files.ts";
import { findMigrations } from "../../src/database/migrations.ts";
import { describe as describeDatabase } from "../../src/database/stamp.ts";
import { HoldfastError } from "../../src/errors.ts";
import { scratchFolder } from "../fixtures/scratch-folder.ts";

const NOW = "2026-11-21T12:00:00.000Z";

function database(sql = ""): Database.Database {
  const db = new Database(join(scratchFolder(), "library.sqlite"));
  onTestFinished(() => void db.close());
  db.exec(sql);
  return db;
}

function order(
  db: Database.Database,
  inputs: readonly MigrationInput[],
  parts: Partial<MigrateOrder> = {},
): MigrateOrder {
  const migrations = findMigrations(inputs);
  return {
    pending: migrations,
    layout: migrations,
    databaseId: "library-id",
    appVersion: "1.3.0",
    now: NOW,
    begin: async () => db.exec("BEGIN IMMEDIATE"),
    commit: async () => db.exec("COMMIT"),
    stop: () => {},
    onStep: () => {},
    ...parts,
  };
}

async function failing(task: Promise<unknown>): Promise<HoldfastError> {
  const error = await task.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof HoldfastError) return error;
  throw error ?? new Error("nothing failed");
}

/** Everything in the database: its schema and all of its rows. */
function contents(db: Database.Database): unknown {
  const schema = db.prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name").all() as {
    type: string;
    name: string;
  }[];
  const rows = schema
    .filter((each) => each.type === "table")
    .map(({ name }) => [name, db.prepare(`SELECT * FROM "${name}"`).raw().all()]);
  return { schema, rows };
}

const LIBRARY = `
  CREATE TABLE authors (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
  CREATE TABLE books (id INTEGER PRIMARY KEY, author INTEGER REFERENCES authors ON DELETE CASCADE, title TEXT);
  INSERT INTO authors VALUES (1, 'Ann'), (2, 'Bob');
  INSERT INTO books VALUES (1, 1, 'A'), (2, 1, 'B'), (3, 2, 'C');`;

describe("what a migration leaves behind", () => {
  test("ledger and stamp, written in the same transaction", async () => {
    const db = database();
    const inputs: MigrationInput[] = [
      { name: "0001_books", up: "CREATE TABLE books (id);", down: "DROP TABLE books;" },
      { name: "0002_authors", up: (on) => on.exec("CREATE TABLE authors (id)"), compatibleSince: "1.2.0" },
    ];
    const given = order(db, inputs);
    expect(await migrateInTransaction(db, given)).toEqual({ applied: ["0001_books", "0002_authors"], warnings: [] });
    expect(describeDatabase(db)).toEqual({
      stamp: { databaseId: "library-id", appVersion: "1.3.0", layout: fingerprint(given.layout), changedAt: NOW },
      ledger: [
        {
          name: "0001_books",
          checksum: given.pending[0]?.checksum,
          compatibleSince: null,
          appliedAt: NOW,
          appVersion: "1.3.0",
          down: "DROP TABLE books;",
        },
        {
          name: "0002_authors",
          checksum: given.pending[1]?.checksum,
          compatibleSince: "1.2.0",
          appliedAt: NOW,
          appVersion: "1.3.0",
          down: null,
        },
      ],
      backup: null,
      ownDigest: null,
      tables: ["authors", "books"],
    });
    expect(db.inTransaction).toBe(false);
  });

  test("later ones follow in the ledger, and the earlier keep their own version and time", async () => {
    const db = database();
    const first = { name: "0001", up: "CREATE TABLE a (x);" };
    const second = { name: "0002", up: "CREATE TABLE b (x);" };
    await migrateInTransaction(db, order(db, [first], { appVersion: "1.0.0", now: "2026-01-01T00:00:00.000Z" }));
    const layout = findMigrations([first, second]);
    await migrateInTransaction(db, order(db, [second], { layout }));
    const { stamp, ledger } = describeDatabase(db);
    expect(ledger.map((each) => [each.name, each.appVersion, each.appliedAt])).toEqual([
      ["0001", "1.0.0", "2026-01-01T00:00:00.000Z"],
      ["0002", "1.3.0", NOW],
    ]);
    expect(stamp).toMatchObject({ appVersion: "1.3.0", layout: fingerprint(layout) });
    expect(db.prepare("SELECT position FROM _holdfast_migrations ORDER BY position").pluck().all()).toEqual([1, 2]);
  });

  test("tells of each step before it runs", async () => {
    const steps: unknown[] = [];
    const db = database();
    const tables = () => describeDatabase(db).tables.length;
    const onStep = (name: string, done: number, total: number) => steps.push([name, done, total, tables()]);
    await migrateInTransaction(
      db,
      order(
        db,
        [
          { name: "a", up: "CREATE TABLE a (x);" },
          { name: "b", up: "CREATE TABLE b (x);" },
        ],
        { onStep },
      ),
    );
    expect(steps).toEqual([
      ["a", 0, 2, 0],
      ["b", 1, 2, 1],
    ]);
  });

  test("the connection is as it was: foreign keys and synchronous", async () => {
    const db = database();
    db.pragma("foreign_keys = ON");
    db.pragma("synchronous = NORMAL");
    const seen: unknown[] = [];
    const up = (on: Database.Database) =>
      seen.push(
        on.pragma("foreign_keys", { simple: true }),
        on.pragma("synchronous", { simple: true }),
        on.inTransaction,
      );
    await migrateInTransaction(db, order(db, [{ name: "a", up }]));
    const FULL = 2;
    expect(seen).toEqual([0, FULL, true]);
    expect(db.pragma("foreign_keys", { simple: true })).toBe(1);
    expect(db.pragma("synchronous", { simple: true })).toBe(1);
  });

  test("a script may await, and use transactions of better-sqlite3, which nest as savepoints", async () => {
    const db = database("CREATE TABLE a (x);");
    const up = async (on: Database.Database) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      const insert = on.prepare("INSERT INTO a VALUES (?)");
      on.transaction(() => insert.run(1))();
      expect(() =>
        on.transaction(() => {
          insert.run(2);
          throw new Error("this one is taken back");
        })(),
      ).toThrow("this one is taken back");
    };
    await migrateInTransaction(db, order(db, [{ name: "a", up }]));
    expect(db.prepare("SELECT x FROM a").pluck().all()).toEqual([1]);
  });
});

describe("a failure in the middle of five rolls everything back", () => {
  const five = (third: MigrationInput["up"]): MigrationInput[] => [
    { name: "0001_notes", up: "CREATE TABLE notes (x); INSERT INTO notes VALUES ('n');" },
    { name: "0002_titles", up: "UPDATE books SET title = title || '!';" },
    { name: "0003_third", up: third },
    { name: "0004_tags", up: "CREATE TABLE tags (x);" },
    { name: "0005_drop", up: "DROP TABLE notes;" },
  ];

  const failures: [string, MigrationInput["up"], RegExp][] = [
    ["a syntax error", "CREATE TABLE ok (x);\n\nCREATE TABEL oops (x);", /line 3: near "TABEL": syntax error/],
    ["a table that is not there", "DELETE FROM nowhere;", /line 1: no such table: nowhere/],
    ["a constraint", "INSERT INTO authors VALUES (1, 'again');", /UNIQUE constraint failed: authors\.id/],
    [
      "a constraint that rolls back by itself",
      "INSERT OR ROLLBACK INTO authors VALUES (1, 'again');",
      /UNIQUE constraint failed/,
    ],
    [
      "a row without a parent",
      "INSERT INTO books VALUES (4, 99, 'lost');",
      /FOREIGN KEY constraint failed: books\(author\) = \[99\] has no row in authors/,
    ],
    [
      "a parent that goes, for nothing cascades",
      "DELETE FROM authors WHERE id = 1;",
      /FOREIGN KEY constraint failed: books\(author\) = \[1\] has no row in authors/,
    ],
    [
      "a script that throws",
      (db) => {
        db.exec("DELETE FROM books");
        throw new Error("no such luck");
      },
      /no such luck/,
    ],
    ["a script whose promise is rejected", () => Promise.reject(new Error("later no such luck")), /later no such luck/],
    ["a script that throws what is no error", () => Promise.reject("plain text"), /plain text/],
    ["a script that commits", (db) => db.exec("DELETE FROM books; COMMIT;"), /it says COMMIT/],
    ["a script that commits by a prepared statement", (db) => db.prepare("COMMIT").run(), /it says COMMIT/],
    [
      "a script that commits on what exec returns",
      (db) => db.exec("DELETE FROM books").exec("COMMIT"),
      /it says COMMIT|it ended the transaction/,
    ],
    [
      "a script that commits on a statement's database",
      (db) => db.prepare("SELECT 1").database.exec("COMMIT"),
      /it says COMMIT|it ended the transaction/,
    ],
    ["a script that rolls back", (db) => db.exec("ROLLBACK"), /it says ROLLBACK/],
    ["a script that opens a savepoint", (db) => db.exec("SAVEPOINT mine"), /it says SAVEPOINT/],
    ["a script that closes the connection", (db) => db.close(), /it closes the connection/],
    ["SQL that commits", "DELETE FROM books;\nCOMMIT;", /COMMIT|it ended the transaction/],
  ];

  test.each(failures)("%s", async (_, third, message) => {
    const db = database(LIBRARY);
    db.pragma("foreign_keys = ON");
    await migrateInTransaction(db, order(db, [], { appVersion: "1.2.0", now: "2026-01-01T00:00:00.000Z" }));
    const before = contents(db);
    const error = await failing(migrateInTransaction(db, order(db, five(third))));
    expect(error.code).toBe("MIGRATION_FAILED");
    expect(error.message).toMatch(message);
    expect(contents(db)).toEqual(before);
    expect(describeDatabase(db).stamp).toMatchObject({ appVersion: "1.2.0", changedAt: "2026-01-01T00:00:00.000Z" });
    expect(db.inTransaction).toBe(false);
    expect(db.pragma("foreign_keys", { simple: true })).toBe(1);
  });

  test.each(failures)("%s: the migration is named, with what it threw", async (_, third, message) => {
    const db = database(LIBRARY);
    const error = await failing(migrateInTransaction(db, order(db, five(third))));
    expect(error.details).toMatchObject({ migration: "0003_third", error: expect.stringMatching(message) });
    expect(error.message).toMatch(/^The migration 0003_third failed: .* the database is as it was\.$/s);
    expect(error.cause).toBeDefined();
  });

  test("what is not applied is all of them, for those before it were rolled back", async () => {
    const db = database(LIBRARY);
    const error = await failing(migrateInTransaction(db, order(db, five("nonsense;"))));
    expect(error.details.notApplied).toEqual(five("").map((each) => each.name));
  });
});

describe("a launch that is to stop", () => {
  const inputs: MigrationInput[] = [
    { name: "a", up: "CREATE TABLE a (x);" },
    { name: "b", up: "CREATE TABLE b (x);" },
  ];
  const aborted = new HoldfastError({ code: "ABORTED", message: "the user left", hint: "Start again." });
  /** As a signal: quiet until it is given, and then for good. */
  const from = (call: number) => {
    let calls = 0;
    return () => {
      if (++calls >= call) throw aborted;
    };
  };

  test.each([
    ["before the first", 1],
    ["between two", 2],
    ["before the commit", 3],
  ])("%s: everything is rolled back, and the reason comes through", async (_, call) => {
    const db = database(LIBRARY);
    const before = contents(db);
    expect(await failing(migrateInTransaction(db, order(db, inputs, { stop: from(call) })))).toBe(aborted);
    expect(contents(db)).toEqual(before);
    expect(db.inTransaction).toBe(false);
  });

  test("after the commit: too late, and nothing is lost", async () => {
    const db = database(LIBRARY);
    await migrateInTransaction(db, order(db, inputs, { stop: from(4) }));
    expect(describeDatabase(db).ledger).toHaveLength(2);
  });

  test("while a migration runs that fails of it: the reason comes through, not what the migration says", async () => {
    const db = database(LIBRARY);
    let stopped = false;
    const stop = () => {
      if (stopped) throw aborted;
    };
    const up = () => {
      stopped = true;
      throw new Error("what the migration says does not count any more");
    };
    const error = await failing(migrateInTransaction(db, order(db, [{ name: "a", up }], { stop })));
    expect(error).toBe(aborted);
  });
});

test("a migration that cannot be loaded rolls everything back", async () => {
  const db = database(LIBRARY);
  const before = contents(db);
  const [pending] = findMigrations([{ name: "a", up: "SELECT 1;" }]);
  if (!pending) throw new Error("unreachable");
  const load = () => Promise.reject(new Error("Cannot find module"));
  const error = await failing(migrateInTransaction(db, order(db, [], { pending: [{ ...pending, load }] })));
  expect(error).toMatchObject({ code: "MIGRATION_FAILED", details: { migration: "a" } });
  expect(error.message).toContain("Cannot find module");
  expect(contents(db)).toEqual(before);
});

test("a disk that fills up is no fault of the migration", async () => {
  const db = database(LIBRARY);
  const before = contents(db);
  // Room for the ledger, and no more.
  db.pragma(`max_page_count = ${Number(db.pragma("page_count", { simple: true })) + 10}`);
  const up = "CREATE TABLE large (x); INSERT INTO large VALUES (zeroblob(100000));";
  const error = await failing(migrateInTransaction(db, order(db, [{ name: "a", up }])));
  expect(error).toMatchObject({ code: "DISK_FULL", hint: expect.stringContaining("Free some space") });
  expect(error.message).toMatch(
    /^The disk is full while running the migration a: .*Nothing of it stays; .*as it was\.$/,
  );
  expect(contents(db)).toEqual(before);
});

test("a database that another connection writes is busy, not migrated and not harmed", async () => {
  const db = database(LIBRARY);
  const other = new Database(db.name, { timeout: 0 });
  onTestFinished(() => void other.close());
  other.exec("BEGIN IMMEDIATE");
  db.pragma("busy_timeout = 0");
  await expect(migrateInTransaction(db, order(db, [{ name: "a", up: "CREATE TABLE a (x);" }]))).rejects.toMatchObject({
    code: expect.stringMatching(/^(SQLITE_BUSY|DB_IN_USE)$/),
  });
  other.exec("ROLLBACK");
  expect(describeDatabase(db).tables).toEqual(["authors", "books"]);
});

describe("foreign keys", () => {
  const REBUILD = `
    CREATE TABLE authors_new (id INTEGER PRIMARY KEY, name TEXT NOT NULL, born INTEGER);
    INSERT INTO authors_new (id, name) SELECT id, name FROM authors;
    DROP TABLE authors;
    ALTER TABLE authors_new RENAME TO authors;`;

  test("a rebuilt table keeps the children that would cascade", async () => {
    const db = database(LIBRARY);
    db.pragma("foreign_keys = ON");
    const outcome = await migrateInTransaction(db, order(db, [{ name: "born", up: REBUILD }]));
    expect(outcome.warnings).toEqual([]);
    expect(db.prepare("SELECT title FROM books ORDER BY id").pluck().all()).toEqual(["A", "B", "C"]);
    expect(db.prepare("SELECT born FROM authors").pluck().all()).toEqual([null, null]);
    expect(db.pragma("foreign_key_check")).toEqual([]);
  });

  const BROKEN = `${LIBRARY} PRAGMA foreign_keys = OFF; INSERT INTO books VALUES (8, 77, 'x'), (9, 78, 'y');`;

  test("rows that had no parent before are a warning", async () => {
    const db = database(BROKEN);
    const outcome = await migrateInTransaction(db, order(db, [{ name: "a", up: "CREATE TABLE a (x);" }]));
    expect(outcome.applied).toEqual(["a"]);
    expect(outcome.warnings).toEqual(["2 rows broke a foreign key before the migrations ran, and were left as found."]);
  });

  test("one row is spoken of as one", async () => {
    const db = database(`${BROKEN} DELETE FROM books WHERE id = 9;`);
    const outcome = await migrateInTransaction(db, order(db, [{ name: "a", up: "CREATE TABLE a (x);" }]));
    expect(outcome.warnings).toEqual(["1 row broke a foreign key before the migrations ran, and was left as found."]);
  });

  test("they are old also where the table is rebuilt with other row numbers", async () => {
    const db = database(BROKEN);
    const up = `
      CREATE TABLE books_new (id INTEGER PRIMARY KEY, author INTEGER REFERENCES authors ON DELETE CASCADE, title TEXT);
      INSERT INTO books_new SELECT id + 100, author, title FROM books;
      DROP TABLE books;
      ALTER TABLE books_new RENAME TO books;`;
    expect((await migrateInTransaction(db, order(db, [{ name: "a", up }]))).warnings).toHaveLength(1);
  });

  test.each([
    ["the table", "ALTER TABLE books RENAME TO works"],
    ["its parent", "ALTER TABLE authors RENAME TO writers"],
    ["the column", "ALTER TABLE books RENAME COLUMN author TO writer"],
  ])("they are old also where %s is renamed", async (_, up) => {
    const db = database(BROKEN);
    expect((await migrateInTransaction(db, order(db, [{ name: "a", up }]))).warnings).toHaveLength(1);
  });

  test("a new one beside the old fails", async () => {
    const db = database(BROKEN);
    const before = contents(db);
    const up = "INSERT INTO books VALUES (10, 79, 'z');";
    const error = await failing(migrateInTransaction(db, order(db, [{ name: "a", up }])));
    expect(error.message).toContain("books(author) = [79] has no row in authors");
    expect(contents(db)).toEqual(before);
  });

  test("a second one with the value of an old one fails as well", async () => {
    const db = database(BROKEN);
    const up = "INSERT INTO books VALUES (10, 77, 'z');";
    const error = await failing(migrateInTransaction(db, order(db, [{ name: "a", up }])));
    expect(error.message).toContain("books(author) = [77]");
  });

  test("old ones that the migration mends are no hindrance", async () => {
    const db = database(BROKEN);
    await migrateInTransaction(db, order(db, [{ name: "a", up: "DELETE FROM books WHERE author > 70;" }]));
    expect(db.pragma("foreign_key_check")).toEqual([]);
  });

  test("what one migration breaks and a later one mends is no fault", async () => {
    const db = database(LIBRARY);
    const inputs = [
      { name: "a", up: "DELETE FROM authors WHERE id = 2;" },
      { name: "b", up: "UPDATE books SET author = 1 WHERE author = 2;" },
    ];
    const outcome = await migrateInTransaction(db, order(db, inputs));
    expect(outcome).toEqual({ applied: ["a", "b"], warnings: [] });
  });

  test("a declaration that only a later migration completes is no fault", async () => {
    const db = database(LIBRARY);
    const inputs = [
      { name: "a", up: "CREATE TABLE shelf (code TEXT); INSERT INTO shelf VALUES ('A1');" },
      { name: "b", up: "CREATE TABLE copy (shelf TEXT REFERENCES shelf (code)); INSERT INTO copy VALUES ('A1');" },
      { name: "c", up: "CREATE UNIQUE INDEX shelf_code ON shelf (code);" },
    ];
    const outcome = await migrateInTransaction(db, order(db, inputs));
    expect(outcome).toEqual({ applied: ["a", "b", "c"], warnings: [] });
  });

  test("a declaration that stays incomplete fails", async () => {
    const db = database(LIBRARY);
    const before = contents(db);
    const inputs = [
      { name: "a", up: "CREATE TABLE p (x);" },
      { name: "b", up: "CREATE TABLE c (y REFERENCES p (x)); INSERT INTO c VALUES (1);" },
      { name: "c", up: "CREATE TABLE d (z);" },
    ];
    const error = await failing(migrateInTransaction(db, order(db, inputs)));
    expect(error).toMatchObject({ code: "MIGRATION_FAILED", message: expect.stringContaining("foreign key mismatch") });
    expect(contents(db)).toEqual(before);
  });

  test("keys of several columns, texts and tables without row numbers", async () => {
    const db = database(`
      CREATE TABLE shelf (room TEXT, number INTEGER, PRIMARY KEY (room, number)) WITHOUT ROWID;
      CREATE TABLE copy (id INTEGER PRIMARY KEY, room TEXT, number INTEGER, FOREIGN KEY (room, number) REFERENCES shelf);`);
    const up = "INSERT INTO copy VALUES (1, 'it''s', 3);";
    const error = await failing(migrateInTransaction(db, order(db, [{ name: "a", up }])));
    expect(error.message).toContain(`copy(room,number) = ["it's",3] has no row in shelf`);
  });

  test("a declaration that cannot be checked is a warning, not a failure", async () => {
    const db = database("CREATE TABLE p (x); CREATE TABLE c (y REFERENCES p (x));");
    const outcome = await migrateInTransaction(db, order(db, [{ name: "a", up: "CREATE TABLE a (x);" }]));
    expect(outcome.warnings).toEqual([
      "The foreign keys could not be checked before the migrations ran, and were not compared after.",
    ]);
  });
});

describe("migrations that run without a transaction, on a copy", () => {
  const VACUUM = { name: "0002_vacuum", up: "VACUUM;", transaction: false };

  test("VACUUM runs, and ledger and stamp are written", async () => {
    const db = database("CREATE TABLE a (x);");
    const given = order(db, [{ name: "0001_b", up: "CREATE TABLE b (x);" }, VACUUM]);
    expect((await migrateCopy(db, given)).applied).toEqual(["0001_b", "0002_vacuum"]);
    const { ledger, stamp } = describeDatabase(db);
    expect(ledger.map((each) => each.name)).toEqual(["0001_b", "0002_vacuum"]);
    expect(stamp).toMatchObject({ appVersion: "1.3.0", layout: fingerprint(given.layout) });
  });

  test("VACUUM inside the shared transaction fails and says so", async () => {
    const db = database("CREATE TABLE a (x);");
    const error = await failing(migrateInTransaction(db, order(db, [VACUUM])));
    expect(error.message).toContain("cannot VACUUM from within a transaction");
    expect(describeDatabase(db)).toMatchObject({ stamp: null, ledger: [] });
  });

  test("they may begin and end transactions of their own", async () => {
    const db = database("CREATE TABLE a (x);");
    const up = "BEGIN; INSERT INTO a VALUES (1); COMMIT; BEGIN; INSERT INTO a VALUES (2); ROLLBACK;";
    await migrateCopy(db, order(db, [{ name: "a", up, transaction: false }]));
    expect(db.prepare("SELECT x FROM a").pluck().all()).toEqual([1]);
  });

  test("a transaction left open fails", async () => {
    const db = database("CREATE TABLE a (x);");
    const error = await failing(
      migrateCopy(db, order(db, [{ name: "a", up: "BEGIN; INSERT INTO a VALUES (1);", transaction: false }])),
    );
    expect(error.message).toContain("it began a transaction and left it open");
    expect(describeDatabase(db).stamp).toBeNull();
  });

  test("foreign keys are off, and new violations fail", async () => {
    const db = database(LIBRARY);
    db.pragma("foreign_keys = ON");
    const up = "DELETE FROM authors WHERE id = 2;";
    const error = await failing(migrateCopy(db, order(db, [{ name: "a", up, transaction: false }])));
    expect(error.message).toContain("books(author) = [2] has no row in authors");
    expect(describeDatabase(db).stamp).toBeNull();
  });
});

test("nothing pending: the stamp alone is written", async () => {
  const db = database(LIBRARY);
  const layout = findMigrations([{ name: "a", up: "" }]);
  expect(await migrateInTransaction(db, order(db, [], { layout }))).toEqual({ applied: [], warnings: [] });
  expect(describeDatabase(db).stamp?.layout).toBe(fingerprint(layout));
});

test("a rollback leaves no journal behind", async () => {
  const db = database(LIBRARY);
  await failing(migrateInTransaction(db, order(db, [{ name: "a", up: "CREATE TABLE a (x); nonsense;" }])));
  expect(existsSync(`${db.name}-journal`)).toBe(false);
});
