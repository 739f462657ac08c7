/**
 * Replacing the database by another file, so that at every instant the next launch finds the whole old one or
 * the whole new one, and never a sidecar beside a file it does not belong to.
 *
 *   (staged file checked, flushed, its folder flushed)
 *   → write the intent → give the old one and its sidecars their second names → unlink the old sidecars
 *   → rename the staged file over the path → remove the intent
 *
 * Each step is flushed before the next begins, and each can be done twice: any later launch completes a swap
 * whose intent it finds, provided the files are still those that the intent names.
 */
import { dirname } from "node:path";
import { HoldfastError, named, namedAsync } from "../errors.ts";
import { type Places, temporaryIn } from "../places.ts";
import {
  type FileIdentity,
  identify,
  removeDurably,
  replaceFile,
  sameIdentity,
  secondName,
  syncFolder,
  writeAtomically,
} from "../platform/atomic-file.ts";
import { fs } from "../platform/builtins.ts";
import { isAbsent, observeFiles, presentSidecars } from "./files.ts";
import { findIntent, freeIntentFile, type Intent, textOfIntent } from "./intent.ts";
import type { Engine } from "./open.ts";
import { sha256Of } from "./read-raw.ts";

const { existsSync, lstatSync } = fs;

/** Copies a file durably under a new name: in a child process, since it may be the live database. */
export type CopyFile = (from: string, to: string) => Promise<void>;

export interface SwapOrder {
  readonly places: Places;
  /** The replacement: checked, flushed, beside the database. */
  readonly staged: string;
  /** The new name of the old database; its sidecars get matching ones. Null: it holds nothing to keep. */
  readonly aside: string | null;
}

export async function swap(order: SwapOrder, copy: CopyFile): Promise<void> {
  const { places, staged, aside } = order;
  const old = observeFiles(places.database);
  const stagedIdentity = identify(staged);
  if (!stagedIdentity) throw new Error(`${staged} is gone`);
  const intent: Intent = {
    database: places.database,
    staged,
    staged_identity: stagedIdentity,
    ...(old.main ? { old_identity: old.main } : {}),
    ...(aside === null ? {} : { aside }),
    sidecars: presentSidecars(old).map((ending) => ({ ending, identity: old.sidecars[ending] as FileIdentity })),
  };
  const file = freeIntentFile(places);
  await namedAsync(`swapping ${places.database}`, async () => {
    syncFolder(places.folder);
    writeAtomically(file, textOfIntent(intent), temporaryIn(dirname(file), places, "intent"));
    const made: string[] = [];
    try {
      await keepOld(intent, places, copy, made);
    } catch (error) {
      // Nothing was replaced yet: a full disk must not leave a swap that every later launch fails to complete.
      for (const each of [...made, file]) removeDurably(each);
      throw error;
    }
    replaceOld(intent, file);
  });
}

/** @param made gets the names that were given now */
async function keepOld(intent: Intent, places: Places, copy: CopyFile, made: string[]): Promise<void> {
  const { database, aside } = intent;
  if (aside === undefined) return;
  for (const ending of [...(intent.old_identity ? [""] : []), ...intent.sidecars.map((each) => each.ending)]) {
    if (isKept(database + ending, aside + ending)) continue;
    await keepUnder(database + ending, aside + ending, places, copy);
    made.push(aside + ending);
  }
  syncFolder(dirname(aside));
}

function replaceOld(intent: Intent, file: string): void {
  for (const { ending } of intent.sidecars) removeDurably(intent.database + ending);
  replaceFile(intent.staged, intent.database);
  removeDurably(file);
}

/** Whether a run that was cut off gave the second name already; anybody else's file of that name is none. */
function isKept(from: string, to: string): boolean {
  const [old, kept] = [from, to].map((file) => lstatSync(file, { bigint: true, throwIfNoEntry: false }));
  if (!kept) return old === undefined;
  if (!old || (old.dev === kept.dev && old.ino === kept.ino)) return true;
  if (old.size === kept.size && sha256Of(from) === sha256Of(to)) return true;
  throw new HoldfastError({
    code: "IO_FAILED",
    message: `${from} cannot be kept as ${to}: another file has taken that name.`,
    hint: `Move that file away and start again: mv "${to}" "${to}.other"`,
    details: { from, to },
  });
}

async function keepUnder(from: string, to: string, places: Places, copy: CopyFile): Promise<void> {
  await secondName(from, to, async () => {
    const temporary = temporaryIn(dirname(to), places, "backup");
    await copy(from, temporary);
    replaceFile(temporary, to);
  });
}

