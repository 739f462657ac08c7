import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { type GuardOptions, guard } from "../../src/index.ts";
import { hashOf, MIGRATIONS, query, Workspace } from "../fixtures/workspace.ts";

const actions = (report: { actions: readonly { action: string }[] }) => report.actions.map((each) => each.action);

describe("a foreign database, guarded for the first time", () => {
  function foreign(app: Workspace): void {
    const db = new Database(app.path);
    db.exec(`CREATE TABLE artist (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
             CREATE TABLE album (id INTEGER PRIMARY KEY, artist_id INTEGER REFERENCES artist(id) ON DELETE CASCADE, title TEXT);
             CREATE INDEX album_by_artist ON album(artist_id);`);
    const artist = db.prepare("INSERT INTO artist (name) VALUES (?)");
    const album = db.prepare("INSERT INTO album (artist_id, title) VALUES (?, ?)");
    for (let i = 1; i <= 300; i++) {
      artist.run(`artist ${i}`);
      album.run(i, `album ${i}`);
    }
    db.close();
  }

  test("is checked, given a restore point, migrated, stamped and backed up", async () => {
    const app = new Workspace().release(2);
    foreign(app);
    const report = await app.launch("1.0.0");
    expect(report.found).toEqual({ state: "healthy", version: null, layout: "none" });
    expect(actions(report)).toEqual(["check", "back-up", "migrate", "stamp", "back-up"]);
    expect(app.kept()).toEqual(["library-unstamped.sqlite", "library-v1.0.0.sqlite"]);
    expect(query(app.path, (db) => db.prepare("SELECT count(*) FROM album").pluck().get())).toBe(300);
    const ids = ["library-unstamped.sqlite", "library-v1.0.0.sqlite"].map((file) =>
      query(join(app.backups, file), (db) => db.prepare("SELECT database_id FROM _holdfast_backup").pluck().get()),
    );
    expect(new Set(ids).size).toBe(1);
  });

  test("is only stamped when the application has no migrations", async () => {
    const app = new Workspace();
    foreign(app);
    const report = await app.launch("1.0.0", [], { migrations: false });
    expect(actions(report)).toEqual(["check", "stamp", "back-up"]);
  });

  test("whose adoption failed over and over keeps one restore point", async () => {
    const app = new Workspace().release({ "0001_bad.sql": "CREATE TABEL x (y);" });
    foreign(app);
    const before = hashOf(app.path);
    for (let i = 0; i < 3; i++) expect((await app.refusal("1.0.0")).code).toBe("MIGRATION_FAILED");
    expect(app.kept()).toEqual(["library-unstamped.sqlite"]);
    expect(hashOf(app.path)).toBe(before);
    await app.release(1).launch("1.0.0");
    expect(app.kept()).toEqual(["library-unstamped.sqlite", "library-v1.0.0.sqlite"]);
  });
});

