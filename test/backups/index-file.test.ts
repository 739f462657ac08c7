import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { parse } from "smol-toml";
import { describe, expect, test } from "vitest";
import {
  EMPTY_INDEX,
  type Index,
  isPlainName,
  readIndex,
  setIndexAside,
  withIndexLock,
  writeIndex,
} from "../../src/backups/index-file.ts";
import { unfitName } from "../../src/backups/verify.ts";
import { type Places, placesOf } from "../../src/places.ts";
import { indexEntry } from "../fixtures/index-entry.ts";
import { scratchFolder } from "../fixtures/scratch-folder.ts";

function backupFolder(): Places {
  const folder = scratchFolder();
  return placesOf(join(folder, "library.sqlite"), folder);
}

const FULL: Index = {
  entries: [
    indexEntry({ version: "1.2.0", sequence: 17, reason: "restore-point" }),
    indexEntry({
      version: null,
      sequence: 18,
      label: 'Ann\'s "last" good one \u2013 \\ \u{1F4DA}\nsecond line',
      reason: "manual",
      source: { ino: "18446744073709551615", size: "1007616", mtime: "1795256100123456789" },
    }),
    indexEntry({ version: "1.3.0-beta.1+5", sequence: 19, sha256: null, verifiedAt: null, reason: "scheduled" }),
  ],
  restores: [{ databaseId: "library-id", at: "2026-11-21T10:15:00.123Z", file: "library-v1.2.0.sqlite" }],
};

describe("round trip", () => {
  test.each<[string, Index]>([
    ["entries with every field, and restores", FULL],
    ["no entries", EMPTY_INDEX],
    ["entries alone", { ...FULL, restores: [] }],
    ["restores alone", { ...FULL, entries: [] }],
  ])("%s", (_, index) => {
    const places = backupFolder();
    writeIndex(places, index);
    expect(readIndex(places)).toEqual({ index, problem: null });
  });

  test("is the same whatever the order in which an entry was put together", () => {
    const places = backupFolder();
    const backwards = (entry: object) => Object.fromEntries(Object.entries(entry).reverse());
    writeIndex(places, {
      entries: FULL.entries.map((entry) => backwards({ ...entry, source: entry.source && backwards(entry.source) })),
      restores: FULL.restores.map(backwards),
    } as unknown as Index);
    expect(readIndex(places)).toEqual({ index: FULL, problem: null });
  });

  test("is TOML that any reader understands, with times as datetimes in UTC", () => {
    const places = backupFolder();
    writeIndex(places, { entries: [indexEntry({ sequence: 17, size: 1007616 })], restores: [] });
    const text = readFileSync(places.index, "utf8");
    expect(text).toMatch(/^\[\[entries\]\]$/m);
    expect(text).toMatch(/^created_at = 2026-11-21T10:15:00.000Z$/m);
    expect(parse(text)).toMatchObject({
      entries: [
        { version: "1.2.0", file: "library-v1.2.0.sqlite", sequence: 17, size: 1007616, sha256: "a".repeat(64) },
      ],
    });
  });

  test("is replaced as a whole, is private and leaves no temporary", () => {
    const places = backupFolder();
    writeIndex(places, FULL);
    writeIndex(places, EMPTY_INDEX);
    expect(readIndex(places).index).toEqual(EMPTY_INDEX);
    expect(readdirSync(places.backups)).toEqual([".library-db-index.toml"]);
    expect(statSync(places.index).mode & 0o777).toBe(process.platform === "win32" ? 0o666 : 0o600);
  });
});

