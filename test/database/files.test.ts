import { execFileSync } from "node:child_process";
import { linkSync, mkdirSync, renameSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, onTestFinished, test } from "vitest";
import { isAbsent, livingSidecars, observeFiles, presentSidecars } from "../../src/database/files.ts";
import { HoldfastError } from "../../src/errors.ts";
import { sameIdentity } from "../../src/platform/atomic-file.ts";
import { realPath } from "../../src/platform/real-path.ts";
import { scratchFolder } from "../fixtures/scratch-folder.ts";

/** Files beside one another, by ending and content. */
function lay(files: Record<string, string>): string {
  const path = join(scratchFolder(), "library.sqlite");
  for (const [ending, content] of Object.entries(files)) writeFileSync(path + ending, content);
  return path;
}

describe("a database and its sidecars as one", () => {
  test.each<[string, Record<string, string>, { absent: boolean; living: string[]; present: string[] }]>([
    ["nothing", {}, { absent: true, living: [], present: [] }],
    ["the database alone", { "": "x" }, { absent: false, living: [], present: [] }],
    ["zero bytes", { "": "" }, { absent: true, living: [], present: [] }],
    ["a log", { "": "x", "-wal": "w" }, { absent: false, living: ["-wal"], present: ["-wal"] }],
    ["an empty log", { "": "x", "-wal": "" }, { absent: false, living: [], present: ["-wal"] }],
    ["a journal", { "": "x", "-journal": "j" }, { absent: false, living: ["-journal"], present: ["-journal"] }],
    [
      "a journal whose head was never written, or wiped",
      { "": "x", "-journal": "\0\0\0\0" },
      { absent: false, living: [], present: ["-journal"] },
    ],
    ["an empty journal", { "": "x", "-journal": "" }, { absent: false, living: [], present: ["-journal"] }],
    [
      "shared memory, which holds nothing of its own",
      { "": "x", "-shm": "s" },
      { absent: false, living: [], present: ["-shm"] },
    ],
    [
      "all of them",
      { "": "x", "-wal": "w", "-journal": "j", "-shm": "s" },
      { absent: false, living: ["-wal", "-journal"], present: ["-wal", "-journal", "-shm"] },
    ],
    ["a log without its database", { "-wal": "w" }, { absent: true, living: ["-wal"], present: ["-wal"] }],
    ["a log beside zero bytes", { "": "", "-wal": "w" }, { absent: true, living: ["-wal"], present: ["-wal"] }],
    [
      "another file that begins alike",
      { "": "x", "-walrus": "w", ".bak": "b" },
      { absent: false, living: [], present: [] },
    ],
  ])("%s", (_, laid, expected) => {
    const files = observeFiles(lay(laid));
    expect({ absent: isAbsent(files), living: livingSidecars(files), present: presentSidecars(files) }).toEqual(
      expected,
    );
  });

  test("each is told by inode, size and time, as text", () => {
    const path = lay({ "": "four", "-wal": "seven77" });
    const files = observeFiles(path);
    const { ino, size, mtimeNs } = statSync(path, { bigint: true });
    expect(files.path).toBe(path);
    expect(files.main).toEqual({ ino: String(ino), size: String(size), mtime: String(mtimeNs) });
    expect(files.sidecars["-wal"]?.size).toBe("7");
  });

  test("a change of content, time or file is another identity", () => {
    const path = lay({ "": "four" });
    const before = observeFiles(path).main;
    expect(sameIdentity(before, observeFiles(path).main)).toBe(true);
    utimesSync(path, new Date(), new Date("2026-01-01T00:00:00Z"));
    const touched = observeFiles(path).main;
    expect(sameIdentity(before, touched)).toBe(false);
    writeFileSync(`${path}.new`, "four");
    utimesSync(`${path}.new`, new Date(), new Date("2026-01-01T00:00:00Z"));
    renameSync(`${path}.new`, path);
    expect(sameIdentity(touched, observeFiles(path).main)).toBe(false);
    expect(sameIdentity(touched, null)).toBe(false);
    expect(sameIdentity(null, null)).toBe(true);
  });

  test("a folder in its place is no database", () => {
    const path = lay({});
    mkdirSync(path);
    expect(() => observeFiles(path)).toThrow(HoldfastError);
    expect(() => observeFiles(path)).toThrow(`${path} is a folder, not a database file.`);
  });

  test("looking drops no lock of a connection in this process", () => {
    const path = join(scratchFolder(), "library.sqlite");
    const db = new Database(path);
    onTestFinished(() => void db.close());
    db.exec("CREATE TABLE a (x); BEGIN EXCLUSIVE; INSERT INTO a VALUES (1)");
    observeFiles(path);
    realPath(path);
    const attempt = `
      const Database = (await import("better-sqlite3")).default;
      const db = new Database(process.argv[1], { timeout: 0 });
      try { db.exec("INSERT INTO a VALUES (2)"); console.log("written"); } catch (error) { console.log(error.code); }`;
    const said = execFileSync(process.execPath, ["--input-type=module", "-e", attempt, path], {
      cwd: import.meta.dirname,
    });
    expect(String(said).trim()).toBe("SQLITE_BUSY");
  });
});

