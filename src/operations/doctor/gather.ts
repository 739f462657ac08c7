/** Gathers what the doctor judges. Nothing is changed, nobody is waited for, and what cannot be seen is a warning. */
import { basename, dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { isDeclaredCompatible } from "../../backups/choose.ts";
import { findMigrations } from "../../database/migrations.ts";
import { readMoved } from "../../database/moved.ts";
import { readOpened, readSeal, trustOf } from "../../database/seal.ts";
import { HoldfastError, type Refusal } from "../../errors.ts";
import { temporariesOf } from "../../launch/temporaries.ts";
import { isReadable, isWritable } from "../../platform/atomic-file.ts";
import { fs } from "../../platform/builtins.ts";
import { countDemoted } from "../count-demoted.ts";
import { describeLayout } from "../describe-status.ts";
import { leftFolders } from "../left-folders.ts";
import type { Operation } from "../operation.ts";
import { cutOffRestore } from "../restore-record.ts";
import { type Stock, takeStock } from "../take-stock.ts";
import type { Access, DatabaseFacts, DoctorFacts, FolderFacts, Process } from "./facts.ts";
import { fileSystemOf, lockHolders } from "./proc.ts";
import { syncedFolder } from "./synced-folder.ts";

const { readdirSync, readFileSync, statfsSync, statSync } = fs;

export async function gatherFacts(op: Operation): Promise<DoctorFacts> {
  const { places, engine, settings } = op;
  // Before the look, which may give the file a second name for a moment.
  const trust = trustOf(places);
  const lastCheck = (readSeal(places) ?? readOpened(places))?.checkedAt ?? null;
  const migrations = countMigrations(op);
  const stock = await takeStock(op);
  const { self } = stock.database;
  const holders = holdersOf(places.lock);
  const known = new Set([...holders, ...holdersOf(places.workerLock)].map(({ pid }) => pid));
  const layout = self && describeLayout(self.ledger, stock.known);
  return {
    now: op.now().toISOString(),
    platform: process.platform,
    runtime: { node: process.versions.node, arch: process.arch },
    sqlite: engine.sqliteVersion,
    opener: engine.custom,
    settings: {
      origin: settings.origin,
      appVersion: settings.appVersion,
      migrations,
      backupRetention: settings.backupRetention,
      integrityInterval: settings.integrityInterval,
      scrubInterval: settings.scrubInterval,
      onCorruption: settings.onCorruption,
      onMissing: settings.onMissing,
    },
    database: describeDatabase(op, stock),
    layout,
    compatible:
      self !== null &&
      stock.known !== null &&
      isDeclaredCompatible(self.ledger, stock.known, settings.appVersion ?? "0.0.0"),
    trust,
    lastCheck,
    holder: stock.heldBy,
    holders,
    strangers: holdersOf(places.database).filter(({ pid }) => !known.has(pid)),
    folders: [lookAtFolder(places.folder), lookAtFolder(places.backups)],
    survey: stock.survey,
    own: stock.own,
    demotedRows: await countDemoted(op, stock),
    extra: settings.extra.map(({ name, path }) => {
      const found = statSync(path, { throwIfNoEntry: false });
      return { name, path, is: found === undefined ? "missing" : found.isDirectory() ? "folder" : "other" };
    }),
    restoring: cutOffRestore(op),
    temporaries: measure(temporariesOf(places)),
    leftFolders: leftFolders(places),
    builtAt: orNull(() => statSync(fileURLToPath(import.meta.url)).mtime.toISOString()),
  };
}

function countMigrations({ settings }: Operation): number | Refusal {
  try {
    return findMigrations(settings.migrations).length;
  } catch (error) {
    if (error instanceof HoldfastError) return error.toJSON();
    throw error;
  }
}

function describeDatabase({ places }: Operation, { database, file, sidecars, swap }: Stock): DatabaseFacts {
  const absent = database.state === "missing" || database.state === "empty";
  return {
    path: places.database,
    state: database.state,
    problem: database.problem,
    journalMode: database.journalMode,
    size: file?.size ?? 0,
    logSize: sidecars.find((each) => each.path.endsWith("-wal"))?.size ?? 0,
    modifiedAt: file?.modifiedAt ?? null,
    version: database.self?.stamp?.appVersion ?? null,
    access: file && accessTo(places.database),
    moved: absent ? readMoved(places) : null,
    swap,
  };
}

function accessTo(path: string): Access {
  const mode = process.platform === "win32" ? null : statSync(path).mode & 0o777;
  return { readable: isReadable(path), writable: isWritable(path), mode };
}

function lookAtFolder(path: string): FolderFacts {
  const at = nearestFolder(path);
  const space = orNull(() => statfsSync(at));
  const mounts = process.platform === "linux" ? orNull(() => readFileSync("/proc/self/mountinfo", "utf8")) : null;
  return {
    path,
    exists: at === path,
    access: accessTo(at),
    device: orNull(() => String(statSync(at).dev)),
    free: space && space.bavail * space.bsize,
    fileSystem: mounts === null ? null : fileSystemOf(at, mounts),
    synced: syncedFolder(at, (folder) => orNull(() => readdirSync(folder)) ?? []),
  };
}

/** The folder itself, or the first above it that is there. */
function nearestFolder(path: string): string {
  for (let at = path; ; at = dirname(at)) {
    if (statSync(at, { throwIfNoEntry: false })?.isDirectory() || dirname(at) === at) return at;
  }
}

/** Of any lock on the file. */
function holdersOf(file: string): readonly Process[] {
  if (process.platform !== "linux") return [];
  const found = orNull(() => statSync(file, { bigint: true }));
  const locks = orNull(() => readFileSync("/proc/locks", "utf8"));
  if (!found || locks === null) return [];
  return lockHolders(locks, { device: found.dev, inode: found.ino })
    .filter((pid) => pid !== process.pid)
    .map((pid) => ({ pid, name: nameOf(pid) }));
}

/** As it was started, without its arguments, which may hold what is nobody's business. */
function nameOf(pid: number): string {
  const line = orNull(() => readFileSync(`/proc/${pid}/cmdline`, "utf8")) ?? "";
  return basename(line.split("\0")[0] ?? "");
}

function measure(files: readonly string[]): DoctorFacts["temporaries"] {
  const sizes = files.map((file) => statSync(file, { throwIfNoEntry: false })?.size ?? 0);
  return { count: files.length, size: sizes.reduce((sum, size) => sum + size, 0) };
}

/** What a system does not tell is left open. */
function orNull<T>(look: () => T): T | null {
  try {
    return look();
  } catch {
    return null;
  }
}
