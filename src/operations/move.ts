/** Relocating the database with everything that Holdfast keeps of it: copied and verified first, then the old files go. */
import { basename, join, resolve } from "node:path";
import { checksumFileOf } from "../backups/checksum-file.ts";
import { readIndex, withIndexLock, writeIndex } from "../backups/index-file.ts";
import { SIDECARS } from "../database/files.ts";
import { noteMoved } from "../database/moved.ts";
import { removeSeal } from "../database/seal.ts";
import { settle, unsettle } from "../database/swap.ts";
import { HoldfastError, named } from "../errors.ts";
import { takeOwner } from "../launch/staged.ts";
import { whenFree } from "../launch/wait.ts";
import { type Places, placesOf, temporaryIn } from "../places.ts";
import { createPrivateFolder, discardFile, removeDurably, replaceFile, syncFile } from "../platform/atomic-file.ts";
import { fs } from "../platform/builtins.ts";
import { requireSpace } from "../platform/free-space.ts";
import { realPath } from "../platform/real-path.ts";
import type { ActionReport } from "../report.ts";
import type { SettingsInput } from "../settings-glance.ts";
import { reporter, runJob, stopIfAborted } from "../toolbox.ts";
import { noDatabase, withDatabaseAlone } from "./hold.ts";
import { type ChangeOptions, type ChangeReport, type Operation, operate } from "./operation.ts";
import { type Stock, takeStock } from "./take-stock.ts";

const { existsSync, lstatSync, statSync } = fs;

export interface MoveOptions extends ChangeOptions {
  /** Leaves the old files where they are. Default false. */
  readonly keep?: boolean | undefined;
}

export interface MoveReport extends ChangeReport {
  /** What has to be changed in the settings, which are the application's and were not touched. */
  readonly settings: readonly { readonly key: "db-path" | "db-backup-dir"; readonly value: string }[];
}

export async function move(
  settings: string | SettingsInput,
  folder: string,
  options: MoveOptions = {},
): Promise<MoveReport> {
  return await operate("move", settings, options, (op) =>
    withDatabaseAlone(op, async () => {
      const stock = await takeStock(op);
      requireMovable(op, stock);
      const target = realPath(resolve(folder));
      const to = placesOf(join(target, basename(op.places.database)), join(target, basename(op.places.backups)));
      for (const path of [to.database, ...SIDECARS.map((ending) => to.database + ending), to.backups]) {
        if (lstatSync(path, { throwIfNoEntry: false })) throw exists(path);
      }
      const kept = keptFiles(op, stock);
      const plan = planOf(op, to, kept, options);
      const asked = await op.ask(options, plan);
      const changes = settingsFor(op, to);
      if (asked) return { ...asked, settings: changes };
      const report = reporter(op);
      await relocate(op, stock, to, kept, options);
      for (const each of plan) report(each);
      return { ...op.report("done"), settings: changes };
    }),
  );
}

function requireMovable(op: Operation, { database: { state, problem } }: Stock): void {
  if (state === "missing" || state === "empty") throw noDatabase(op);
  if (state === "readable") return;
  const { database } = op.places;
  throw new HoldfastError({
    code: state === "corrupt" ? "DB_CORRUPT" : "CHECK_IMPOSSIBLE",
    message: `${database} is not moved, for it cannot be read: ${problem}. Nothing was changed.`,
    hint: "Let a launch see to it first: holdfast boot",
    details: { path: database },
  });
}

function exists(path: string): HoldfastError {
  return new HoldfastError({
    code: "IO_FAILED",
    message: `${path} exists already, and is not replaced; nothing was changed.`,
    hint: "Name a folder in which it does not, or move it away.",
    details: { path },
  });
}

/** The names in the backup folder that go with the database. */
function keptFiles({ places }: Operation, { own, survey }: Stock): string[] {
  const checksums = own
    .map((entry) => basename(checksumFileOf(entry.file)))
    .filter((file) => existsSync(join(places.backups, file)));
  return [...own.map((entry) => entry.file), ...survey.setAside.flatMap((set) => set.files), ...checksums];
}

