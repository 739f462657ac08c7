import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import {
  backupName,
  demotedName,
  isTemporaryOf,
  numberedNames,
  placesOf,
  quarantineName,
  readName,
  temporaryIn,
} from "../src/places.ts";

const DATA = resolve("/data");
const LIBRARY = placesOf(join(DATA, "library.sqlite"), undefined);

describe("where everything is", () => {
  test("beside the database, and in backups beside it", () => {
    expect(LIBRARY).toMatchObject({
      database: join(DATA, "library.sqlite"),
      folder: DATA,
      stem: "library",
      backups: join(DATA, "backups"),
      lock: join(DATA, ".library-lock.sqlite"),
      index: join(DATA, "backups", ".library-db-index.toml"),
      intent: join(DATA, "backups", ".library-db-intent.toml"),
    });
  });

  test("in the backup folder of the settings; the lock stays beside the database", () => {
    const places = placesOf(join(DATA, "library.sqlite"), resolve("/mnt/safe"));
    expect(places).toMatchObject({
      backups: resolve("/mnt/safe"),
      lock: join(DATA, ".library-lock.sqlite"),
      index: join(resolve("/mnt/safe"), ".library-db-index.toml"),
      intent: join(resolve("/mnt/safe"), ".library-db-intent.toml"),
    });
  });

  test.each([
    ["library.sqlite", "library"],
    ["library.db", "library"],
    ["library", "library"],
    ["my.reading.list.sqlite3", "my.reading.list"],
    ["Größe 本.sqlite", "Größe 本"],
    [".hidden.sqlite", ".hidden"],
  ])("the stem of %s is %s", (file, stem) => {
    expect(placesOf(join(DATA, file), undefined).stem).toBe(stem);
  });

  test("databases side by side have locks and temporaries of their own", () => {
    const names = [
      "library.sqlite",
      "library.db",
      "library",
      "library.sqlite3",
      "library.sqlite.sqlite",
      "archive.sqlite",
    ];
    const all = names.map((name) => placesOf(join(DATA, name), undefined));
    expect(new Set(all.map((each) => each.lock)).size).toBe(names.length);
    expect(new Set(all.map((each) => each.temporaryPrefix)).size).toBe(names.length);
  });

  test("databases of one name in two folders, with one backup folder, have temporaries of their own", () => {
    const shared = resolve("/mnt/safe");
    const [a, b] = ["/a", "/b"].map((folder) => placesOf(join(resolve(folder), "library.sqlite"), shared));
    expect(a?.temporaryPrefix).not.toBe(b?.temporaryPrefix);
  });

  test("no name is another's: lock, index, its lock, intent, database", () => {
    const places = placesOf(join(DATA, "library.sqlite"), DATA);
    const names = [places.database, places.lock, places.index, places.indexLock, places.intent];
    expect(new Set(names).size).toBe(names.length);
  });
});

describe("temporaries", () => {
  test("are new each time, in the folder asked for, and known as this database's", () => {
    const made = Array.from({ length: 50 }, () => temporaryIn(DATA, LIBRARY, "backup"));
    expect(new Set(made).size).toBe(50);
    for (const file of made) {
      expect(file.startsWith(DATA)).toBe(true);
      expect(isTemporaryOf(LIBRARY, file.slice(DATA.length + 1))).toBe(true);
    }
  });

  const name = temporaryIn(DATA, LIBRARY, "look").slice(DATA.length + 1);
  test.each([`${name}-wal`, `${name}-shm`, `${name}-journal`, `${name}-copy`, `${name}-copy-journal`])(
    "so is what stands beside one: …%#",
    (file) => {
      expect(isTemporaryOf(LIBRARY, file)).toBe(true);
    },
  );

  test.each([
    ["the database", "library.sqlite"],
    ["a log", "library.sqlite-wal"],
    ["a backup", "library-v1.2.0.sqlite"],
    ["the lock", ".library-lock.sqlite"],
    ["the index", ".library-db-index.toml"],
    ["a file that only begins alike", `${name}.bak`],
    [
      "another database's temporary",
      temporaryIn(DATA, placesOf(join(DATA, "library.db"), undefined), "look").slice(DATA.length + 1),
    ],
    ["a person's temporary", ".library-notes.tmp"],
  ])("%s is none", (_, file) => {
    expect(isTemporaryOf(LIBRARY, file)).toBe(false);
  });
});

