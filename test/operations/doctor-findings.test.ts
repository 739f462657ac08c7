import { describe, expect, test } from "vitest";
import { EMPTY_SURVEY, type SetAside } from "../../src/backups/survey.ts";
import type { ErrorCode } from "../../src/errors.ts";
import type { DatabaseFacts, DoctorFacts, FolderFacts, SettingsFacts } from "../../src/operations/doctor/facts.ts";
import type { FindingState } from "../../src/operations/doctor/finding.ts";
import { knownBugs } from "../../src/operations/doctor/known-bugs.ts";
import { type FileSystem, fileSystemOf, isNetwork, lockHolders } from "../../src/operations/doctor/proc.ts";
import { roomNeeded } from "../../src/operations/doctor/space.ts";
import { syncedFolder } from "../../src/operations/doctor/synced-folder.ts";
import { ago, list, span } from "../../src/operations/doctor/words.ts";
import { judge, reportOf } from "../../src/operations/doctor.ts";
import { indexEntry } from "../fixtures/index-entry.ts";

const MIB = 1 << 20;
const DAY = 86_400_000;
const NOW = "2026-11-21T12:00:00.000Z";
const before = (ms: number) => new Date(Date.parse(NOW) - ms).toISOString();
const access = { readable: true, writable: true, mode: 0o700 };

const on = (type: string, readOnly: FileSystem["readOnly"] = null): FileSystem => ({ point: "/", type, readOnly });

const data: FolderFacts = {
  path: "/data",
  exists: true,
  access,
  device: "1",
  free: 100 * MIB,
  fileSystem: on("ext4"),
  synced: null,
};
const kept: FolderFacts = { ...data, path: "/data/backups" };

const database: DatabaseFacts = {
  path: "/data/library.sqlite",
  state: "readable",
  problem: null,
  journalMode: "wal",
  size: 10 * MIB,
  logSize: 0,
  modifiedAt: before(3 * DAY),
  version: "1.0.0",
  access: { ...access, mode: 0o600 },
  moved: null,
  swap: null,
};

const settings: SettingsFacts = {
  origin: "/app/settings.toml",
  appVersion: "1.0.0",
  migrations: 2,
  backupRetention: 2,
  integrityInterval: 7 * DAY,
  scrubInterval: 30 * DAY,
  onCorruption: "heal",
  onMissing: "restore",
};

const layout = {
  applied: ["0001_a.sql", "0002_b.sql"].map((name) => ({ name, appliedAt: NOW, appVersion: "1.0.0" })),
  relation: "equal" as const,
  pending: [],
};

const own = [indexEntry({ createdAt: before(2 * DAY), verifiedAt: before(DAY), size: 9 * MIB })];

/** A machine on which everything is as it should be. */
const HEALTHY: DoctorFacts = {
  now: NOW,
  platform: "linux",
  runtime: { node: "24.1.0", arch: "x64" },
  sqlite: "3.54.1",
  opener: false,
  settings,
  database,
  layout,
  compatible: false,
  trust: { kind: "sealed", checkedAt: before(DAY) },
  lastCheck: before(DAY),
  holder: "nobody",
  holders: [],
  strangers: [],
  folders: [data, kept],
  survey: { ...EMPTY_SURVEY, backups: own },
  own,
  demotedRows: [],
  extra: [],
  restoring: null,
  leftFolders: [],
  temporaries: { count: 0, size: 0 },
  builtAt: before(100 * DAY),
};

const setAside = (kind: SetAside["kind"], file: string): SetAside => ({
  kind,
  file,
  version: "2.0.0",
  files: [file],
  size: 5_000_000,
  at: before(DAY),
});
const withDatabase = (parts: Partial<DatabaseFacts>) => ({ database: { ...database, ...parts } });
const withSettings = (parts: Partial<SettingsFacts>) => ({ settings: { ...settings, ...parts } });
const withData = (parts: Partial<FolderFacts>) => ({ folders: [{ ...data, ...parts }, kept] as const });
const withBackups = (parts: Partial<FolderFacts>) => ({ folders: [data, { ...kept, ...parts }] as const });
const withSurvey = (parts: Partial<DoctorFacts["survey"]>) => ({ survey: { ...HEALTHY.survey, ...parts } });
const noBackups = { own: [], survey: EMPTY_SURVEY };
const gone = withDatabase({ state: "missing", size: 0, modifiedAt: null, version: null, access: null });
const absent = { ...gone, layout: null };
const refusal = { code: "SETTINGS_INVALID" as const, message: "There is no folder /app/migrations.", hint: "Make it." };
const demotedRows = (rows: number, complete = true) => ({
  ...withSurvey({ setAside: [setAside("demoted", "library-v2.0.0-demoted.sqlite")] }),
  demotedRows: [
    { id: "v2.0.0-demoted", path: "/data/backups/library-v2.0.0-demoted.sqlite", version: "2.0.0", rows, complete },
  ],
});

