/**
 * The judge: looks at what is on the disk with SQLite alone. All databases are copied before they are opened, for
 * a look must not mend what it is to judge.
 */
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { parse } from "smol-toml";

export interface Content {
  /** What `integrity_check` says, `ok` when all is well; else why it cannot be read. */
  readonly integrity: string;
  readonly titles: readonly string[];
}

export function hashOf(file: string): string {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}

/** @param scratch a folder for copies */
export function read(file: string, scratch: string): Content {
  mkdirSync(scratch, { recursive: true });
  const folder = mkdtempSync(join(scratch, "look-"));
  const copy = join(folder, "copy.sqlite");
  try {
    for (const ending of ["", "-wal", "-journal"])
      if (existsSync(file + ending)) copyFileSync(file + ending, copy + ending);
    const db = new Database(copy, { fileMustExist: true });
    try {
      const integrity = String(db.pragma("integrity_check", { simple: true }));
      const has = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'book'").get();
      const titles = has ? (db.prepare("SELECT title FROM book").pluck().all() as string[]) : [];
      return { integrity, titles };
    } finally {
      db.close();
    }
  } catch (error) {
    return { integrity: error instanceof Error ? error.message : String(error), titles: [] };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const isBackup = (file: string) => /^library-(v\d|unstamped).*\.sqlite$/.test(file) && !file.includes("-demoted");

/** The backups that are whole: they pass their check, and are what the checksum beside them says. */
export function goodBackups(folder: string, scratch: string): readonly string[] {
  return backupsIn(folder).filter((file) => whyBad(join(folder, "backups", file), scratch) === null);
}

function backupsIn(folder: string): readonly string[] {
  const backups = join(folder, "backups");
  return existsSync(backups) ? readdirSync(backups).filter(isBackup) : [];
}

function whyBad(file: string, scratch: string): string | null {
  if (!existsSync(file)) return "is gone";
  const { integrity } = read(file, scratch);
  if (integrity !== "ok") return `fails its check: ${integrity}`;
  if (!existsSync(`${file}.sha256`)) return "has no checksum beside it";
  return readFileSync(`${file}.sha256`, "utf8").includes(hashOf(file))
    ? null
    : "is not what the checksum beside it says";
}

/** What must hold at the very moment of the fault. */
export function judgeAtOnce(folder: string, goodBefore: readonly string[], scratch: string): readonly string[] {
  const faults = goodBefore.flatMap((file) => {
    const why = whyBad(join(folder, "backups", file), scratch);
    return why === null ? [] : [`the backup ${file}, which was good, ${why}`];
  });
  // Not the small records that are written beside a copy, nor a look, which is a second name of what is looked at.
  const large = temporaries(folder).filter((file) => /-(backup|restore|create|migrate)-[^.]*\.tmp/.test(file));
  const units = new Set(large.map((file) => file.replace(/-(wal|shm|journal)$/, "")));
  if (units.size > 1) faults.push(`more than one temporary: ${[...units].join(", ")}`);
  return faults;
}

export function temporaries(folder: string): readonly string[] {
  return [folder, join(folder, "backups")].flatMap((each) =>
    existsSync(each) ? readdirSync(each).filter((file) => file.includes(".tmp")) : [],
  );
}

/** What a launch has set aside, sidecars included. */
export function setAsideIn(folder: string): readonly string[] {
  const backups = join(folder, "backups");
  return existsSync(backups)
    ? readdirSync(backups)
        .filter((file) => /-(demoted|corrupt)/.test(file))
        .sort()
    : [];
}

/** A folder that `backup --output` wrote is whole as soon as it has its name: every file as its manifest says, every row. */
export function judgeOutput(folder: string, rows: readonly string[], scratch: string): readonly string[] {
  if (!existsSync(folder)) return [];
  if (!existsSync(join(folder, "manifest.json"))) return [`${folder} has no manifest`];
  const { database, files } = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8")) as {
    database: string;
    files: { path: string; sha256: string }[];
  };
  const faults = files
    .filter(({ path, sha256 }) => !existsSync(join(folder, path)) || hashOf(join(folder, path)) !== sha256)
    .map(({ path }) => `${path} in ${folder} is not as its manifest says`);
  const missing = missingTitles(rows, [join(folder, database)], scratch);
  if (missing.length > 0) faults.push(`${folder} has no ${missing.join(", ")}`);
  return files.length < 3 ? [...faults, `${folder} lists ${files.length} files only`] : faults;
}

/** What must hold after the next launch has ended, whatever its end. */
export function judgeFiles(folder: string, scratch: string): readonly string[] {
  const backups = join(folder, "backups");
  const faults: string[] = temporaries(folder).map((file) => `the temporary ${file} is left`);
  const { integrity } = read(join(folder, "library.sqlite"), scratch);
  if (integrity !== "ok") faults.push(`the database fails its check: ${integrity}`);
  for (const ending of ["-wal", "-shm", "-journal"]) {
    for (const file of ["library.sqlite", ...backupsIn(folder).map((name) => join("backups", name))])
      if (existsSync(join(folder, file + ending)) && !isCold(join(folder, file + ending)))
        faults.push(`${file}${ending} is left`);
  }
  for (const file of backupsIn(folder)) {
    const why = whyBad(join(backups, file), scratch);
    if (why !== null) faults.push(`the backup ${file} ${why}`);
  }
  const index = join(backups, ".library-db-index.toml");
  if (!existsSync(index)) return faults;
  const { entries = [] } = parse(readFileSync(index, "utf8")) as {
    entries?: { file: string; size: number; sha256: string }[];
  };
  for (const { file, size, sha256 } of entries) {
    const path = join(backups, file);
    if (!existsSync(path)) faults.push(`the index names ${file}, which is not there`);
    else if (statSync(path).size !== size || hashOf(path) !== sha256) faults.push(`the index is wrong about ${file}`);
  }
  for (const file of backupsIn(folder))
    if (!entries.some((entry) => entry.file === file)) faults.push(`${file} is not in the index`);
  return faults;
}

/** A journal whose head was never written rolls nothing back: SQLite passes it over, and takes it for its next. */
export function isCold(file: string): boolean {
  return (
    file.endsWith("-journal") &&
    readFileSync(file)
      .subarray(0, 8)
      .every((byte) => byte === 0)
  );
}

/** Which of the titles are neither in the database nor in one of the named files. */
export function missingTitles(titles: readonly string[], files: readonly string[], scratch: string): readonly string[] {
  const missing = new Set(titles);
  for (const file of files) {
    if (missing.size === 0) break;
    if (existsSync(file)) for (const title of read(file, scratch).titles) missing.delete(title);
  }
  return [...missing];
}

/** Whether a file with these bytes is still somewhere in the folder, or in its backups. */
export function isKept(hash: string, folder: string): boolean {
  return [folder, join(folder, "backups")].some(
    (each) =>
      existsSync(each) &&
      readdirSync(each).some((file) => statSync(join(each, file)).isFile() && hashOf(join(each, file)) === hash),
  );
}