function alreadyRenamed(intent: Intent): boolean {
  return !existsSync(intent.staged) && sameIdentity(identify(intent.database), intent.staged_identity);
}

export type SwapState =
  | { readonly kind: "resumable"; readonly database: string; readonly aside: string | null }
  | { readonly kind: "broken"; readonly file: string; readonly differences: readonly string[] };

/** The swap of this database that an earlier launch left unfinished, if any. */
export function unfinishedSwap(places: Places): SwapState | null {
  const found = findIntent(places);
  if (!found) return null;
  if ("why" in found) return { kind: "broken", file: found.file, differences: [found.why] };
  const differences = alreadyRenamed(found.intent) ? [] : differencesFrom(found.intent);
  if (differences.length > 0) return { kind: "broken", file: found.file, differences };
  return { kind: "resumable", database: found.intent.database, aside: found.intent.aside ?? null };
}

/** Whether the files of a swap may still be needed: so also where that cannot be read, as after an error that has a name. */
export function mayBeSwapping(places: Places): boolean {
  try {
    return unfinishedSwap(places) !== null;
  } catch {
    return true;
  }
}

/** Completes it. Only for a state that is `resumable`. */
export async function finishSwap(places: Places, copy: CopyFile): Promise<void> {
  const found = findIntent(places);
  if (!found || "why" in found) return;
  const { intent, file } = found;
  await namedAsync(`completing the swap of ${places.database}`, async () => {
    if (alreadyRenamed(intent)) return removeDurably(file);
    await keepOld(intent, places, copy, []);
    replaceOld(intent, file);
  });
}

function differencesFrom(intent: Intent): string[] {
  const differences: string[] = [];
  const compare = (file: string, expected: FileIdentity | undefined) => {
    const actual = identify(file);
    if (sameIdentity(actual, expected)) return;
    differences.push(
      `${file} ${actual ? (expected ? "is another file than the one named" : "was not there") : "is gone"}`,
    );
  };
  compare(intent.staged, intent.staged_identity);
  compare(intent.database, intent.old_identity);
  for (const ending of presentSidecars(observeFiles(intent.database))) {
    compare(intent.database + ending, intent.sidecars.find((each) => each.ending === ending)?.identity);
  }
  for (const { ending } of intent.sidecars) {
    const kept = intent.aside !== undefined && existsSync(intent.aside + ending);
    if (!existsSync(intent.database + ending) && !kept) differences.push(`${intent.database + ending} is gone`);
  }
  return differences;
}

/**
 * Brings a sound database into one file: its WAL checkpointed and WAL mode left, which needs it alone. Nobody else
 * writes to it until it is let go, for a program in the middle of a transaction would leave its journal beside the
 * file that takes the place, or commit to the one that is gone.
 *
 * @returns lets go; a second call does nothing
 * @throws DB_IN_USE when another program has it open, or writes to it; nothing was changed then
 */
export function settle(engine: Engine, path: string): () => void {
  if (isAbsent(observeFiles(path))) return () => {};
  return named(`closing the log of ${path}`, () => {
    const db = engine.openUntrusted(path, "readwrite", { timeout: 0 });
    try {
      // The checkpoint reports busy in its row, not as an error: https://sqlite.org/pragma.html#pragma_wal_checkpoint
      const [row] = db.pragma("wal_checkpoint(TRUNCATE)") as { busy: number }[];
      const mode = row?.busy === 0 ? db.pragma("journal_mode = DELETE", { simple: true }) : "busy";
      if (mode !== "delete") throw heldByAnother(path);
      // It may still be read, by the child that copies it for instance.
      db.exec("BEGIN IMMEDIATE");
    } catch (error) {
      db.close();
      throw error;
    }
    // Windows lets nobody rename over a file that is open, and so nobody else can have it open either.
    if (process.platform === "win32") db.close();
    return () => void db.close();
  });
}

/** A database that was settled and stays after all goes back to the journal mode that it had. */
export function unsettle(engine: Engine, path: string): void {
  named(`opening ${path}`, () => {
    const db = engine.openUntrusted(path, "readwrite");
    try {
      db.pragma("journal_mode = WAL");
    } finally {
      db.close();
    }
  });
}

function heldByAnother(path: string): HoldfastError {
  return new HoldfastError({
    code: "DB_IN_USE",
    message: `${path} is open in another program, so it cannot be replaced.`,
    hint: "Close the other program that has the database open, then start again.",
    details: { path },
  });
}