describe("names in the backup folder", () => {
  test.each([
    [backupName("library", "1.2.0"), "library-v1.2.0"],
    [backupName("library", null), "library-unstamped"],
    [demotedName("library", "1.4.0"), "library-v1.4.0-demoted"],
    [demotedName("library", null), "library-unstamped-demoted"],
    [quarantineName("library", "2026-11-21T10:15:00.123Z"), "library-20261121T101500Z-corrupt"],
    [quarantineName("library", "2026-11-21T10:15:00Z"), "library-20261121T101500Z-corrupt"],
  ])("%s", (name, expected) => {
    expect(name).toBe(expected);
  });

  test("numbers begin at 2 and do not end", () => {
    const names = numberedNames("x");
    expect([1, 2, 3, 4].map(() => names.next().value)).toEqual(["x.sqlite", "x-2.sqlite", "x-3.sqlite", "x-4.sqlite"]);
  });

  test.each<[string, ReturnType<typeof readName>]>([
    ["library-v1.2.0.sqlite", { kind: "backup", version: "1.2.0", sidecar: false }],
    ["library-v1.2.0-2.sqlite", { kind: "backup", version: "1.2.0", sidecar: false }],
    ["library-v1.2.0-beta.1.sqlite", { kind: "backup", version: "1.2.0-beta.1", sidecar: false }],
    ["library-v1.2.0+build.5.sqlite", { kind: "backup", version: "1.2.0+build.5", sidecar: false }],
    ["library-unstamped.sqlite", { kind: "backup", version: null, sidecar: false }],
    ["library-unstamped-3.sqlite", { kind: "backup", version: null, sidecar: false }],
    ["library-v1.2.0.sqlite-wal", { kind: "backup", version: "1.2.0", sidecar: true }],
    ["library-20261121T101500Z-corrupt.sqlite-backup", { kind: "quarantined", version: null, sidecar: true }],
    ["library-v1.4.0-demoted.sqlite", { kind: "demoted", version: "1.4.0", sidecar: false }],
    ["library-v1.4.0-demoted-2.sqlite", { kind: "demoted", version: "1.4.0", sidecar: false }],
    ["library-v1.4.0-rc.1-demoted.sqlite", { kind: "demoted", version: "1.4.0-rc.1", sidecar: false }],
    ["library-unstamped-demoted.sqlite", { kind: "demoted", version: null, sidecar: false }],
    ["library-v1.4.0-demoted.sqlite-journal", { kind: "demoted", version: "1.4.0", sidecar: true }],
    ["library-20261121T101500Z-corrupt.sqlite", { kind: "quarantined", version: null, sidecar: false }],
    ["library-20261121T101500Z-corrupt-2.sqlite", { kind: "quarantined", version: null, sidecar: false }],
    ["library-20261121T101500Z-corrupt.sqlite-shm", { kind: "quarantined", version: null, sidecar: true }],
    ["library.sqlite", null],
    ["library-notes.sqlite", null],
    ["library-v1.2.0.sqlite.sha256", null],
    ["library-v1.2.0.db", null],
    ["archive-v1.2.0.sqlite", null],
    ["librarian-v1.2.0.sqlite", null],
    [".library-lock.sqlite", null],
    ["library-2026-corrupt.sqlite", null],
    ["library-20261121T101500Z-corrupt-copy.sqlite", null],
  ])("%s is read as %j", (file, expected) => {
    expect(readName("library", file)).toEqual(expected);
  });

  test.each(["1.2.0", "1.2.0-beta.1", "1.2.0-rc.1+exp.sha.5114f85", "0.0.0", "10.20.30", "1.0.0-x-y-z.4"])(
    "what is made for version %s is read back",
    (version) => {
      for (const [made, kind] of [
        [backupName("library", version), "backup"],
        [demotedName("library", version), "demoted"],
      ] as const) {
        for (const file of [`${made}.sqlite`, `${made}-2.sqlite`]) {
          expect(readName("library", file)).toEqual({ kind, version, sidecar: false });
        }
      }
    },
  );
});
