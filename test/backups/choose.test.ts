import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import {
  byRecency,
  databaseOf,
  idForUnstamped,
  isDeclaredCompatible,
  ownBackups,
  usability,
} from "../../src/backups/choose.ts";
import type { LedgerEntry } from "../../src/database/stamp.ts";
import { indexEntry } from "../fixtures/index-entry.ts";

const PATH = "/data/library.sqlite";
const filesOf = (entries: readonly { file: string }[]) => entries.map((entry) => entry.file);

describe("databaseOf: where the database of a backup stood", () => {
  test.each([
    ["../library.sqlite", "/data/backups", "/data/library.sqlite"],
    ["../library.sqlite", "/moved/backups", "/moved/library.sqlite"],
    ["../../other/library.sqlite", "/data/backups", "/other/library.sqlite"],
    ["/elsewhere/library.sqlite", "/data/backups", "/elsewhere/library.sqlite"],
  ])("%s, seen from %s", (databasePath, folder, path) => {
    expect(databaseOf(indexEntry({ databasePath }), folder)).toBe(resolve(path));
  });
});

describe("ownBackups: the backups that are this database's", () => {
  const ours = indexEntry({ file: "ours", databaseId: "a", databasePath: "../library.sqlite" });
  const moved = indexEntry({ file: "moved", databaseId: "a", databasePath: "../../before/library.sqlite" });
  const theirs = indexEntry({ file: "theirs", databaseId: "b", databasePath: "../../other/library.sqlite" });
  const replaced = indexEntry({ file: "replaced", databaseId: "b", databasePath: "../library.sqlite" });
  const otherName = indexEntry({ file: "other name", databaseId: "d", databasePath: "../archive.sqlite" });
  const all = [ours, moved, theirs, replaced, otherName];

  test.each<[string, { id: string | null; path?: string }, string[], string[]]>([
    ["its id is known: those of the id, wherever they were taken", { id: "a" }, [], ["ours", "moved"]],
    ["its id is known: not those of another id from the same path", { id: "b" }, [], ["theirs", "replaced"]],
    ["its id is known and none has it", { id: "z" }, [], []],
    [
      "its id cannot be read: those of the same path or file name",
      { id: null },
      [],
      ["ours", "moved", "theirs", "replaced"],
    ],
    [
      "its id cannot be read: not those whose own database still stands elsewhere",
      { id: null },
      ["/other/library.sqlite", "/before/library.sqlite"],
      ["ours", "replaced"],
    ],
    [
      "a file at its own recorded path is itself, not another",
      { id: null },
      [PATH],
      ["ours", "moved", "theirs", "replaced"],
    ],
    ["its id cannot be read and nothing has its name", { id: null, path: "/data/new.sqlite" }, [], []],
    ["a longer name that ends alike is another", { id: null, path: "/data/my-library.sqlite" }, [], []],
  ])("%s", (_, { id, path = PATH }, alive, expected) => {
    const owner = { id, path: resolve(path), backupsFolder: resolve("/data/backups") };
    expect(filesOf(ownBackups(all, owner, new Set(alive.map((each) => resolve(each)))))).toEqual(expected);
  });

  test("a folder that was copied as a whole has backups of its own", () => {
    const copy = { id: null, path: resolve("/copy/library.sqlite"), backupsFolder: resolve("/copy/backups") };
    expect(filesOf(ownBackups([ours], copy, new Set([resolve(PATH)])))).toEqual(["ours"]);
  });
});

describe("byRecency: the newest first", () => {
  test.each([
    [
      "by sequence, whatever the clock and the versions say",
      [
        { file: "1", sequence: 1, version: "9.0.0", createdAt: "2030-01-01T00:00:00.000Z" },
        { file: "12", sequence: 12, version: "1.0.0", createdAt: "2020-01-01T00:00:00.000Z" },
        { file: "3", sequence: 3, version: "2.0.0", createdAt: "2025-01-01T00:00:00.000Z" },
      ],
      ["12", "3", "1"],
    ],
    [
      "then by time",
      [
        { file: "noon", createdAt: "2026-11-21T12:00:00.000Z" },
        { file: "one", createdAt: "2026-11-21T13:00:00.000Z" },
        { file: "dawn", createdAt: "2026-11-21T05:00:00.000Z" },
      ],
      ["one", "noon", "dawn"],
    ],
    [
      "then by name, so that the order is always the same",
      [{ file: "a" }, { file: "c" }, { file: "b" }],
      ["c", "b", "a"],
    ],
  ])("%s", (_, entries, order) => {
    expect(filesOf(entries.map(indexEntry).sort(byRecency))).toEqual(order);
  });
});

