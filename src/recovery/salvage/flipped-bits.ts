/**
 * Pages that differ from a backup's page of the same number in one bit. SQLite itself seldom writes such a difference,
 * and a medium that rots does: such a page is read as the backup has it. An integer, or the type that stands for one, may
 * well have been changed in one bit by the application; that counts as damage only where nothing else was written since.
 */
import { fold, isInternal } from "../tables.ts";
import { BTreePage, INDEX_LEAF, isTree, TABLE_LEAF } from "./b-tree-page.ts";
import type { Backup } from "./fill.ts";
import { ownersIn } from "./old-places.ts";
import type { PageSource } from "./page-source.ts";
import { RecordReader } from "./record.ts";

interface Flip {
  readonly page: number;
  /** Where on its page the byte is. */
  readonly at: number;
}

/** @returns pages that are to be read from the backup; page 1 is never one, for each writer leaves its mark there */
export function flippedPages(file: PageSource, backup: Backup): ReadonlySet<number> {
  const { source, usable } = backup.pages;
  if (source.pageSize !== file.pageSize) return new Set();
  const view = new BTreePage(file.pageSize, usable);
  const isOwn = ownPagesOf(backup);
  const flips: Flip[] = [];
  let wasWritten = false;
  const others = source.stream();
  for (const { page, bytes } of file.stream()) {
    const other = others.next().value;
    if (!other) break;
    if (page === 1 || bytes.equals(other.bytes)) continue;
    const at = onlyFlip(bytes, other.bytes);
    if (at !== null) flips.push({ page, at });
    else wasWritten ||= !isOwn(page) && isSound(view, page, bytes);
  }
  const believed = wasWritten ? flips.filter((flip) => !isIntegers(backup, view, flip)) : flips;
  return new Set(believed.map(({ page }) => page));
}

/** What Holdfast writes into a backup is no sign that the database was written to. */
function ownPagesOf({ pages, schema }: Backup): (page: number) => boolean {
  const own = schema.entries.filter(({ type, name }) => type === "table" && isInternal(fold(name)));
  const ownerOf = ownersIn(
    pages,
    own.map(({ root }) => root),
  );
  return (page) => ownerOf(page) !== undefined;
}

/** The byte in which the only bit that differs stands; null where there are more. */
function onlyFlip(a: Buffer, b: Buffer): number | null {
  let found: number | null = null;
  for (let at = 0; at < a.length; at++) {
    if (a[at] === b[at]) continue;
    const bits = (a[at] as number) ^ (b[at] as number);
    if (found !== null || (bits & (bits - 1)) !== 0) return null;
    found = at;
  }
  return found;
}

function isSound(view: BTreePage, page: number, bytes: Buffer): boolean {
  if (!isTree(bytes[0] as number)) return false;
  bytes.copy(view.bytes);
  return view.parse(page) && view.sound;
}

/** Whether the byte is an integer's, or the type's of one, in a record of the page as the backup has it. */
function isIntegers({ pages }: Backup, view: BTreePage, { page, at }: Flip): boolean {
  const type = pages.map.type(page);
  if ((type !== TABLE_LEAF && type !== INDEX_LEAF) || !pages.source.read(page, view.bytes)) return false;
  if (!view.parse(page)) return false;
  const records = new RecordReader("utf8");
  for (let cell = 0; cell < view.count; cell++) {
    const start = view.payloadAt[cell] as number;
    const end = start + (view.local[cell] as number);
    if (at < start || at >= end) continue;
    return records.parse(view.bytes, start, view.payloadSize[cell] as number, end) && records.isIntegerAt(at);
  }
  return false;
}