describe("what is no corruption", () => {
  test("rows that break a CHECK, a NOT NULL or a foreign key are warnings", async () => {
    const app = new Workspace().release({
      "0001.sql":
        "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (x INTEGER CHECK (x > 0), y TEXT, p INTEGER REFERENCES p(id));",
    });
    await app.launch("1.0.0");
    query(app.path, (db) => {
      db.pragma("ignore_check_constraints = ON");
      db.pragma("foreign_keys = OFF");
      db.exec("INSERT INTO c VALUES (-1, 'y', 99)");
      db.exec("INSERT INTO c VALUES (1, NULL, 98)");
      db.unsafeMode(true);
      db.pragma("writable_schema = ON");
      db.exec("UPDATE sqlite_schema SET sql = replace(sql, 'y TEXT,', 'y TEXT NOT NULL,') WHERE name = 'c'");
    });
    const report = await app.launch("1.0.0");
    expect(report.outcome).toBe("opened");
    expect(report.warnings.join("\n")).toMatch(/CHECK constraint failed in c/);
    expect(report.warnings.join("\n")).toMatch(/2 rows without a parent: c → p/);
    expect(report.warnings.join("\n")).toMatch(/NULL value in c.y/);
  });

  test("a collation that only the application knows is refused as impossible, and works with an opener", async () => {
    const app = new Workspace().release(0);
    const opener = join(app.folder, "opener.mjs");
    const sqlite = pathToFileURL(join(process.cwd(), "node_modules/better-sqlite3/lib/index.js")).href;
    // better-sqlite3 has no collations; a function in an index is the same case.
    writeFileSync(
      opener,
      `import Database from ${JSON.stringify(sqlite)};
       export function open(path, mode) {
         const db = new Database(path, { readonly: mode === "readonly", fileMustExist: true });
         db.function("shout", { deterministic: true }, (text) => String(text).toUpperCase());
         return db;
       }`,
    );
    const db = new Database(app.path);
    db.function("shout", { deterministic: true }, (text) => String(text).toUpperCase());
    db.exec("CREATE TABLE t (x TEXT); CREATE INDEX i ON t (shout(x)); INSERT INTO t VALUES ('a')");
    db.close();
    const before = app.snapshot();
    expect((await app.refusal("1.0.0")).code).toBe("CHECK_IMPOSSIBLE");
    expect(app.snapshot()).toEqual(before);
    const report = await app.launch("1.0.0", [], {}, { opener: pathToFileURL(opener) });
    expect(actions(report)).toEqual(["check", "stamp", "back-up"]);
  });

  test("a schema written by a newer SQLite is refused as impossible", async () => {
    const app = new Workspace().release(1);
    await app.launch("1.0.0");
    query(app.path, (db) => {
      db.unsafeMode(true);
      db.pragma("journal_mode = DELETE");
      db.pragma("writable_schema = ON");
      db.exec(
        "UPDATE sqlite_schema SET sql = 'CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT NOT NULL) FUTURE' WHERE name = 'book'",
      );
    });
    const bytes = readFileSync(app.path);
    bytes.writeUInt32BE(9_000_000, 96);
    writeFileSync(app.path, bytes);
    const error = await app.refusal("1.0.0");
    expect(error.code).toBe("CHECK_IMPOSSIBLE");
    expect(error.message).toContain("SQLite 9.0.0 wrote it");
    expect(readFileSync(app.path)).toEqual(bytes);
  });

  test("a database path that is a folder", async () => {
    const app = new Workspace().release(1);
    mkdirSync(app.path);
    expect((await app.refusal("1.0.0")).code).toBe("IO_FAILED");
  });

  test.runIf(process.getuid?.() === 0)("a database that may not be read or written", async () => {
    const app = new Workspace().release(1);
    await app.launch("1.0.0");
    const { asNobody } = await import("../fixtures/as-nobody.ts");
    expect(await asNobody(app, 0o600)).toMatchObject({ code: "IO_FAILED" });
    expect(await asNobody(app, 0o644)).toMatchObject({ code: "DB_READ_ONLY" });
  });
});

describe("drift", () => {
  const released = { ...MIGRATIONS };
  test.each([
    [
      "an applied migration edited",
      { ...released, "0002_authors.sql": "CREATE TABLE author (id INTEGER);" },
      "0002_authors.sql",
    ],
    [
      "renamed",
      {
        "0001_books.sql": released["0001_books.sql"],
        "0002_writers.sql": released["0002_authors.sql"],
        "0003_progress.sql": released["0003_progress.sql"],
      },
      "0002_authors.sql",
    ],
    [
      "removed from the middle",
      { "0001_books.sql": released["0001_books.sql"], "0003_progress.sql": released["0003_progress.sql"] },
      "0002_authors.sql",
    ],
    ["inserted before applied ones", { ...released, "0000_first.sql": "CREATE TABLE x (y);" }, "0000_first.sql"],
    ["removed from the end, at the same version", { "0001_books.sql": released["0001_books.sql"] }, "0002_authors.sql"],
  ])("%s is named, and nothing is touched", async (_, migrations, name) => {
    const app = new Workspace().release(3);
    await app.launch("1.0.0", ["Emma"]);
    const before = app.snapshot();
    const error = await app.release(migrations as Record<string, string>).refusal("1.0.0");
    expect(error.code).toBe("MIGRATION_DRIFT");
    expect(error.message).toContain(name);
    expect(app.snapshot()).toEqual(before);
  });

  test("line endings changed by a checkout are none", async () => {
    const app = new Workspace().release({ "0001.sql": "CREATE TABLE a (x);\nCREATE TABLE b (x);\n" });
    await app.launch("1.0.0");
    const report = await app.release({ "0001.sql": "CREATE TABLE a (x);\r\nCREATE TABLE b (x);\r\n" }).launch("1.0.0");
    expect(report.found.layout).toBe("equal");
  });

  test.each<[string, object]>([
    ["a path", { path: "library\0.sqlite" }],
    ["a backup folder", { backupDir: "\0" }],
  ])("%s that no file system takes is a fault of the settings", async (_, settings) => {
    const error = await new Workspace().release(1).refusal("1.0.0", settings);
    expect(error.code).toBe("SETTINGS_INVALID");
    expect(error.message).toContain("must not hold the character U+0000");
  });

  test("a migrations folder that a bundle forgot is a fault of the settings, never a downgrade", async () => {
    const app = new Workspace().release(2);
    await app.launch("2.0.0");
    rmSync(app.migrations, { recursive: true });
    const error = await app.refusal("1.0.0");
    expect(error.code).toBe("SETTINGS_INVALID");
    expect(error.message).toContain(app.migrations);
  });
});

