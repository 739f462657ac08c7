/**
 * The content of a folder that `holdfast backup --output` writes, in the child process: a described copy of the database, the
 * files that belong to it, and the manifest last. The folder gets its name when all of it is there.
 */
import { basename, dirname, join } from "node:path";
import type { Tools } from "../database/check.ts";
import { toHoldfastError } from "../errors.ts";
import { temporaryIn } from "../places.ts";
import { createPrivateFolder, syncFolder, writeAtomically } from "../platform/atomic-file.ts";
import { fs } from "../platform/builtins.ts";
import type { Progress } from "../platform/child.ts";
import { type CopyOrder, copyContent, describeCopy } from "./described-copy.ts";
import { copyFile, type LeftOut } from "./extra-files.ts";
import { MANIFEST, type Manifest, type ManifestFile, textOfManifest } from "./manifest.ts";

const { lstatSync } = fs;

export interface OutputOrder extends CopyOrder {
  /** Where all of it goes; it is there, and empty. */
  readonly folder: string;
  /** The copy's place among the backups. */
  readonly sequence: number;
  readonly extra: Manifest["extra"];
  /** What is copied, in the manifest's order: from which path to which one in the folder. */
  readonly files: readonly { readonly from: string; readonly path: string; readonly size: number }[];
  readonly tool: string;
}

export interface Output {
  readonly manifest: Manifest;
  readonly leftOut: readonly LeftOut[];
  /** Files that went on changing while they were copied. */
  readonly changed: readonly string[];
  readonly warnings: readonly string[];
}

/** @param onProgress in pages of the database, then, with `what`, in bytes of the other files */
export async function writeOutput(
  tools: Tools,
  order: OutputOrder,
  onProgress: (progress: Progress) => void,
): Promise<Output> {
  const { places, folder, extra, tool } = order;
  const database = basename(places.database);
  try {
    const copy = await copyContent(tools, order, join(folder, database), onProgress);
    const { row, sha256, warnings } = await describeCopy(tools, order, copy, order.sequence);
    for (const { path } of extra) createPrivateFolder(join(folder, path));
    const { files, leftOut, changed } = copyFiles(order, onProgress);
    const manifest: Manifest = {
      format: 1,
      tool,
      createdAt: row.createdAt,
      appVersion: row.version,
      databaseId: row.databaseId,
      layout: row.layout,
      label: row.label,
      database,
      extra,
      files: [{ path: database, size: lstatSync(copy.path).size, sha256 }, ...files],
    };
    for (const path of new Set(files.flatMap((file) => foldersOf(file.path)))) {
      syncFolder(join(folder, path));
    }
    writeAtomically(join(folder, MANIFEST), textOfManifest(manifest), temporaryIn(folder, places, "index"));
    return { manifest, leftOut, changed, warnings };
  } catch (error) {
    throw toHoldfastError(error, `writing ${folder}`) ?? error;
  }
}

function copyFiles(
  { folder, files }: OutputOrder,
  onProgress: (progress: Progress) => void,
): { files: ManifestFile[]; leftOut: LeftOut[]; changed: string[] } {
  const copied: ManifestFile[] = [];
  const leftOut: LeftOut[] = [];
  const changed: string[] = [];
  const total = files.reduce((sum, file) => sum + file.size, 0);
  let done = 0;
  for (const { from, path, size } of files) {
    const result = copyFile(from, join(folder, path));
    if ("why" in result) leftOut.push(result);
    else {
      copied.push({ path, size: result.size, sha256: result.sha256 });
      if (result.changed) changed.push(from);
    }
    done += size;
    onProgress({ done, total, what: path });
  }
  return { files: copied, leftOut, changed };
}

/** `a` and `a/b` for `a/b/c`. */
function foldersOf(path: string): string[] {
  const parent = dirname(path);
  return parent === "." ? [] : [...foldersOf(parent), parent];
}
