/** Whether the files of a folder are those that its manifest lists, in the child process, for that reads all of them. */
import { join } from "node:path";
import { sha256Of } from "../database/read-raw.ts";
import { messageOf } from "../errors.ts";
import { fs } from "../platform/builtins.ts";
import type { Progress } from "../platform/child.ts";
import type { Manifest } from "./manifest.ts";

const { lstatSync } = fs;

export interface CheckFilesOrder {
  readonly folder: string;
  readonly files: Manifest["files"];
}

/** @returns what is amiss, in words, by file */
export function checkFiles(
  { folder, files }: CheckFilesOrder,
  onProgress: (progress: Progress) => void,
): { path: string; problem: string }[] {
  const total = files.reduce((sum, file) => sum + file.size, 0);
  let done = 0;
  return files.flatMap((file) => {
    const problem = problemOf(folder, file);
    done += file.size;
    onProgress({ done, total, what: file.path });
    return problem === null ? [] : [{ path: file.path, problem }];
  });
}

function problemOf(folder: string, { path, size, sha256 }: Manifest["files"][number]): string | null {
  try {
    // A link in the middle of the path would lead out of the folder.
    const parts = path.split("/");
    for (let depth = 1; depth <= parts.length; depth++) {
      const found = lstatSync(join(folder, ...parts.slice(0, depth)), { throwIfNoEntry: false });
      if (!found) return "it is gone";
      if (found.isSymbolicLink()) return "it is a link";
      if (depth === parts.length && !found.isFile()) return "it is not a regular file";
      if (depth === parts.length && found.size !== size) return `it has ${found.size} bytes instead of ${size}`;
    }
    return sha256Of(join(folder, path)) === sha256 ? null : "its bytes are not those that the manifest lists";
  } catch (error) {
    return messageOf(error);
  }
}