describe("migrations", () => {
  test("in code, as scripts and with a way down are applied and kept in the ledger", async () => {
    const app = new Workspace().release({
      "0001_a.up.sql": "CREATE TABLE a (x);",
      "0001_a.down.sql": "DROP TABLE a;",
      "0002_b.mjs":
        "export function up(db) { db.exec('CREATE TABLE b (x)'); db.prepare('INSERT INTO b VALUES (?)').run(7); }",
    });
    await app.launch("1.0.0");
    expect(
      query(app.path, (db) =>
        db.prepare("SELECT name, down_sql AS down FROM _holdfast_migrations ORDER BY position").all(),
      ),
    ).toEqual([
      { name: "0001_a.up.sql", down: "DROP TABLE a;" },
      { name: "0002_b.mjs", down: null },
    ]);
    const code = new Workspace();
    const migrations = [
      { name: "one", up: "CREATE TABLE a (x);" },
      { name: "two", up: (db: Database.Database) => db.exec("CREATE TABLE b (x)") },
    ];
    const report = await code.launch("1.0.0", [], {}, { migrations });
    expect(report.actions.find((each) => each.applied)?.applied).toEqual(["one", "two"]);
  });

  test("of an application with a migrator of its own obey the same rules", async () => {
    const app = new Workspace();
    const own = (steps: readonly string[], fail = false): Required<Pick<GuardOptions, "layout" | "migrate">> => ({
      layout: (db: Database.Database) => {
        const made = db.prepare("SELECT name FROM sqlite_schema WHERE name = 'own'").get();
        const applied = made ? (db.prepare("SELECT name FROM own ORDER BY rowid").pluck().all() as string[]) : [];
        const step = (name: string) => ({ name, checksum: name });
        return { applied: applied.map(step), known: steps.map(step) };
      },
      migrate: (db: Database.Database) => {
        db.exec("BEGIN; CREATE TABLE IF NOT EXISTS own (name TEXT)");
        const done = db.prepare("SELECT name FROM own").pluck().all();
        for (const step of steps.filter((each) => !done.includes(each)))
          db.exec(`CREATE TABLE ${step} (x); INSERT INTO own VALUES ('${step}')`);
        db.exec("COMMIT");
        if (fail) throw new Error("half-way");
      },
    });
    expect(actions(await app.launch("1.0.0", [], {}, own(["a"])))).toEqual(["create", "migrate", "stamp", "back-up"]);
    const before = hashOf(app.path);
    const failed = await app.refusal("2.0.0", {}, own(["a", "b"], true));
    expect(failed.code).toBe("MIGRATION_FAILED");
    expect(query(app.path, (db) => db.prepare("SELECT name FROM own").pluck().all())).toEqual(["a"]);
    expect(before).toBeDefined();
    expect(actions(await app.launch("2.0.0", [], {}, own(["a", "b"])))).toEqual([
      "check",
      "back-up",
      "migrate",
      "stamp",
      "back-up",
    ]);
    expect(actions(await app.launch("1.0.0", [], {}, own(["a"])))).toEqual(["restore", "demote", "back-up"]);
    expect((await app.refusal("1.0.0", {}, own(["c"]))).code).toBe("MIGRATION_DRIFT");
  });
});

describe("a read-only launch", () => {
  test("opens a database of equal layout and writes nothing", async () => {
    const app = new Workspace().release(1);
    await app.launch("1.0.0", ["Emma"]);
    query(app.path, (db) => db.pragma("journal_mode = DELETE"));
    const before = app.snapshot();
    const library = await app.guard("1.0.0", {}, { readonly: true });
    expect(library.db.prepare("SELECT title FROM book").pluck().all()).toEqual(["Emma"]);
    expect(() => library.db.exec("DELETE FROM book")).toThrow();
    expect((await library.backup).result).toBe("skipped");
    await library.close();
    expect(app.snapshot()).toEqual(before);
  });

  test.each([
    ["missing", (app: Workspace) => rmSync(app.path), "NOT_FOUND"],
    ["corrupt", (app: Workspace) => writeFileSync(app.path, "no database"), "DB_CORRUPT"],
    ["behind", (app: Workspace) => app.release(2), "DB_READ_ONLY"],
  ])("of a database that is %s is refused untouched", async (_, prepare, code) => {
    const app = new Workspace().release(1);
    await app.launch("1.0.0", ["Emma"]);
    prepare(app);
    const before = app.snapshot();
    expect((await app.refusal("1.0.0", {}, { readonly: true })).code).toBe(code);
    expect(app.snapshot()).toEqual(before);
  });
});

