import { join } from "node:path";
import { fs } from "./builtins.ts";

const { lstatSync, readdirSync } = fs;

/** What `stat` says of these files, a line for each: tells whether one was put there, taken out or changed. */
export function proofOfFolder(folder: string, belongs: (file: string) => boolean): string {
  const lines = readdirSync(folder)
    .filter(belongs)
    .sort()
    .map((file) => {
      const found = lstatSync(join(folder, file), { bigint: true, throwIfNoEntry: false });
      return `${file} ${found?.ino} ${found?.size} ${found?.mtimeNs} ${found?.ctimeNs}`;
    });
  return lines.join("\n");
}
