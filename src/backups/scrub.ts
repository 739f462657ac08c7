/** Reading backups again against their checksums: bits rot where nobody looks. */
import { join } from "node:path";
import { sha256Of } from "../database/read-raw.ts";
import type { Places } from "../places.ts";
import type { OpenLockFile } from "../platform/lock.ts";
import { type Index, type IndexEntry, readIndex, withIndexLock, writeIndex } from "./index-file.ts";
import { setBackupAside } from "./set-aside.ts";
import { unfitName } from "./verify.ts";

export interface Scrubbed {
  /** Those that were read. */
  readonly scrubbed: readonly string[];
  /** Those of them that are damaged. */
  readonly rotten: ReadonlySet<string>;
  readonly warnings: readonly string[];
}

/** What is rotten is set aside; when what is sound was read goes into the index. */
export async function scrub(
  open: OpenLockFile,
  places: Places,
  entries: readonly IndexEntry[],
  now: string,
): Promise<Scrubbed> {
  const scrubbed: string[] = [];
  const rotten = new Set<string>();
  const warnings: string[] = [];
  for (const entry of entries) {
    const { file, sha256 } = entry;
    if (unfitName(places.backups, file) !== null) continue;
    const sound = sha256Of(join(places.backups, file)) === sha256;
    scrubbed.push(file);
    if (sound) {
      await noteVerified(open, places, entry, now);
      continue;
    }
    rotten.add(file);
    await whereListed(open, places, entry, (index, _, others) => {
      writeIndex(places, { ...index, entries: others });
      warnings.push(setBackupAside(places, file, "its bytes do not match its checksum any more", now));
    });
  }
  return { scrubbed, rotten, warnings };
}

/** That a backup was read, and found sound. */
export async function noteVerified(open: OpenLockFile, places: Places, entry: IndexEntry, now: string): Promise<void> {
  await whereListed(open, places, entry, (index, listed, others) =>
    writeIndex(places, { ...index, entries: [...others, { ...listed, verifiedAt: now }] }),
  );
}

/** Replaced or retired meanwhile, it is another backup than the one that was read: then nothing is done. */
async function whereListed(
  open: OpenLockFile,
  places: Places,
  { file, sequence, sha256 }: IndexEntry,
  change: (index: Index, listed: IndexEntry, others: readonly IndexEntry[]) => void,
): Promise<void> {
  await withIndexLock(open, places, () => {
    const { index, problem } = readIndex(places);
    const listed = index.entries.find((each) => each.file === file && each.sequence === sequence);
    if (problem !== null || !listed || listed.sha256 !== sha256) return;
    change(
      index,
      listed,
      index.entries.filter((each) => each !== listed),
    );
  });
}
