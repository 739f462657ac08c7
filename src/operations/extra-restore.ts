/** The folders that `db-extra` names, restored with the database: copied and checked first, then swapped by renames. */
import { basename, dirname, join, relative } from "node:path";
import type { Manifest } from "../backups/manifest.ts";
import { sha256Of } from "../database/read-raw.ts";
import { HoldfastError, named } from "../errors.ts";
import { timeInName } from "../places.ts";
import { createPrivateFolder, discardFolder, identify, syncFolder } from "../platform/atomic-file.ts";
import { fs, randomHex } from "../platform/builtins.ts";
import { requireSpace } from "../platform/free-space.ts";
import { retryBusy } from "../platform/retry-busy.ts";
import { stopIfAborted } from "../toolbox.ts";
import { copyFile } from "./copying.ts";
import { realExtras } from "./db-extra.ts";
import type { Operation } from "./operation.ts";
import {
  clearCutOffRestore,
  forgetRestoring,
  noteRestoring,
  type RestoreRecord,
  readRestoring,
  stagedFor,
} from "./restore-record.ts";
import type { Source } from "./source.ts";

const { lstatSync, renameSync } = fs;

export interface ExtraSwap {
  /** As `db-extra` has it. */
  readonly name: string;
  readonly from: string;
  readonly to: string;
  /** Where what is there goes; null where there is nothing. */
  readonly aside: string | null;
  /** What the name of the copy is known by. */
  readonly mark: string;
  readonly staged: string;
  readonly files: Manifest["files"];
}

/** @param target they are restored into this folder instead */
export function foreseeExtras(op: Operation, source: Source, target?: string): ExtraSwap[] {
  if (source.kind !== "folder") return [];
  const { manifest, folder } = source;
  const places = target === undefined ? realExtras(op) : [];
  const time = timeInName(op.now().toISOString());
  return manifest.extra.flatMap(({ name, path }): ExtraSwap[] => {
    const here = places.find((each) => each.name === name)?.path;
    const to = target === undefined ? here : join(target, basename(path));
    if (to === undefined) {
      op.warn(
        `The files of ${name} are not restored, for db-extra does not name that folder: they stay in ${join(folder, path)}.`,
      );
      return [];
    }
    const files = manifest.files.filter((file) => file.path.startsWith(`${path}/`));
    const taken = lstatSync(to, { throwIfNoEntry: false }) !== undefined;
    const aside = taken ? freeFolder(`${to}-${time}-replaced`) : null;
    const mark = randomHex(6);
    return [{ name, from: join(folder, path), to, aside, mark, staged: stagedFor(to, mark), files }];
  });
}

function freeFolder(path: string): string {
  for (let n = 1; ; n++) {
    const free = n === 1 ? path : `${path}-${n}`;
    if (!lstatSync(free, { throwIfNoEntry: false })) return free;
  }
}

export interface RestoreNote {
  /** @param staged what is to become the database */
  swapping(staged: string): void;
  /** When it was not done, what an earlier restore left is on record again. */
  end(done: boolean): void;
}

/** Puts on record what is about to be done, for whoever comes after a kill. */
export function noteExtras(op: Operation, source: Source, extras: readonly ExtraSwap[]): RestoreNote {
  if (source.kind !== "folder" || extras.length === 0) return { swapping() {}, end() {} };
  const { places, now } = op;
  clearCutOffRestore(op);
  const earlier = readRestoring(places);
  const record: RestoreRecord = {
    source: source.folder,
    at: now(),
    folders: extras.map(({ name, mark, aside }) => ({
      name,
      mark,
      ...(aside === null ? {} : { aside: basename(aside) }),
    })),
  };
  noteRestoring(places, record);
  return {
    swapping(staged) {
      const database = identify(staged)?.ino;
      noteRestoring(places, { ...record, ...(database === undefined ? {} : { database }) });
    },
    end(done) {
      try {
        if (done || earlier === null) forgetRestoring(places);
        else noteRestoring(places, earlier);
      } catch (error) {
        if (!(error instanceof HoldfastError)) throw error;
        op.warn(error.message);
      }
    },
  };
}

/** Copies all of them beside the folders whose place they take. */
export async function stageExtras(op: Operation, source: Source, extras: readonly ExtraSwap[]): Promise<void> {
  if (source.kind !== "folder") return;
  for (const { staged, from, files } of extras) {
    named(`making the folder ${staged}`, () => {
      createPrivateFolder(staged);
      requireSpace(staged, sumOf(files));
    });
    const folders = new Set([staged]);
    const total = sumOf(files);
    let done = 0;
    for (const { path, size, sha256 } of files) {
      stopIfAborted(op.signal);
      const original = join(source.folder, path);
      const copy = join(staged, relative(from, original));
      named(`making the folder ${dirname(copy)}`, () => createPrivateFolder(dirname(copy)));
      folders.add(dirname(copy));
      await copyFile(op, original, copy, { done, total });
      done += size;
      if (sha256Of(copy) !== sha256) throw changed(original);
    }
    for (const folder of folders) syncFolder(folder);
  }
}

function sumOf(files: ExtraSwap["files"]): number {
  return files.reduce((sum, file) => sum + file.size, 0);
}

function changed(path: string): HoldfastError {
  return new HoldfastError({
    code: "IO_FAILED",
    message: `The copy of ${path} has other bytes than its manifest lists; nothing was changed.`,
    hint: "Give the command again; if it happens again, check the medium.",
    details: { path },
  });
}

/** What it returns takes it all back. */
export function swapExtras(extras: readonly ExtraSwap[]): () => void {
  const undo: (() => void)[] = [];
  const rename = (from: string, to: string) => {
    retryBusy(() => renameSync(from, to));
    syncFolder(dirname(to));
  };
  const takeBack = () => {
    for (const step of undo.reverse()) step();
  };
  try {
    for (const { to, aside, staged } of extras) {
      named(`replacing ${to}`, () => {
        if (aside !== null) {
          rename(to, aside);
          undo.push(() => rename(aside, to));
        }
        rename(staged, to);
        undo.push(() => rename(to, staged));
      });
    }
  } catch (error) {
    takeBack();
    throw error;
  }
  return takeBack;
}

/** Removes the copies that took no place. */
export function dropExtras(extras: readonly ExtraSwap[]): void {
  for (const { staged } of extras) discardFolder(staged);
}