type Row = readonly [
  what: string,
  facts: Partial<DoctorFacts>,
  name: string,
  state: FindingState,
  says: string,
  remedy: string | null,
  code?: ErrorCode,
];

const CUT_OFF: DoctorFacts["restoring"] = {
  source: "/mnt/out",
  at: "2026-11-21T10:00:00.000Z",
  folders: [
    { path: "/data/media", state: "replaced", aside: "/data/media-x-replaced" },
    { path: "/data/covers", state: "as before", aside: "/data/covers-x-replaced" },
  ],
  left: ["/data/.covers-restore-x.tmp"],
};

const ROWS: readonly Row[] = [
  ["readable", {}, "database", "ok", "10.5 MB, of version 1.0.0, write-ahead log", null],
  [
    "without a stamp",
    withDatabase({ version: null, journalMode: "delete" }),
    "database",
    "ok",
    "without a version stamp, rollback journal",
    null,
  ],
  ["before the first launch", { ...absent, ...noBackups }, "database", "note", "a launch makes a new one", null],
  [
    "missing",
    absent,
    "database",
    "problem",
    "is missing, and there is 1 backup of it; the next launch restores the newest",
    "holdfast restore latest",
    "NOT_FOUND",
  ],
  [
    "missing, and not to be restored",
    { ...absent, ...withSettings({ onMissing: "refuse" }) },
    "database",
    "problem",
    'db-on-missing is "refuse"',
    "holdfast restore latest",
    "NOT_FOUND",
  ],
  [
    "empty",
    { ...absent, ...withDatabase({ state: "empty" }) },
    "database",
    "problem",
    "has zero bytes",
    "holdfast restore latest",
    "NOT_FOUND",
  ],
  [
    "missing, with what may be backups",
    { ...absent, own: [], ...withSurvey({ unidentified: ["library-v1.sqlite"] }) },
    "database",
    "problem",
    "library-v1.sqlite",
    "Keep a copy of the whole folder before you try anything else.",
    "NO_USABLE_BACKUP",
  ],
  [
    "moved away",
    { ...absent, database: { ...gone.database, moved: { to: "/mnt/library.sqlite", at: NOW, file: "/data/x" } } },
    "database",
    "problem",
    "was moved to /mnt/library.sqlite",
    'Set db-path = "/mnt/library.sqlite"',
    "NOT_FOUND",
  ],
  [
    "corrupt",
    withDatabase({ state: "corrupt", problem: "page 3 is torn" }),
    "database",
    "problem",
    "is corrupt: page 3 is torn; the next launch keeps all that can be read of it.",
    "holdfast boot",
    "DB_CORRUPT",
  ],
  [
    "corrupt, and backups are restored as they are",
    { ...withDatabase({ state: "corrupt", problem: "x" }), ...withSettings({ onCorruption: "restore" }) },
    "database",
    "problem",
    "is corrupt: x; the next launch restores the newest backup.",
    "holdfast restore latest",
    "DB_CORRUPT",
  ],
  [
    "corrupt, and that is refused",
    { ...withDatabase({ state: "corrupt", problem: "x" }), ...withSettings({ onCorruption: "refuse" }) },
    "database",
    "problem",
    'is corrupt: x; db-on-corruption is "refuse".',
    "holdfast restore latest",
    "DB_CORRUPT",
  ],
  [
    "corrupt, without a backup",
    { ...withDatabase({ state: "corrupt", problem: "x" }), ...withSettings({ onCorruption: "restore" }), own: [] },
    "database",
    "problem",
    "is corrupt",
    "holdfast recover",
    "DB_CORRUPT",
  ],
  [
    "not SQLite's at all",
    withDatabase({ state: "corrupt", problem: "file is not a database" }),
    "database",
    "problem",
    "If it is encrypted",
    "holdfast boot",
    "DB_CORRUPT",
  ],
  [
    "not to be judged",
    withDatabase({ state: "unreadable", problem: "no such collation: x." }),
    "database",
    "problem",
    "no such collation: x. That is no sign of damage",
    "Give Holdfast the opener that brings the key, functions and collations that it needs, and the right to read it.",
    "CHECK_IMPOSSIBLE",
  ],
  [
    "not to be read by this user",
    withDatabase({ state: "unreadable", problem: "EACCES", access: { ...access, readable: false } }),
    "database",
    "problem",
    "may not be read by this user",
    'chmod u+rw "/data/library.sqlite"',
    "IO_FAILED",
  ],
  [
    "not looked at",
    withDatabase({ state: "unknown", problem: "a launch is under way" }),
    "database",
    "note",
    "a launch is under way",
    "holdfast doctor",
  ],

  [
    "a swap that was cut off",
    withDatabase({ swap: { kind: "resumable", database: "/data/library.sqlite", aside: null } }),
    "swap",
    "warning",
    "the next launch completes it",
    "holdfast boot",
  ],
  [
    "a swap under way",
    {
      ...withDatabase({ swap: { kind: "resumable", database: "/data/library.sqlite", aside: null } }),
      holder: "launch",
    },
    "swap",
    "note",
    "A launch is at work on it",
    null,
  ],
  [
    "a swap whose files changed",
    withDatabase({ swap: { kind: "broken", file: "/data/backups/.i.toml", differences: ["a is gone", "b is gone"] } }),
    "swap",
    "problem",
    "a is gone; b is gone",
    'Make sure that /data/library.sqlite is the database that you want, then: rm "/data/backups/.i.toml"',
    "SWAP_INTERRUPTED",
  ],

  ["the opener fits", { opener: true }, "opener", "ok", "the key that it brings, if any, fits", null],
  [
    "the opener does not fit",
    { opener: true, ...withDatabase({ state: "unreadable", problem: "x" }) },
    "opener",
    "warning",
    "cannot be told apart",
    "Give the opener the key that the database was made with.",
  ],
  ["nothing to open", { opener: true, ...absent }, "opener", "note", "There is no database", null],

  ["the application's layout", {}, "layout", "ok", "2 migrations applied, as the application has them", null],
  [
    "pending migrations",
    { layout: { ...layout, relation: "behind", pending: ["0003_c.sql"] } },
    "layout",
    "note",
    "1 migration pending (0003_c.sql): the next launch runs it",
    null,
  ],
  [
    "a newer layout",
    { layout: { ...layout, relation: "ahead" }, ...withDatabase({ version: "2.0.0" }) },
    "layout",
    "warning",
    "A newer version, 2.0.0, has migrated it",
    "Install version 2.0.0 or later.",
  ],
  [
    "a newer layout that is compatible",
    { layout: { ...layout, relation: "ahead" }, compatible: true },
    "layout",
    "ok",
    "says that this one can use it",
    null,
  ],
  [
    "a migration that the same version lacks",
    { layout: { ...layout, relation: "ahead" } },
    "layout",
    "problem",
    "are not those that the application has",
    "holdfast plan names the migration that differs.",
    "MIGRATION_DRIFT",
  ],
  [
    "another layout",
    { layout: { ...layout, relation: "diverged" } },
    "layout",
    "problem",
    "are not those that the application has",
    "holdfast plan names the migration that differs.",
    "MIGRATION_DRIFT",
  ],

  ["sealed", {}, "pages", "ok", "1 day ago. It was closed cleanly, and nothing has touched it since.", null],
  [
    "open",
    { trust: { kind: "interrupted", checkedAt: null }, holder: "application" },
    "pages",
    "ok",
    "An application has it open.",
    null,
  ],
  ["cut off", { trust: { kind: "interrupted", checkedAt: null } }, "pages", "ok", "The application was cut off", null],
  [
    "changed by another program",
    { trust: { kind: "unknown", why: "it was changed by another program" } },
    "pages",
    "note",
    "The next launch reads every page before it opens: it was changed by another program.",
    "To read them all now: holdfast recover --dry-run",
  ],
  [
    "never checked",
    { lastCheck: null },
    "pages",
    "note",
    "It is not known that all pages have ever been read",
    "holdfast boot",
  ],
  [
    "a check that is due",
    { lastCheck: before(8 * DAY) },
    "pages",
    "note",
    "longer ago than db-integrity-interval (7 days)",
    "holdfast boot",
  ],
  ["a check that is long overdue", { lastCheck: before(15 * DAY) }, "pages", "warning", "15 days ago", "holdfast boot"],
  [
    "suspect",
    { trust: { kind: "suspect", why: "page 7" } },
    "pages",
    "problem",
    "page 7. No backup is taken",
    "Close the application, then: holdfast boot",
    "DB_CORRUPT",
  ],

  ["free", {}, "lock", "ok", "Nobody holds the database.", null],
  [
    "held by an application",
    { holder: "application", holders: [{ pid: 42, name: "reader" }] },
    "lock",
    "ok",
    "holds the database (process 42, reader).",
    null,
  ],
  [
    "open in a program that knows no lock",
    { strangers: [{ pid: 77, name: "sqlitebrowser" }] },
    "lock",
    "note",
    "Nobody holds the database, but a program that does not use Holdfast has it open: process 77, sqlitebrowser.",
    "Close that program before the application is updated.",
  ],
  ["held by a launch", { holder: "launch" }, "lock", "note", "A launch or a command is at work", null],
  ["not to be told", { holder: "unknown" }, "lock", "note", "could not be told", null],

  [
    "backups",
    {},
    "backups",
    "ok",
    "1 backup; the newest is library-v1.2.0.sqlite of 2026-11-19T12:00:00.000Z; all are verified",
    null,
  ],
  [
    "labelled ones",
    { own: [...own, indexEntry({ label: "before the move", sequence: 0, createdAt: before(3 * DAY) })] },
    "backups",
    "ok",
    "2 backups, 1 of them labelled",
    null,
  ],
  ["none", noBackups, "backups", "warning", "There is no backup of the database.", "holdfast backup"],
  [
    "none, and turned off",
    { ...noBackups, ...withSettings({ backupRetention: 0 }) },
    "backups",
    "warning",
    "db-backup-retention is 0",
    "Set db-backup-retention = 2",
  ],
  [
    "turned off",
    withSettings({ backupRetention: 0 }),
    "backups",
    "note",
    "No more are taken",
    "Set db-backup-retention = 2",
  ],
  ["none, of no database", { ...absent, ...noBackups }, "backups", "note", "none to back up", null],
  [
    "old ones",
    { own: [indexEntry({ createdAt: before(40 * DAY) })] },
    "backups",
    "warning",
    "40 days ago, and the database was written since",
    "holdfast backup",
  ],
  [
    "old ones of an old database",
    { own: [indexEntry({ createdAt: before(40 * DAY) })], ...withDatabase({ modifiedAt: before(50 * DAY) }) },
    "backups",
    "ok",
    "all are verified",
    null,
  ],
  [
    "unverified ones",
    { own: [indexEntry({ createdAt: before(DAY), verifiedAt: null })] },
    "backups",
    "warning",
    "Not verified since found: library-v1.2.0.sqlite",
    "holdfast verify --all",
  ],
  [
    "some that were not read for long",
    { own: [indexEntry({ createdAt: before(DAY), verifiedAt: before(61 * DAY) })] },
    "backups",
    "note",
    "more than twice db-scrub-interval",
    "holdfast verify --all",
  ],

  ["an index that agrees", {}, "index", "ok", "agrees with the files: 1 backup", null],
  [
    "a damaged index",
    withSurvey({ damaged: true, stale: "it is torn" }),
    "index",
    "warning",
    "it is torn",
    "holdfast rebuild-index",
  ],
  [
    "a stale index",
    withSurvey({ stale: "b was not listed" }),
    "index",
    "note",
    "b was not listed",
    "holdfast rebuild-index",
  ],
  [
    "a backup that is gone",
    withSurvey({
      stale: "x",
      warnings: ["The backup x is listed in the index but was left out: the file is gone.", "y"],
    }),
    "index",
    "warning",
    "the file is gone. (and 1 more)",
    "holdfast rebuild-index",
  ],
  [
    "a file that is no backup",
    withSurvey({ unidentified: ["z.sqlite"], warnings: ["z was left out"] }),
    "index",
    "warning",
    "z was left out",
    "Look at z.sqlite in /data/backups, and move away what is no backup.",
  ],
  [
    "a folder that cannot be read",
    withSurvey({ unreadable: { code: "IO_FAILED", message: "EACCES", hint: "chmod" } }),
    "index",
    "problem",
    "EACCES",
    "chmod",
    "IO_FAILED",
  ],

  ["nothing demoted", {}, "demoted", "ok", "No database", null],
  [
    "demoted, for another version",
    { ...demotedRows(0), demotedRows: [] },
    "demoted",
    "note",
    "1 database set aside for another version, and kept until removed by hand (5.0 MB)",
    null,
  ],
  [
    "demoted, with rows",
    demotedRows(3),
    "demoted",
    "note",
    "with 3 rows that the current one lacks",
    "holdfast demoted merge v2.0.0-demoted",
  ],
  [
    "demoted, with many rows",
    demotedRows(3, false),
    "demoted",
    "note",
    "with at least 3 rows",
    "holdfast demoted merge v2.0.0-demoted",
  ],
  [
    "demoted, and merged",
    demotedRows(0),
    "demoted",
    "note",
    "No row of v2.0.0-demoted is lacking",
    "holdfast diff v2.0.0-demoted",
  ],
  [
    "quarantined",
    withSurvey({ setAside: [setAside("quarantined", "library-x-corrupt.sqlite")] }),
    "quarantined",
    "note",
    "1 file quarantined",
    "holdfast list",
  ],

  [
    "leftovers",
    { temporaries: { count: 2, size: 3000 } },
    "temporaries",
    "note",
    "2 temporary files (3.0 kB) left",
    "holdfast boot",
  ],
  [
    "temporaries in use",
    { temporaries: { count: 1, size: 3000 }, holder: "application" },
    "temporaries",
    "ok",
    "in use perhaps",
    null,
  ],

  ["all writable", {}, "permissions", "ok", "can be written", null],
  [
    "a read-only database",
    withDatabase({ access: { ...access, writable: false } }),
    "permissions",
    "problem",
    "may be read but not written",
    'chmod u+w "/data/library.sqlite"',
    "DB_READ_ONLY",
  ],
  [
    "a read-only database on Windows",
    { ...withDatabase({ access: { ...access, writable: false } }), platform: "win32" },
    "permissions",
    "problem",
    "may be read but not written",
    'attrib -R "/data/library.sqlite"',
    "DB_READ_ONLY",
  ],
  [
    "a read-only folder",
    withData({ access: { ...access, writable: false } }),
    "permissions",
    "problem",
    "/data may not be written",
    'chmod u+w "/data"',
    "DB_READ_ONLY",
  ],
  [
    "a read-only backup folder",
    withBackups({ access: { ...access, writable: false } }),
    "permissions",
    "problem",
    "no backup can be taken",
    'chmod u+w "/data/backups"',
    "BACKUP_FAILED",
  ],
  [
    "a file system that is mounted read-only, whatever the rights",
    withData({ fileSystem: on("ext4", "mounted"), access: { ...access, writable: false } }),
    "permissions",
    "problem",
    "/data is on a file system that is mounted read-only",
    'mount -o remount,rw "/"',
    "DB_READ_ONLY",
  ],
  [
    "a disk that fails, beneath the backups",
    withBackups({ fileSystem: on("ext4", "failed") }),
    "permissions",
    "problem",
    "/data/backups is on a file system that the system itself has turned read-only",
    "Copy what is in /data/backups to another disk before anything else, then have the disk of / checked.",
    "DB_READ_ONLY",
  ],
  [
    "a medium that nobody can write to",
    withData({ fileSystem: on("squashfs", "always"), access: { ...access, writable: false } }),
    "permissions",
    "problem",
    "/data is on a file system that nobody can write to (squashfs)",
    "Copy what is in /data to a disk that can be written.",
    "DB_READ_ONLY",
  ],
  [
    "a database that others may read",
    withDatabase({ access: { ...access, mode: 0o644 } }),
    "permissions",
    "note",
    "/data/library.sqlite (mode 0644)",
    'chmod 0600 "/data/library.sqlite"',
  ],
  [
    "backups that others may read, in a folder that they may write",
    {
      folders: [
        { ...data, access: { ...access, mode: 0o777 } },
        { ...kept, access: { ...access, mode: 0o755 } },
      ],
    },
    "permissions",
    "note",
    "/data (mode 0777), /data/backups (mode 0755)",
    'chmod 0775 "/data" && chmod 0700 "/data/backups"',
  ],
  [
    "a system without modes",
    {
      ...withDatabase({ access: { ...access, mode: null } }),
      folders: [{ ...data, access: { ...access, mode: null } }, kept],
    },
    "permissions",
    "ok",
    "can be written",
    null,
  ],

  [
    "room enough",
    {},
    "space",
    "ok",
    "/data has 104.9 MB free, and a launch may need 22.0 MB at once: 10.5 MB for the copy of a backup that a restore puts in its place, and 11.5 MB for the next backup",
    null,
  ],
  [
    "too little room",
    { folders: [{ ...data, free: 15 * MIB }, kept] },
    "space",
    "warning",
    "has 15.7 MB free",
    "Free 6.3 MB on that disk, or set db-backup-dir to a folder on another one.",
  ],
  [
    "too little room for a restore point",
    { layout: { ...layout, relation: "behind", pending: ["c"] }, folders: [{ ...data, free: 5 * MIB }, kept] },
    "space",
    "problem",
    "for the restore point",
    "Free 17.8 MB on that disk, or set db-backup-dir to a folder on another one.",
    "DISK_FULL",
  ],
  [
    "too little room for a restore",
    { ...absent, folders: [{ ...data, free: 5 * MIB }, kept] },
    "space",
    "problem",
    "a launch may need 10.5 MB for the copy",
    "Free 5.2 MB on that disk, or set db-backup-dir to a folder on another one.",
    "DISK_FULL",
  ],
  [
    "not told",
    {
      folders: [
        { ...data, free: null },
        { ...kept, free: null },
      ],
    },
    "space",
    "note",
    "does not tell",
    null,
  ],

  ["a local disk", {}, "file system", "ok", "local file system (ext4)", null],
  [
    "a network file system",
    withData({ fileSystem: on("nfs4") }),
    "file system",
    "warning",
    "on a network file system (nfs4)",
    "Move it to a disk of this machine: holdfast move <folder>",
  ],
  [
    "a server's share on Windows",
    { ...withData({ path: "\\\\server\\share", fileSystem: null }), platform: "win32" },
    "file system",
    "warning",
    "a server's",
    "Move it to a disk of this machine: holdfast move <folder>",
  ],
  [
    "in memory",
    withData({ fileSystem: on("tmpfs") }),
    "file system",
    "warning",
    "is in memory (tmpfs)",
    "holdfast move <folder>",
  ],
  [
    "backups on a network file system",
    withBackups({ fileSystem: on("cifs") }),
    "file system",
    "note",
    "kept apart from this machine",
    null,
  ],
  [
    "a system that does not tell",
    { ...withData({ fileSystem: null }), platform: "darwin" },
    "file system",
    "note",
    "cannot be told on darwin",
    null,
  ],

  ["a folder of its own", {}, "synced folder", "ok", "No program is known", null],
  [
    "in a synchronised folder",
    withData({ synced: { service: "Dropbox", evidence: "/home/a/Dropbox" } }),
    "synced folder",
    "warning",
    "by Dropbox (/home/a/Dropbox)",
    "Move it out of there: holdfast move <folder>. Backups may stay: set db-backup-dir",
  ],
  [
    "backups in a synchronised folder",
    withBackups({ synced: { service: "Dropbox", evidence: "/x" } }),
    "synced folder",
    "note",
    "only one machine writes there",
    null,
  ],

  [
    "extra folders",
    { extra: [{ name: "media", path: "/data/media", is: "folder" }] },
    "extra folders",
    "ok",
    "1 folder of db-extra: all there",
    null,
  ],
  [
    "an extra folder that is missing",
    { extra: [{ name: "media", path: "/data/media", is: "missing" }] },
    "extra folders",
    "warning",
    "/data/media is not there",
    'Make the folder, or take "media" out of db-extra.',
  ],
  [
    "an extra folder that is a file",
    { extra: [{ name: "media", path: "/data/media", is: "other" }] },
    "extra folders",
    "warning",
    "/data/media is not a folder",
    'Make the folder, or take "media" out of db-extra.',
  ],

  [
    "a folder that a kill left",
    { leftFolders: ["/data/.out-backup-9-x.tmp"] },
    "left folders",
    "note",
    "/data/.out-backup-9-x.tmp was left by",
    'Give that command again, which removes it first, or: rm -r "/data/.out-backup-9-x.tmp"',
  ],
  [
    "a restore that was cut off",
    { restoring: CUT_OFF },
    "restore",
    "warning",
    "/data/media has the files of the backup, and what was in it before is in /data/media-x-replaced; /data/covers is as it was. Copies that took no place: /data/.covers-restore-x.tmp.",
    'holdfast restore "/mnt/out"',
  ],
  [
    "a restore that is under way",
    { restoring: CUT_OFF, holder: "launch" },
    "restore",
    "note",
    "A restore of /mnt/out is under way.",
    null,
  ],

  ["a clock that goes right", {}, "clock", "ok", "nothing here is from later", null],
  [
    "a clock that is a minute behind",
    { lastCheck: before(-60_000) },
    "clock",
    "ok",
    "nothing here is from later",
    null,
  ],
  [
    "a backup from the future",
    { own: [indexEntry({ createdAt: before(-5 * DAY) })] },
    "clock",
    "warning",
    "the backup library-v1.2.0.sqlite was taken at 2026-11-26T12:00:00.000Z, 5 days later",
    "Set the clock of this machine.",
  ],
  [
    "a program from the future",
    { builtAt: before(-DAY) },
    "clock",
    "warning",
    "this Holdfast was made",
    "Set the clock of this machine.",
  ],

  ["settings", {}, "settings", "ok", "2 migrations, version 1.0.0", null],
  [
    "settings without a version",
    withSettings({ appVersion: null }),
    "settings",
    "note",
    "No version is named",
    "Name it in the call, as --app-version, or set db-app-version.",
  ],
  [
    "migrations that cannot be read",
    withSettings({ migrations: refusal }),
    "settings",
    "problem",
    "There is no folder",
    "Make it.",
    "SETTINGS_INVALID",
  ],
  ["the runtime", {}, "runtime", "ok", "Node.js 24.1.0 on linux x64.", null],
  ["a good SQLite", {}, "sqlite", "ok", "SQLite 3.54.1; no bug of it", null],
  ["a bad SQLite", { sqlite: "3.51.2" }, "sqlite", "warning", "the WAL-reset bug", "npm install better-sqlite3@latest"],
  ["an SQLite of the opener's own", { opener: true }, "sqlite", "ok", "may bring a build of its own", null],
];

