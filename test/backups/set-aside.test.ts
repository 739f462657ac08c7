import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { freeName, judgeQuarantine, removeQuarantined } from "../../src/backups/set-aside.ts";
import type { SetAside } from "../../src/backups/survey.ts";
import { type Places, placesOf } from "../../src/places.ts";
import { scratchFolder } from "../fixtures/scratch-folder.ts";

describe("freeName: a name that nothing has", () => {
  const NAME = "library-v1.4.0-demoted";
  test.each<[string, string[], string]>([
    ["nothing is there", [], "library-v1.4.0-demoted.sqlite"],
    ["the name is taken", [`${NAME}.sqlite`], "library-v1.4.0-demoted-2.sqlite"],
    ["two are taken", [`${NAME}.sqlite`, `${NAME}-2.sqlite`], "library-v1.4.0-demoted-3.sqlite"],
    ["a gap is filled", [`${NAME}.sqlite`, `${NAME}-3.sqlite`], "library-v1.4.0-demoted-2.sqlite"],
    ["only its log's name is taken", [`${NAME}.sqlite-wal`], "library-v1.4.0-demoted-2.sqlite"],
    ["only its shared memory's name is taken", [`${NAME}.sqlite-shm`], "library-v1.4.0-demoted-2.sqlite"],
    ["only its journal's name is taken", [`${NAME}.sqlite-journal`], "library-v1.4.0-demoted-2.sqlite"],
    ["only its checksum's name is taken", [`${NAME}.sqlite.sha256`], "library-v1.4.0-demoted-2.sqlite"],
    ["the second's log is taken", [`${NAME}.sqlite`, `${NAME}-2.sqlite-wal`], "library-v1.4.0-demoted-3.sqlite"],
    ["another version's does not matter", ["library-v1.5.0-demoted.sqlite"], "library-v1.4.0-demoted.sqlite"],
  ])("%s", (_, taken, expected) => {
    const folder = scratchFolder();
    for (const name of taken) writeFileSync(join(folder, name), "");
    expect(freeName(folder, NAME)).toBe(join(folder, expected));
  });

  test("a folder and a link that leads nowhere take a name too", () => {
    const folder = scratchFolder();
    mkdirSync(join(folder, `${NAME}.sqlite`));
    symlinkSync(join(folder, "nowhere"), join(folder, `${NAME}-2.sqlite`));
    expect(freeName(folder, NAME)).toBe(join(folder, `${NAME}-3.sqlite`));
  });
});

/** A quarantined database, or sidecars alone, with what its files hold. */
interface Kept {
  readonly file: string;
  readonly kind?: SetAside["kind"];
  readonly holds: Readonly<Record<string, string>>;
}

function quarantine(...kept: readonly Kept[]): { places: Places; setAside: SetAside[] } {
  const folder = scratchFolder();
  const setAside = kept.map(({ file, kind = "quarantined", holds }): SetAside => {
    for (const [ending, content] of Object.entries(holds)) writeFileSync(join(folder, file + ending), content);
    const files = Object.keys(holds).map((ending) => file + ending);
    return { kind, file, version: null, files, size: 0, at: "2026-11-21T10:15:00.000Z" };
  });
  return { places: placesOf(join(folder, "library.sqlite"), folder), setAside };
}

const at = (time: string, n = "") => `library-202611${time}Z-corrupt${n}.sqlite`;
const database = (file: string, content = file): Kept => ({ file, holds: { "": content } });

/** What goes, and why. */
function trim(places: Places, setAside: readonly SetAside[], limit: number): { file: string; reason: string }[] {
  const judged = judgeQuarantine(places, setAside, limit);
  removeQuarantined(places, judged);
  return judged.filter(({ keep }) => !keep).map(({ set, reason }) => ({ file: set.file, reason }));
}

