/** What a person names: a backup or a set-aside database, another file, or a folder that `holdfast backup --output` wrote. */
import { randomUUID } from "node:crypto";
import { basename, dirname, join, resolve } from "node:path";
import { idForUnstamped } from "../backups/choose.ts";
import type { IndexEntry } from "../backups/index-file.ts";
import { hasManifest, type Manifest, readManifest } from "../backups/manifest.ts";
import type { SetAside } from "../backups/survey.ts";
import { recordedId } from "../database/seal.ts";
import { HoldfastError } from "../errors.ts";
import { idOf } from "../places.ts";
import { fs } from "../platform/builtins.ts";
import { realPath } from "../platform/real-path.ts";
import { isSameFile } from "../platform/registry.ts";
import type { Operation } from "./operation.ts";
import type { Stock } from "./take-stock.ts";

const { statSync } = fs;

export type Source =
  | { readonly kind: "backup"; readonly id: string; readonly path: string; readonly entry: IndexEntry }
  | { readonly kind: "demoted" | "quarantined"; readonly id: string; readonly path: string; readonly set: SetAside }
  | { readonly kind: "file"; readonly id: string; readonly path: string }
  /** `path` is the database in it. */
  | {
      readonly kind: "folder";
      readonly id: string;
      readonly path: string;
      readonly folder: string;
      readonly manifest: Manifest;
    };

/**
 * @param named an id, a label, a file name of the backup folder, `latest`, or the path of a file or folder
 * @throws NOT_FOUND with the names that there are
 */
export function findSource(op: Operation, stock: Stock, named: string): Source {
  const kept = keptSources(op, stock);
  if (named === "latest") {
    const newest = kept.find((each) => each.kind === "backup");
    if (newest) return newest;
    throw notFound(op, "There is no backup of this database", kept);
  }
  const found =
    kept.find((each) => each.id === named || basename(each.path) === named) ??
    kept.find((each) => each.kind === "backup" && each.entry.label === named);
  return found ?? fromPath(op, named, kept);
}

/** @throws NOT_FOUND where what was found is of another kind */
export function requireKind(source: Source, only: Source["kind"]): void {
  if (source.kind === only) return;
  throw new HoldfastError({
    code: "NOT_FOUND",
    message: `${source.id} is no ${only} database; nothing was changed.`,
    hint: `See those that there are: holdfast ${only === "demoted" ? "demoted list" : "list"}`,
    details: { path: source.path },
  });
}

/** Whose backups are meant: as the stamp says, or, where it cannot be read or there is none, as the backups do. */
export function databaseIdOf({ places }: Operation, { database, survey, own }: Stock): string | null {
  const stamped = database.self?.stamp?.databaseId;
  if (stamped !== undefined) return stamped;
  if (database.self) return idForUnstamped(survey.backups, { path: places.database, backupsFolder: places.backups });
  const ids = new Set(own.map((entry) => entry.databaseId));
  return ids.size === 1 ? ([...ids][0] ?? null) : null;
}

/** The same for what is written to it: a database that was never guarded is known by what was recorded, or gets an id. */
export function databaseIdFor(op: Operation, stock: Stock): string {
  return databaseIdOf(op, stock) ?? recordedId(op.places) ?? randomUUID();
}

/** Everything in the backup folder that can be named; the newest backup first. */
export function keptSources({ places }: Operation, { own, survey }: Stock): Source[] {
  const idAndPath = (file: string) => ({ id: idOf(places, file), path: join(places.backups, file) });
  return [
    ...own.map((entry): Source => ({ kind: "backup", ...idAndPath(entry.file), entry })),
    // Sidecars that were set aside alone are no database.
    ...survey.setAside
      .filter((set) => set.files.includes(set.file))
      .map((set): Source => ({ kind: set.kind, ...idAndPath(set.file), set })),
  ];
}

function fromPath(op: Operation, named: string, kept: readonly Source[]): Source {
  const path = realPath(resolve(named));
  const found = statSync(path, { throwIfNoEntry: false });
  const known = kept.find((each) => each.path === path);
  if (known) return known;
  // Under a second name too: reading what it is would drop the locks of whoever has it open in this process.
  const { database } = op.places;
  if (path === database || isSameFile(path, database)) throw itself(path, kept);
  if (found?.isFile()) {
    const folder = dirname(path);
    const manifest = hasManifest(folder) ? readManifest(folder) : null;
    // The database of such a folder is restored with what belongs to it.
    return manifest?.database === basename(path)
      ? { kind: "folder", id: folder, path, folder, manifest }
      : { kind: "file", id: path, path };
  }
  if (found?.isDirectory()) {
    const manifest = readManifest(path);
    return { kind: "folder", id: path, path: join(path, manifest.database), folder: path, manifest };
  }
  if (found) throw notFound(op, `${path} is neither a file nor a folder`, kept);
  throw notFound(op, `There is no backup "${named}", and no file of that name`, kept);
}

function itself(path: string, kept: readonly Source[]): HoldfastError {
  const ids = kept.map((each) => each.id);
  return new HoldfastError({
    code: "NOT_FOUND",
    message: `${path} is the database itself; nothing was changed.`,
    hint: `How it is, holdfast doctor says, and holdfast recover --dry-run reads all of it. ${ids.length === 0 ? "Here, name another file." : `Here, name one of ${ids.join(", ")}, or another file.`}`,
    details: { ids },
  });
}

function notFound({ places }: Operation, what: string, kept: readonly Source[]): HoldfastError {
  const ids = kept.map((each) => each.id);
  return new HoldfastError({
    code: "NOT_FOUND",
    message: `${what}; nothing was changed.`,
    hint: ids.length === 0 ? `There is nothing in ${places.backups}: name a file.` : `There are: ${ids.join(", ")}.`,
    details: { ids },
  });
}