describe("a finding", () => {
  test.each(ROWS.map((row) => ({ what: row[0], row })))("$what", ({ row }) => {
    const [, facts, name, state, says, remedy, code] = row;
    const found = judge({ ...HEALTHY, ...facts }).find((each) => each.name === name);
    expect(found).toMatchObject({ state, message: expect.stringContaining(says), remedy });
    expect(found && "code" in found ? found.code : undefined).toBe(code);
  });

  test("is ok, each of them, where everything is as it should be", () => {
    expect(judge(HEALTHY).filter(({ state }) => state !== "ok")).toEqual([]);
  });

  test("is left out where it does not apply", () => {
    const names = (facts: Partial<DoctorFacts>) => judge({ ...HEALTHY, ...facts }).map(({ name }) => name);
    expect(names({})).not.toContain("swap");
    expect(names({})).not.toContain("opener");
    expect(names({})).not.toContain("extra folders");
    expect(names(absent)).not.toContain("pages");
    expect(names({ layout: { ...layout, relation: null } })).not.toContain("layout");
  });
});

describe("the report", () => {
  const page = (...facts: Partial<DoctorFacts>[]) =>
    reportOf("/data/library.sqlite", judge(Object.assign({}, HEALTHY, ...facts)), ["unseen"]);

  test("is healthy with notes and warnings, and tells the warnings", () => {
    const report = page(noBackups);
    expect(report).toMatchObject({ outcome: "healthy", warnings: ["There is no backup of the database.", "unseen"] });
    expect(report).not.toHaveProperty("error");
  });

  test("has the first problem on the page for its error, and counts the others", () => {
    const report = page(withSettings({ migrations: refusal }), withDatabase({ state: "corrupt", problem: "torn" }));
    expect(report).toMatchObject({
      outcome: "ailing",
      error: {
        code: "DB_CORRUPT",
        message:
          "/data/library.sqlite is corrupt: torn; the next launch keeps all that can be read of it. There is 1 more problem.",
        hint: "holdfast boot",
        details: { problems: ["database", "settings"] },
      },
    });
    expect(report.findings[0]).toEqual({
      name: "database",
      state: "problem",
      message: "/data/library.sqlite is corrupt: torn; the next launch keeps all that can be read of it.",
      remedy: "holdfast boot",
    });
  });
});