describe("an index that cannot be used", () => {
  test("there is none", () => {
    expect(readIndex(backupFolder())).toEqual({
      index: EMPTY_INDEX,
      problem: { kind: "missing", why: "there is no index" },
    });
  });

  test("there is not even a folder", () => {
    const places = placesOf("/data/library.sqlite", join(scratchFolder(), "none"));
    expect(readIndex(places).problem?.kind).toBe("missing");
  });

  const written = (): string => {
    const places = backupFolder();
    writeIndex(places, FULL);
    return readFileSync(places.index, "utf8");
  };
  const line = (text: string, key: string, value: string) =>
    text.replace(new RegExp(`^${key} = .*$`, "m"), `${key} = ${value}`);

  test.each<[string, (text: string) => string | Buffer, RegExp]>([
    ["empty", () => "", /digest/],
    ["torn in the middle", (text) => text.slice(0, text.length / 2), /./],
    [
      "torn at the end of an entry",
      (text) => text.slice(0, text.lastIndexOf("[[entries]]")),
      /changed by another hand/,
    ],
    ["random bytes", () => Buffer.from(Array.from({ length: 512 }, (_, n) => (n * 151 + 7) % 256)), /./],
    ["all zeros, as after a power loss", (text) => Buffer.alloc(text.length), /./],
    ["a version changed", (text) => line(text, "version", '"9.9.9"'), /changed by another hand/],
    ["a file changed", (text) => line(text, "file", '"library-v9.9.9.sqlite"'), /changed by another hand/],
    ["a checksum changed", (text) => line(text, "sha256", `"${"f".repeat(64)}"`), /changed by another hand/],
    ["a sequence raised", (text) => line(text, "sequence", "99"), /changed by another hand/],
    ["a time changed", (text) => line(text, "created_at", "2030-01-01T00:00:00.000Z"), /changed by another hand/],
    ["a restore taken out", (text) => text.replace(/\[\[restores\]\][^[]*/, ""), /changed by another hand/],
    ["the digest taken out", (text) => text.replace(/^digest = .*$/m, ""), /digest/],
    ["the digest changed", (text) => line(text, "digest", '"sha256:0"'), /changed by another hand/],
    ["a field taken out", (text) => text.replace(/^size = .*$/m, ""), /./],
    ["a number written as text", (text) => line(text, "sequence", '"17"'), /./],
    ["a negative sequence", (text) => line(text, "sequence", "-1"), /./],
    ["a time written as text", (text) => line(text, "created_at", '"2026-11-21T10:15:00.000Z"'), /./],
    ["a time that is none", (text) => line(text, "created_at", "2026-02-31T10:15:00.000Z"), /./],
    ["a reason that is none", (text) => line(text, "reason", '"whim"'), /./],
    ["a checksum of the wrong length", (text) => line(text, "sha256", '"abc"'), /./],
    ["a key twice", (text) => `${text}\nsequence = 3\n`, /./],
    ["entries that are no list", () => 'digest = "sha256:0"\nentries = 3\n', /./],
    ["huge", (text) => `${text}# ${"x".repeat(2_000_000)}\n`, /it has \d+ bytes, where 1048576 are the most/],
    ["a version that is none", (text) => line(text, "version", '"1.2.0/../x"'), /no version/],
    ["a sequence with no room above it", (text) => line(text, "sequence", "9007199254740991"), /no sequence number/],
  ])("%s: nothing of it is believed", (_, damage, why) => {
    const places = backupFolder();
    writeFileSync(places.index, damage(written()));
    const { index, problem } = readIndex(places);
    expect(index).toEqual(EMPTY_INDEX);
    expect(problem?.kind).toBe("damaged");
    expect(problem?.why).toMatch(why);
    expect(problem?.why).not.toContain("\n");
  });

  test("comments and blank lines are no change", () => {
    const places = backupFolder();
    writeFileSync(places.index, `\n# looked at by a person\n${written()}\n\n`);
    expect(readIndex(places)).toEqual({ index: FULL, problem: null });
  });

  test("a folder in its place", () => {
    const places = backupFolder();
    mkdirSync(places.index);
    expect(readIndex(places)).toMatchObject({ index: EMPTY_INDEX, problem: { kind: "damaged" } });
  });

  test("is kept under one name for a person to look at", () => {
    const places = backupFolder();
    writeFileSync(places.index, "damaged");
    const aside = setIndexAside(places);
    expect(aside).toBe(join(places.backups, ".library-db-index-damaged.toml"));
    expect(readFileSync(aside, "utf8")).toBe("damaged");
    expect(existsSync(places.index)).toBe(false);
    writeFileSync(places.index, "damaged again");
    expect(setIndexAside(places)).toBe(aside);
    expect(readFileSync(aside, "utf8")).toBe("damaged again");
  });
});

describe("plain names", () => {
  test.each([
    "library-v1.2.0.sqlite",
    "library-v1.2.0-beta.1+5.sqlite",
    "library-unstamped.sqlite",
    "Größe – 本.sqlite",
    "my library (2).sqlite",
    "_",
    "console.sqlite",
    "com.sqlite",
    "com10.sqlite",
    "nul-2.sqlite",
    "auxiliary",
    "..a".slice(2),
  ])("%j is one", (name) => {
    expect(isPlainName(name)).toBe(true);
  });

  test.each([
    "",
    ".",
    "..",
    "../library-v1.2.0.sqlite",
    "sub/library.sqlite",
    "sub\\library.sqlite",
    "/etc/passwd",
    "\\\\server\\share\\x.sqlite",
    "C:library.sqlite",
    "library.sqlite:stream",
    ".hidden.sqlite",
    "a\u0000b.sqlite",
    "a\nb.sqlite",
    "a\u007fb",
    "a?b.sqlite",
    "a*b.sqlite",
    'a"b.sqlite',
    "a<b>.sqlite",
    "a|b.sqlite",
    "library.sqlite.",
    "library.sqlite ",
    "CON",
    "con.sqlite",
    "Prn.txt",
    "AUX",
    "nul",
    "NUL.tar.gz",
    "COM1",
    "com9.sqlite",
    "lpt1.sqlite",
    "LPT9",
    "COM\u00b9.sqlite",
    "lpt\u00b3",
  ])("%j is none", (name) => {
    expect(isPlainName(name)).toBe(false);
  });
});

describe("what an entry may point to", () => {
  test("a regular file of a plain name", () => {
    const folder = scratchFolder();
    writeFileSync(join(folder, "library-v1.2.0.sqlite"), "");
    expect(unfitName(folder, "library-v1.2.0.sqlite")).toBeNull();
  });

  test("not a link, though it leads to a backup", () => {
    const folder = scratchFolder();
    writeFileSync(join(folder, "real.sqlite"), "");
    symlinkSync(join(folder, "real.sqlite"), join(folder, "library-v1.2.0.sqlite"));
    expect(unfitName(folder, "library-v1.2.0.sqlite")).toBe("it is a link");
  });

  test("not a link that leads nowhere", () => {
    const folder = scratchFolder();
    symlinkSync(join(folder, "nowhere"), join(folder, "library-v1.2.0.sqlite"));
    expect(unfitName(folder, "library-v1.2.0.sqlite")).toBe("it is a link");
  });

  test("not a folder", () => {
    const folder = scratchFolder();
    mkdirSync(join(folder, "library-v1.2.0.sqlite"));
    expect(unfitName(folder, "library-v1.2.0.sqlite")).toBe("it is not a regular file");
  });

  test("not a device", () => {
    if (process.platform === "win32") expect(unfitName("C:\\", "NUL")).toBe("its name is not a plain file name");
    else expect(unfitName("/dev", "null")).toBe("it is not a regular file");
  });

  test("not a file that is gone", () => {
    expect(unfitName(scratchFolder(), "library-v1.2.0.sqlite")).toBe("the file is gone");
  });

  test("not a path out of the folder, though the file is there", () => {
    const folder = scratchFolder();
    mkdirSync(join(folder, "backups"));
    writeFileSync(join(folder, "library.sqlite"), "");
    expect(unfitName(join(folder, "backups"), "../library.sqlite")).toBe("its name is not a plain file name");
  });
});

describe("the index's own lock", () => {
  const open = (path: string, options: { timeout: number }) => new Database(path, options);

  test("is held while the task runs, one after the other", async () => {
    const places = backupFolder();
    const events: string[] = [];
    const task = (name: string) => async () => {
      events.push(`${name} begins`);
      await new Promise((resolve) => setTimeout(resolve, 60));
      events.push(`${name} ends`);
    };
    await Promise.all([withIndexLock(open, places, task("first")), withIndexLock(open, places, task("second"))]);
    const [first, second] = events[0] === "first begins" ? ["first", "second"] : ["second", "first"];
    expect(events).toEqual([`${first} begins`, `${first} ends`, `${second} begins`, `${second} ends`]);
  });

  test("gives back what the task returned", async () => {
    expect(await withIndexLock(open, backupFolder(), () => 42)).toBe(42);
  });

  test("is let go when the task throws", async () => {
    const places = backupFolder();
    const failing = withIndexLock(open, places, () => {
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    expect(await withIndexLock(open, places, () => "free")).toBe("free");
  });
});