function planOf(
  { places }: Operation,
  to: Places,
  kept: readonly string[],
  { keep = false }: MoveOptions,
): ActionReport[] {
  const after = keep ? "the old file stays" : "the old file is removed once the copy is verified";
  return [
    { action: "move", reason: `it becomes ${to.database}; ${after}`, file: places.database },
    ...kept.map(
      (file): ActionReport => ({
        action: "move",
        reason: `it becomes ${join(to.backups, file)}`,
        file: join(places.backups, file),
      }),
    ),
  ];
}

function settingsFor({ settings, places }: Operation, to: Places): MoveReport["settings"] {
  const beside = places.backups === join(places.folder, "backups");
  return [
    { key: "db-path", value: to.database },
    ...(settings.backupDir === undefined && beside ? [] : [{ key: "db-backup-dir" as const, value: to.backups }]),
  ];
}

/** The database appears last and disappears first: whoever finds it at a place finds everything there. */
async function relocate(
  op: Operation,
  stock: Stock,
  to: Places,
  kept: readonly string[],
  { keep = false }: MoveOptions,
): Promise<void> {
  const { places, engine } = op;
  const made: string[] = [];
  const letGo = await whenFree(op, () => settle(engine, places.database));
  try {
    named(`making the folder ${to.backups}`, () => {
      createPrivateFolder(to.backups);
      const sizes = [places.database, ...kept.map((file) => join(places.backups, file))].map(
        (file) => statSync(file).size,
      );
      requireSpace(
        to.folder,
        sizes.reduce((sum, size) => sum + size, 0),
      );
    });
    for (const [done, file] of kept.entries()) {
      stopIfAborted(op.signal);
      op.onEvent({ kind: "copy", message: `copying ${file}`, done, total: kept.length + 1, unit: "files" });
      const copy = join(to.backups, file);
      made.push(copy);
      await runJob(op, "stage", { from: join(places.backups, file), to: copy, sha256: null });
    }
    named(`writing the index ${to.index}`, () => {
      made.push(to.index);
      writeIndex(to, { entries: stock.own.map((entry) => ({ ...entry, source: null })), restores: [] });
    });
    const staged = temporaryIn(to.folder, to, "moved");
    made.push(staged, ...SIDECARS.map((ending) => staged + ending));
    op.onEvent({
      kind: "copy",
      message: `copying ${places.database}`,
      done: kept.length,
      total: kept.length + 1,
      unit: "files",
    });
    await runJob(op, "stage", { from: places.database, to: staged, sha256: null });
    finishCopy(op, staged, stock.database.journalMode);
    stopIfAborted(op.signal);
    named(`writing ${to.database}`, () => replaceFile(staged, to.database));
  } catch (error) {
    for (const file of made) discardFile(file);
    throw error;
  } finally {
    letGo();
    // Kept, or not moved after all, it is as it was.
    if (stock.database.journalMode === "wal") unsettle(engine, places.database);
  }
  if (!keep) await removeOld(op, stock, to, kept);
}

/** The journal mode that it had, its owner and its mode. */
function finishCopy(op: Operation, staged: string, mode: Stock["database"]["journalMode"]): void {
  named(`making ${staged} ready`, () => {
    if (mode === "wal") unsettle(op.engine, staged);
    takeOwner(staged, op.places.database, undefined);
    syncFile(staged);
  });
}

async function removeOld(op: Operation, { own }: Stock, to: Places, kept: readonly string[]): Promise<void> {
  const { places, engine } = op;
  await withIndexLock(engine.openPlain, places, () => {
    noteMoved(places, to.database, op.now());
    named(`removing ${places.database}`, () => {
      removeSeal(places);
      removeDurably(places.database);
      const moved = new Set(own.map((entry) => entry.file));
      const { index } = readIndex(places);
      const others = index.entries.filter((entry) => !moved.has(entry.file));
      if (others.length > 0) writeIndex(places, { ...index, entries: others });
      else removeDurably(places.index);
      for (const file of kept) removeDurably(join(places.backups, file));
    });
  });
}