describe("known bugs of SQLite", () => {
  test.each([
    ["3.54.1", "linux", []],
    ["3.51.3", "linux", []],
    ["3.51.2", "linux", ["3.51.3"]],
    ["3.50.7", "linux", []],
    ["3.50.6", "linux", ["3.51.3"]],
    ["3.44.6", "linux", []],
    ["3.44.5", "linux", ["3.51.3"]],
    ["3.37.1", "linux", ["3.51.3", "3.37.2"]],
    ["3.34.1", "linux", ["3.51.3"]],
    ["3.8.10.1", "linux", ["3.51.3", "3.8.10.2"]],
    ["3.8.10.2", "linux", ["3.51.3"]],
    ["3.7.16.1", "win32", ["3.51.3", "3.7.16.2"]],
    ["3.7.16.1", "linux", ["3.51.3"]],
    ["3.6.23", "linux", []],
  ] as const)("%s on %s: mended in %j", (version, platform, fixedIn) => {
    expect(knownBugs(version, platform).map((bug) => bug.fixedIn)).toEqual(fixedIn);
  });
});

describe("the room that a launch needs", () => {
  const apart = { folders: [data, { ...kept, device: "2" }] as const };
  const needs = (facts: Partial<DoctorFacts>) =>
    roomNeeded({ ...HEALTHY, ...facts }).map((room) => [room.folder, room.needs.map((need) => need.bytes / MIB)]);

  test.each([
    ["on one disk", {}, [["/data", [10, 11]]]],
    [
      "on two",
      apart,
      [
        ["/data", [10]],
        ["/data/backups", [11, 10]],
      ],
    ],
    ["with a log", withDatabase({ logSize: 4 * MIB }), [["/data", [10, 15]]]],
    ["without backups to be taken", withSettings({ backupRetention: 0 }), [["/data", [10]]]],
    [
      "with migrations pending",
      { layout: { ...layout, relation: "behind" as const, pending: ["c"] } },
      [["/data", [11, 11]]],
    ],
    ["before the first launch", { ...absent, ...noBackups }, [["/data", []]]],
    [
      "where one of them does not tell",
      { folders: [data, { ...kept, device: null, free: null }] as const },
      [["/data", [10]]],
    ],
  ])("%s", (_, facts, expected) => {
    expect(needs(facts)).toEqual(expected);
  });
});