const step = (name: string, compatibleSince: string | null = null): LedgerEntry => ({
  name,
  checksum: `sha256:${name}`,
  compatibleSince,
  appliedAt: "",
  appVersion: "1.0.0",
  down: null,
});
const [A, B, C] = [step("a"), step("b"), step("c")];

describe("usability: whether this app can use what a backup holds", () => {
  test.each([
    ["equal", [A, B], [A, B], { usable: true, relation: "equal" }],
    ["behind: it is migrated after the restore", [A], [A, B], { usable: true, relation: "behind" }],
    ["nothing applied yet", [], [A, B], { usable: true, relation: "behind" }],
    ["ahead", [A, B, C], [A, B], { usable: false, relation: "ahead" }],
    ["ahead and declared compatible", [A, B, step("c", "1.2.0")], [A, B], { usable: true, relation: "ahead" }],
    ["ahead and declared for later versions", [A, B, step("c", "1.2.1")], [A, B], { usable: false, relation: "ahead" }],
    ["diverged", [A, C], [A, B], { usable: false, relation: "diverged" }],
    ["diverged, whatever is declared", [A, step("c", "1.0.0")], [A, B], { usable: false, relation: "diverged" }],
  ] as const)("%s", (_, ledger, app, expected) => {
    expect(usability(ledger, app, "1.2.0")).toEqual(expected);
  });
});

describe("isDeclaredCompatible: every migration beyond the app's must say so", () => {
  test.each([
    ["none beyond", [A, B], "1.0.0", true],
    ["one, from this very version on", [A, B, step("c", "1.2.0")], "1.2.0", true],
    ["one, from an earlier version on", [A, B, step("c", "1.2.0")], "1.10.0", true],
    ["one, from a later version on", [A, B, step("c", "1.10.0")], "1.2.0", false],
    ["one that says nothing", [A, B, C], "1.2.0", false],
    ["two, and the second says nothing", [A, B, step("c", "1.0.0"), step("d")], "1.2.0", false],
    ["two, and both say so", [A, B, step("c", "1.0.0"), step("d", "1.1.0")], "1.2.0", true],
    ["what the app knows itself need not say anything", [A, B, step("c", "1.0.0")], "1.0.0", true],
    ["a prerelease is below its release", [A, B, step("c", "1.2.0")], "1.2.0-beta.1", false],
  ] as const)("%s", (_, ledger, version, expected) => {
    expect(isDeclaredCompatible(ledger, [A, B], version)).toBe(expected);
  });
});

describe("idForUnstamped: the id that a database without a stamp is known by", () => {
  const left = indexEntry({ version: null, databaseId: "left", sequence: 5 });
  test.each([
    ["no backup of it", [], null],
    ["a restore point that an unfinished adoption left: its id again", [left], "left"],
    ["the newest of several", [indexEntry({ version: null, databaseId: "older", sequence: 4 }), left], "left"],
    [
      "its adoption was finished, for a stamped backup has the id: the file is another database",
      [left, indexEntry({ version: "1.0.0", databaseId: "left", sequence: 6 })],
      null,
    ],
    [
      "another database's stamped backup finishes nothing",
      [left, indexEntry({ version: "1.0.0", databaseId: "another", sequence: 6 })],
      "left",
    ],
    ["taken from another path", [indexEntry({ ...left, databasePath: "../../other/library.sqlite" })], null],
    ["stamped backups alone", [indexEntry({ version: "1.0.0" })], null],
  ])("%s", (_, backups, id) => {
    const database = { path: resolve(PATH), backupsFolder: resolve("/data/backups") };
    expect(idForUnstamped(backups, database)).toBe(id);
  });
});