describe("judgeQuarantine: the newest are kept", () => {
  test.each<[string, Kept[], number, string[]]>([
    ["as many as the limit", [database(at("21T101500")), database(at("22T101500"))], 2, []],
    [
      "the oldest goes first",
      [database(at("22T101500")), database(at("20T101500")), database(at("21T101500"))],
      2,
      [at("20T101500")],
    ],
    ["0 keeps none", [database(at("20T101500")), database(at("21T101500"))], 0, [at("21T101500"), at("20T101500")]],
    [
      "a second one of the same second is the newer",
      [database(at("20T101500")), database(at("20T101500", "-2"))],
      1,
      [at("20T101500")],
    ],
    [
      "the tenth of the same second is newer than the second",
      [database(at("20T101500", "-2")), database(at("20T101500", "-10"))],
      1,
      [at("20T101500", "-2")],
    ],
    [
      "a demoted database is never removed",
      [{ file: "library-v1.4.0-demoted.sqlite", kind: "demoted", holds: { "": "x" } }, database(at("20T101500"))],
      0,
      [at("20T101500")],
    ],
    [
      "sidecars set aside alone are counted for themselves",
      [
        database(at("20T101500")),
        { file: at("21T101500"), holds: { "-wal": "log" } },
        { file: at("22T101500"), holds: { "-wal": "another log" } },
      ],
      1,
      [at("21T101500")],
    ],
    ["nothing is there", [], 3, []],
  ])("%s", (_, kept, limit, removed) => {
    const { places, setAside } = quarantine(...kept);
    const trimmed = trim(places, setAside, limit);
    expect(trimmed.map((each) => each.file)).toEqual(removed);
    const stay = kept.filter((each) => !removed.includes(each.file));
    expect(readdirSync(places.backups).sort()).toEqual(
      stay.flatMap((each) => Object.keys(each.holds).map((ending) => each.file + ending)).sort(),
    );
    for (const each of trimmed) expect(each.reason).toBe(`beyond the ${limit} that db-quarantine-retention keeps`);
  });

  test("a database goes with its sidecars", () => {
    const { places, setAside } = quarantine(
      { file: at("20T101500"), holds: { "": "old", "-wal": "log", "-shm": "memory" } },
      { file: at("21T101500"), holds: { "": "new", "-wal": "log" } },
    );
    expect(trim(places, setAside, 1)).toHaveLength(1);
    expect(readdirSync(places.backups).sort()).toEqual([at("21T101500"), `${at("21T101500")}-wal`]);
  });

  test("files that are not quarantined are left alone", () => {
    const { places, setAside } = quarantine(database(at("20T101500")));
    writeFileSync(join(places.backups, "library-v1.2.0.sqlite"), "a backup");
    writeFileSync(join(places.backups, "notes.txt"), "a person's");
    trim(places, setAside, 0);
    expect(readdirSync(places.backups).sort()).toEqual(["library-v1.2.0.sqlite", "notes.txt"]);
  });
});

describe("judgeQuarantine: identical bytes are kept once", () => {
  test("the newest of them stays, and the older name it", () => {
    const { places, setAside } = quarantine(
      database(at("20T101500"), "same"),
      database(at("21T101500"), "same"),
      database(at("22T101500"), "other"),
    );
    expect(trim(places, setAside, 3)).toEqual([
      { file: at("20T101500"), reason: `the same bytes as ${at("21T101500")}` },
    ]);
    expect(existsSync(join(places.backups, at("21T101500")))).toBe(true);
  });

  test("a duplicate takes no place from another", () => {
    const { places, setAside } = quarantine(
      database(at("20T101500"), "first"),
      database(at("21T101500"), "crash loop"),
      database(at("22T101500"), "crash loop"),
      database(at("23T101500"), "crash loop"),
    );
    expect(trim(places, setAside, 2)).toEqual([
      { file: at("22T101500"), reason: `the same bytes as ${at("23T101500")}` },
      { file: at("21T101500"), reason: `the same bytes as ${at("23T101500")}` },
    ]);
    expect(readdirSync(places.backups)).toEqual([at("20T101500"), at("23T101500")]);
  });

  test("the same size is not the same bytes", () => {
    const { places, setAside } = quarantine(database(at("20T101500"), "abc"), database(at("21T101500"), "abd"));
    expect(trim(places, setAside, 3)).toEqual([]);
  });

  test("the same database with another log is another", () => {
    const { places, setAside } = quarantine(
      { file: at("20T101500"), holds: { "": "same", "-wal": "log 1" } },
      { file: at("21T101500"), holds: { "": "same", "-wal": "log 2" } },
      { file: at("22T101500"), holds: { "": "same" } },
    );
    expect(trim(places, setAside, 3)).toEqual([]);
  });

  test("bytes of a log and of a database are not confused", () => {
    const { places, setAside } = quarantine(
      { file: at("20T101500"), holds: { "": "same" } },
      { file: at("21T101500"), holds: { "-wal": "same" } },
    );
    expect(trim(places, setAside, 3)).toEqual([]);
  });
});