describe("a synchronised folder", () => {
  const none = () => [];

  test.each([
    ["/home/ann/Dropbox/app", "Dropbox", "/home/ann/Dropbox"],
    ["/home/ann/Dropbox (Work)/app", "Dropbox", "/home/ann/Dropbox (Work)"],
    ["C:\\Users\\ann\\OneDrive - Work\\app", "OneDrive", "C:\\Users\\ann\\OneDrive - Work"],
    [
      "/Users/ann/Library/Mobile Documents/com~apple~CloudDocs/app",
      "iCloud Drive",
      "/Users/ann/Library/Mobile Documents",
    ],
    ["/Users/ann/Library/CloudStorage/Box-Box", "a cloud service", "/Users/ann/Library/CloudStorage"],
    ["/home/ann/Google Drive", "Google Drive", "/home/ann/Google Drive"],
    ["/home/ann/Nextcloud/data", "Nextcloud", "/home/ann/Nextcloud"],
  ])("%s is known by its name", (folder, service, evidence) => {
    expect(syncedFolder(folder, none)).toEqual({ service, evidence });
  });

  test.each([
    [".stfolder", "Syncthing"],
    [".dropbox.cache", "Dropbox"],
    ["._sync_1a2b3c.db", "Nextcloud or ownCloud"],
    [".sync_1a2b3c.db", "Nextcloud or ownCloud"],
    [".tmp.driveupload", "Google Drive"],
    [".849C9593-D756-4E56-8D6E-42412F2A707B", "OneDrive"],
  ])("one above it is known by %s", (marker, service) => {
    const names = (folder: string) => (folder === "/home/ann/files" ? ["a", marker] : []);
    expect(syncedFolder("/home/ann/files/app/data", names)).toEqual({ service, evidence: `/home/ann/files/${marker}` });
  });

  test.each(["/home/ann/data", "/srv/dropboxes/app", "/home/ann/OneDriver"])("%s is none", (folder) => {
    expect(syncedFolder(folder, () => [".dropbox", ".profile", "sync.db"])).toBeNull();
  });
});