describe("a plan", () => {
  const launches: [string, (app: Workspace) => Promise<void>, string, string[]][] = [
    ["of a first launch", async () => {}, "would-open", ["create", "migrate", "stamp", "back-up"]],
    [
      "of a quiet launch",
      async (app: Workspace) => {
        await app.launch("1.0.0");
      },
      "would-open",
      [],
    ],
    [
      "of a launch after something was written",
      async (app: Workspace) => {
        await app.launch("1.0.0", ["Emma"]);
      },
      "would-open",
      ["back-up"],
    ],
    [
      "of an upgrade",
      async (app: Workspace) => {
        await app.launch("1.0.0");
        app.release(2);
      },
      "would-open",
      ["check", "back-up", "migrate", "stamp", "back-up"],
    ],
    [
      "of a corrupt database",
      async (app: Workspace) => {
        await app.launch("1.0.0");
        writeFileSync(app.path, "x");
      },
      "would-open",
      ["check", "salvage", "quarantine", "back-up"],
    ],
  ];
  test.each(launches)(
    "%s says what the launch would do, and changes nothing",
    async (_, prepare, outcome, expected) => {
      const app = new Workspace().release(1);
      await prepare(app);
      const before = app.snapshot();
      const report = await app.plan("1.0.0");
      expect(report.outcome).toBe(outcome);
      expect(actions(report)).toEqual(expected);
      expect(app.snapshot()).toEqual(before);
    },
  );

  test("of a launch that would be refused holds the refusal", async () => {
    const app = new Workspace().release(2);
    await app.launch("2.0.0");
    const report = await app.release(1).plan("1.0.0");
    expect(report.outcome).toBe("would-refuse");
    expect(report.error?.code).toBe("DOWNGRADE_WITHOUT_BACKUP");
  });
});

test("a launch that is aborted leaves the database and the folder as they were", async () => {
  const app = new Workspace().release(1);
  await app.launch("1.0.0", ["Emma"]);
  query(app.path, (db) => db.exec("INSERT INTO book (title) VALUES ('by another program')"));
  const before = app.snapshot();
  const controller = new AbortController();
  const launch = guard(app.settings(), {
    appVersion: "2.0.0",
    signal: controller.signal,
    onEvent: ({ kind }) => kind === "check" && controller.abort(new Error("the user gave up")),
  });
  await expect(launch).rejects.toMatchObject({ code: "ABORTED" });
  expect(app.snapshot()).toEqual(before);
  expect(app.temporaries()).toEqual([]);
});

test("what onEvent throws is swallowed", async () => {
  const app = new Workspace().release(1);
  const report = await app.launch(
    "1.0.0",
    [],
    {},
    {
      onEvent: () => {
        throw new Error("a progress bar failed");
      },
    },
  );
  expect(report.outcome).toBe("opened");
});

test("a settings file is read with its paths relative to it", async () => {
  const app = new Workspace().release(1);
  const file = join(app.folder, "settings.toml");
  writeFileSync(
    file,
    'theme = "dark"\ndb-path = "data/library.sqlite"\ndb-migrations = "migrations"\ndb-app-version = "1.0.0"\n',
  );
  const library = await guard(file);
  await library.close();
  expect(existsSync(join(app.folder, "data/library.sqlite"))).toBe(true);
  appendFileSync(file, "db-backup-retenton = 3\n");
  await expect(guard(file)).rejects.toMatchObject({
    code: "SETTINGS_INVALID",
    hint: "Did you mean db-backup-retention?",
  });
});

test("a launch that is aborted in the middle of a migration rolls it back", async () => {
  const app = new Workspace().release(1);
  await app.launch("1.0.0", ["Emma"]);
  const controller = new AbortController();
  const migrations = [
    { name: "0001_books.sql", up: MIGRATIONS["0001_books.sql"] },
    { name: "slow", up: (db: Database.Database) => void db.exec("DELETE FROM book") },
    { name: "never", up: () => Promise.reject(new Error("it ran")) },
  ];
  const options = {
    migrations,
    signal: controller.signal,
    onEvent: ({ message }: { message: string }) => message === "slow" && controller.abort(),
  };
  expect((await app.refusal("2.0.0", {}, options)).code).toBe("ABORTED");
  expect(app.titles()).toEqual(["Emma"]);
});

test("looking at a log that was left behind leaves no trace beside it", async () => {
  const app = new Workspace().release(1);
  await app.launch("1.0.0", ["Emma"]);
  const db = new Database(app.path);
  db.pragma("wal_autocheckpoint = 0");
  db.exec("INSERT INTO book (title) VALUES ('in the log')");
  const files = ["", "-wal"].map((ending) => [ending, readFileSync(app.path + ending)] as const);
  db.close();
  for (const [ending, bytes] of files) writeFileSync(app.path + ending, bytes);
  const before = app.snapshot();
  expect((await app.plan("1.0.0")).outcome).toBe("would-open");
  expect(app.snapshot()).toEqual(before);
  await app.launch("1.0.0");
  expect(app.titles()).toEqual(["Emma", "in the log"]);
});
