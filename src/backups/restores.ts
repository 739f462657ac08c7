/** Restores that no clean close has confirmed yet, kept in the index: a second one is a loop. */
import type { Places } from "../places.ts";
import type { OpenLockFile } from "../platform/lock.ts";
import { readIndex, type UnconfirmedRestore, withIndexLock, writeIndex } from "./index-file.ts";

/** @returns the restore of the same database before this one that was not confirmed, if any */
export async function noteRestore(
  open: OpenLockFile,
  places: Places,
  restore: UnconfirmedRestore,
): Promise<UnconfirmedRestore | undefined> {
  return await withIndexLock(open, places, () => {
    const { index, problem } = readIndex(places);
    // An index that cannot be read is made anew from the files behind the application; it is not written over here.
    if (problem?.kind === "damaged") return undefined;
    const others = index.restores.filter((each) => each.databaseId !== restore.databaseId);
    writeIndex(places, { ...index, restores: [...others, restore] });
    return index.restores.find((each) => each.databaseId === restore.databaseId);
  });
}

/** A clean close shows that the restored database served: the next restore is no loop. */
export async function confirmRestores(open: OpenLockFile, places: Places, databaseId: string): Promise<void> {
  await withIndexLock(open, places, () => {
    const { index, problem } = readIndex(places);
    const others = index.restores.filter((each) => each.databaseId !== databaseId);
    if (problem === null && others.length < index.restores.length) writeIndex(places, { ...index, restores: others });
  });
}
