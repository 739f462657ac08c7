/**
 * The content of a folder that `holdfast backup --output` writes, in the child process: a described copy of the database, then
 * the files that belong to it, and the manifest last. The folder gets its name when all of it is there.
 */
import { dirname, join } from "node:path";
import type { Tools } from "../database/check.ts";
import { named } from "../errors.ts";
import { createPrivateFolder, syncFolder, writeAtomically } from "../platform/atomic-file.ts";
import { fs } from "../platform/builtins.ts";
import type { Progress } from "../platform/child.ts";
import { type CopyOrder, copyContent, type DescribedCopy, describeCopy } from "./described-copy.ts";
import { copyFile, type LeftOut } from "./extra-files.ts";
import { MANIFEST, type Manifest, type ManifestFile, textOfManifest } from "./manifest.ts";

const { lstatSync } = fs;

export interface CopyOutOrder extends CopyOrder {
  /** What the copy becomes. */
  readonly to: string;
  /** Its place among the backups. */
  readonly sequence: number;
}

/** @param onProgress in pages, then, with names, in tables that are checked */
export async function copyOut(
  tools: Tools,
  order: CopyOutOrder,
  onProgress: (progress: Progress) => void,
): Promise<DescribedCopy & { readonly size: number }> {
  const copy = await copyContent(tools, order, order.to, onProgress);
  const described = await describeCopy(tools, order, copy, order.sequence, onProgress);
  return { ...described, size: lstatSync(order.to).size };
}

export interface FillOrder {
  /** Where the database is already. */
  readonly folder: string;
  readonly manifest: Manifest;
  /** What is copied, and joins the manifest: from which path to which one in the folder. */
  readonly files: readonly { readonly from: string; readonly path: string; readonly size: number }[];
  /** A free name in the folder. */
  readonly temporary: string;
}

export interface Filled {
  readonly leftOut: readonly LeftOut[];
  /** Files that went on changing while they were copied. */
  readonly changed: readonly string[];
}

/** @param onProgress in bytes */
export function fillOutput(
  { folder, manifest, files, temporary }: FillOrder,
  onProgress: (progress: Progress) => void,
): Filled {
  return named(`writing ${folder}`, () => {
    for (const { path } of manifest.extra) createPrivateFolder(join(folder, path));
    const { copied, leftOut, changed } = copyFiles(folder, files, onProgress);
    for (const path of new Set(copied.flatMap((file) => foldersOf(file.path)))) syncFolder(join(folder, path));
    const text = textOfManifest({ ...manifest, files: [...manifest.files, ...copied] });
    writeAtomically(join(folder, MANIFEST), text, temporary);
    return { leftOut, changed };
  });
}

function copyFiles(
  folder: string,
  files: FillOrder["files"],
  onProgress: (progress: Progress) => void,
): { copied: ManifestFile[]; leftOut: LeftOut[]; changed: string[] } {
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
  return { copied, leftOut, changed };
}

/** `a` and `a/b` for `a/b/c`. */
function foldersOf(path: string): string[] {
  const parent = dirname(path);
  return parent === "." ? [] : [...foldersOf(parent), parent];
}