describe("/proc", () => {
  const MOUNTS = [
    "25 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw",
    "36 25 0:40 / /mnt/my\\040share rw shared:2 master:3 - nfs4 server:/x rw",
    "37 25 0:41 / /mnt rw - tmpfs tmpfs rw",
    "38 25 0:42 / /data rw - ext4 /dev/sdb rw",
    "39 25 0:43 / /data rw - fuse.sshfs me@host: rw",
    "",
  ].join("\n");

  test.each([
    ["/home/ann", "ext4", false],
    ["/mnt/my share/app", "nfs4", true],
    ["/mnt/my shares", "tmpfs", false],
    ["/data", "fuse.sshfs", true],
    ["/", "ext4", false],
  ])("%s is on %s", (path, type, network) => {
    expect(fileSystemOf(path, MOUNTS)?.type).toBe(type);
    expect(isNetwork(type)).toBe(network);
  });

  test.each(["nfs", "cifs", "smb3", "9p", "fuse.rclone", "ceph"])("%s is a network file system", (type) => {
    expect(isNetwork(type)).toBe(true);
  });

  test.each(["btrfs", "xfs", "overlay", "fuseblk", "zfs", "vfat", "fuse.mergerfs"])("%s is none", (type) => {
    expect(isNetwork(type)).toBe(false);
  });

  test.each([
    ["rw,relatime", "ext4", "rw,errors=remount-ro", null],
    ["ro,relatime", "ext4", "rw", "mounted"],
    ["ro,relatime", "ext4", "ro", "mounted"],
    ["rw,relatime", "ext4", "ro,errors=remount-ro", "failed"],
    ["rw,relatime", "ext4", "rw,errors=remount-ro,emergency_ro", "failed"],
    ["rw,relatime", "squashfs", "ro,errors=continue", "always"],
  ])("a mount with %s of a file system %s with %s: read-only %s", (ofMount, type, ofAll, readOnly) => {
    const line = `41 26 7:0 / /data ${ofMount} shared:1 - ${type} /dev/loop0 ${ofAll}`;
    expect(fileSystemOf("/data/backups", line)).toEqual({ point: "/data", type, readOnly });
  });

  test("names the processes that hold a lock on a file, and not those that wait", () => {
    const locks = [
      "1: POSIX  ADVISORY  READ  5433 08:01:77 128 128",
      "2: POSIX  ADVISORY  WRITE 5433 08:01:77 129 129",
      "2: -> POSIX  ADVISORY  WRITE 6000 08:01:77 129 129",
      "3: POSIX  ADVISORY  READ 7 08:01:78 0 0",
      "4: FLOCK  ADVISORY  WRITE 8 08:01:77 0 EOF",
      "5: OFDLCK ADVISORY  WRITE -1 08:01:77 0 EOF",
      "6: POSIX  ADVISORY  READ 9 103:100:77 0 0",
    ].join("\n");
    expect(lockHolders(locks, { device: 0x801n, inode: 77n })).toEqual([5433]);
    expect(lockHolders(locks, { device: 0x801n, inode: 79n })).toEqual([]);
    // Major 259, minor 256: a minor number beyond eight bits stands in two places.
    expect(lockHolders(locks, { device: 0x110300n, inode: 77n })).toEqual([9]);
  });
});

test("times and lists are told in words", () => {
  expect([ago(5000), ago(60_000), ago(3 * 3_600_000), span(DAY)]).toEqual([
    "just now",
    "1 minute ago",
    "3 hours ago",
    "1 day",
  ]);
  expect(list(["a", "b", "c"])).toBe("a, b, c");
  expect(list(["a", "b", "c", "d", "e"])).toBe("a, b, c and 2 more");
});
