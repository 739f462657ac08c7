/** Relocating the database with everything that Holdfast keeps of it: copied and verified first, then the old files go. */
import { basename, dirname, join, resolve } from "node:path";
import { checksumFileOf } from "../backups/checksum-file.ts";
import { readIndex, withIndexLock, writeIndex } from "../backups/index-file.ts";
import { SIDECARS } from "../database/files.ts";
import { noteMoved } from "../database/moved.ts";
import { dropSeal } from "../database/seal.ts";
import { settle, unsettle } from "../database/swap.ts";
import { named } from "../errors.ts";
import { takeOwner } from "../launch/staged.ts";
import { whenFree } from "../launch/wait.ts";
import { type Places, placesOf } from "../places.ts";
import {
  createPrivateFolder,
  discardFolder,
  removeDurably,
  replaceFile,
  syncFile,
  syncFolder,
} from "../platform/atomic-file.ts";
import { fs } from "../platform/builtins.ts";
import { requireSpace } from "../platform/free-space.ts";
import { realPath } from "../platform/real-path.ts";
import type { ActionReport } from "../report.ts";
import type { SettingsInput } from "../settings-glance.ts";
import { reporter, stopIfAborted } from "../toolbox.ts";
import { stageFile } from "./copying.ts";
import { withDatabaseAlone } from "./hold.ts";
import { movingTo } from "./left-folders.ts";
import { type ChangeOptions, type ChangeReport, type Operation, operate } from "./operation.ts";
import { exists, requireReadableDatabase } from "./refusals.ts";
import { type Stock, takeStock } from "./take-stock.ts";

const { existsSync, lstatSync, rmSync, statSync } = fs;

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
      requireReadableDatabase(op, stock, "moved");
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

/**
 * All of it is copied under a temporary name first. The database appears last and disappears first: whoever finds it at
 * a place finds everything there.
 */
async function relocate(
  op: Operation,
  stock: Stock,
  to: Places,
  kept: readonly string[],
  { keep = false }: MoveOptions,
): Promise<void> {
  const { places, engine } = op;
  const isNew = !existsSync(to.folder);
  const staging = isNew ? movingTo(dirname(to.folder), basename(to.folder)) : movingTo(to.folder, to.stem);
  dropSeal(places);
  const letGo = await whenFree(op, () => settle(engine, places.database));
  try {
    await copyAll(op, stock, staging, kept);
    stopIfAborted(op.signal);
    named(`writing ${to.folder}`, () => {
      if (isNew) return replaceFile(staging, to.folder);
      replaceFile(join(staging, basename(to.backups)), to.backups);
      replaceFile(join(staging, basename(to.database)), to.database);
    });
  } finally {
    letGo();
    discardFolder(staging);
    // Kept, or not moved after all, it is as it was.
    if (stock.database.journalMode === "wal") unsettle(engine, places.database);
  }
  if (!keep) await removeOld(op, stock, to, kept);
}

/** Each copy is known to have the bytes of its original. */
async function copyAll(op: Operation, stock: Stock, staging: string, kept: readonly string[]): Promise<void> {
  const { places } = op;
  // Left by a move that was cut off.
  named(`removing ${staging}`, () => rmSync(staging, { recursive: true, force: true }));
  const copy = placesOf(join(staging, basename(places.database)), join(staging, basename(places.backups)));
  const files = [
    ...kept.map((file) => ({ from: join(places.backups, file), to: join(copy.backups, file) })),
    { from: places.database, to: copy.database },
  ];
  const total = files.reduce((sum, { from }) => sum + statSync(from).size, 0);
  named(`making the folder ${staging}`, () => {
    createPrivateFolder(copy.backups);
    requireSpace(staging, total);
  });
  let done = 0;
  for (const { from, to } of files) {
    stopIfAborted(op.signal);
    await stageFile(op, { from, to, sha256: null }, { done, total });
    done += statSync(to).size;
  }
  writeIndex(copy, { entries: stock.own.map((entry) => ({ ...entry, source: null })), restores: [] });
  finishCopy(op, copy.database, stock.database.journalMode);
  named(`flushing ${staging}`, () => {
    for (const folder of [copy.backups, copy.folder]) syncFolder(folder);
  });
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
