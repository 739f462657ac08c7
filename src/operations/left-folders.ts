/** Folders that a backup to a folder, or a move, has under way, and that a kill leaves behind. */
import { basename, dirname, join } from "node:path";
import { hasCode, named } from "../errors.ts";
import type { Places } from "../places.ts";
import { fs, randomHex } from "../platform/builtins.ts";

const { readdirSync, rmSync } = fs;

/** A name of its own for each run, for two may write to one place; it says which process it is of. */
export function outputUnderWay(folder: string): string {
  return join(dirname(folder), `.${basename(folder)}-backup-${process.pid}-${randomHex(6)}.tmp`);
}

/** Holds what is copied first; a move has the database alone. */
export function movingTo(parent: string, name: string): string {
  return join(parent, `.${name}-moving.tmp`);
}

/** What backups to this folder left that were cut off. */
export function clearOutputs(folder: string): void {
  for (const path of foldersIn(dirname(folder))) {
    if (nameOfOutput(path) === basename(folder) && isLeft(path))
      named(`removing ${path}`, () => rmSync(path, { recursive: true, force: true }));
  }
}

/** Those that can be seen from where the database is. */
export function leftFolders({ folder, backups }: Places): string[] {
  return [...new Set([folder, backups, dirname(folder)])].flatMap(foldersIn).filter(isLeft);
}

const OUTPUT = /^\.(.+)-backup-(\d+)-[0-9a-f]{12}\.tmp$/;

function nameOfOutput(path: string): string | undefined {
  return OUTPUT.exec(basename(path))?.[1];
}

function isLeft(path: string): boolean {
  const output = OUTPUT.exec(basename(path));
  return output ? !isAlive(Number(output[2])) : /^\..+-moving\.tmp$/.test(basename(path));
}

/** On this machine: whoever writes from another one loses no more than a copy that is under way. */
function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return hasCode(error) && error.code === "EPERM";
  }
}

function foldersIn(parent: string): string[] {
  try {
    return readdirSync(parent, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => join(parent, name));
  } catch {
    return [];
  }
}