describe("realPath: the file that a path leads to", () => {
  function folders() {
    const folder = scratchFolder();
    mkdirSync(join(folder, "real"));
    writeFileSync(join(folder, "real", "library.sqlite"), "x");
    return { folder, real: join(folder, "real"), file: join(folder, "real", "library.sqlite") };
  }

  test("itself, where nothing is a link", () => {
    const { file } = folders();
    expect(realPath(file)).toBe(file);
  });

  test("a link to a file, to a folder, to a link", () => {
    const { folder, real, file } = folders();
    symlinkSync(file, join(folder, "to-file"));
    symlinkSync("to-file", join(folder, "to-link"));
    symlinkSync(real, join(folder, "to-folder"), "junction");
    expect(realPath(join(folder, "to-file"))).toBe(file);
    expect(realPath(join(folder, "to-link"))).toBe(file);
    expect(realPath(join(folder, "to-folder", "library.sqlite"))).toBe(file);
  });

  test("a file that does not exist yet", () => {
    const { folder, real } = folders();
    symlinkSync(real, join(folder, "to-folder"), "junction");
    expect(realPath(join(real, "new.sqlite"))).toBe(join(real, "new.sqlite"));
    expect(realPath(join(folder, "to-folder", "new.sqlite"))).toBe(join(real, "new.sqlite"));
    expect(realPath(join(folder, "to-folder", "sub", "new.sqlite"))).toBe(join(real, "sub", "new.sqlite"));
  });

  test("a link that dangles: where the file would be made", () => {
    const { folder, real } = folders();
    symlinkSync(join("real", "new.sqlite"), join(folder, "dangling"));
    symlinkSync(real, join(folder, "to-folder"), "junction");
    symlinkSync(join("to-folder", "new.sqlite"), join(folder, "through-a-link"));
    expect(realPath(join(folder, "dangling"))).toBe(join(real, "new.sqlite"));
    expect(realPath(join(folder, "through-a-link"))).toBe(join(real, "new.sqlite"));
  });

  test("a relative path, from the working folder", () => {
    const { file } = folders();
    expect(realPath(relative(process.cwd(), file))).toBe(file);
  });

  test("links in a circle are an I/O error, not an endless loop", () => {
    const { folder } = folders();
    symlinkSync("b", join(folder, "a"));
    symlinkSync("a", join(folder, "b"));
    expect(() => realPath(join(folder, "a"))).toThrow(expect.objectContaining({ code: "IO_FAILED" }));
  });

  test("a hard link is a file of its own name", () => {
    const { folder, file } = folders();
    linkSync(file, join(folder, "second.sqlite"));
    expect(realPath(join(folder, "second.sqlite"))).toBe(join(folder, "second.sqlite"));
  });
});
