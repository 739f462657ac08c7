/**
 * Pages that hold nothing of the database: those on the freelist, https://sqlite.org/fileformat2.html#the_freelist,
 * and the pointer maps, https://sqlite.org/fileformat2.html#pointer_map_or_ptrmap_pages.
 */
import type { HeaderFields } from "./layout.ts";
import { FREE, MAPS, OTHER, type PageMap } from "./page-map.ts";
import type { PageSource } from "./page-source.ts";

/** What a pointer map says of a free page. */
const MAPPED_FREE = 2;
const ENTRY = 5;

/** @returns how many pages of the list were found */
export function markFreelist(source: PageSource, map: PageMap, usable: number, first: number): number {
  const bytes = Buffer.alloc(source.pageSize);
  let found = 0;
  for (let trunk = first; map.isOpen(trunk) && map.is(trunk, OTHER) && trunk > 1; ) {
    if (!source.read(trunk, bytes)) break;
    const leaves = leavesOf(bytes, usable, source.pages);
    if (!leaves) break;
    map.set(trunk, FREE);
    for (const leaf of leaves) map.set(leaf, FREE);
    found += 1 + leaves.length;
    trunk = bytes.readUInt32BE(0);
  }
  return found;
}

/** Null where the page is no trunk of a freelist. */
function leavesOf(bytes: Buffer, usable: number, pages: number): number[] | null {
  const count = bytes.readUInt32BE(4);
  if (count > usable / 4 - 2 || bytes.readUInt32BE(0) > pages) return null;
  const leaves = Array.from({ length: count }, (_, n) => bytes.readUInt32BE(8 + 4 * n));
  const valid = leaves.every((leaf) => leaf > 1 && leaf <= pages) && new Set(leaves).size === count;
  return valid ? leaves : null;
}

/** Trunks that nothing leads to any more, since one before them is gone. @returns how many pages were found */
export function markLostTrunks(source: PageSource, map: PageMap, usable: number): number {
  const bytes = Buffer.alloc(source.pageSize);
  let found = 0;
  for (let page = 2; page <= source.pages; page++) {
    if (map.claimed(page) || !map.is(page, OTHER) || !source.read(page, bytes)) continue;
    const leaves = leavesOf(bytes, usable, source.pages);
    if (!leaves || leaves.length === 0 || leaves.some((leaf) => map.claimed(leaf))) continue;
    map.set(page, FREE);
    for (const leaf of leaves) map.set(leaf, FREE);
    found += 1 + leaves.length;
  }
  return found;
}

/** Marks the pointer maps, and the pages that they call free: a freelist that is damaged may not name them. */
export function markPointerMaps(source: PageSource, map: PageMap, usable: number): void {
  const bytes = Buffer.alloc(source.pageSize);
  const covered = Math.floor(usable / ENTRY);
  for (let first = 2; first <= source.pages; first += covered + 1) {
    const page = first === source.lockPage ? first + 1 : first;
    if (!source.read(page, bytes)) continue;
    map.set(page, MAPS);
    if (!isMap(bytes, covered)) continue;
    for (let n = 0; n < covered; n++) {
      const free = bytes[n * ENTRY] === MAPPED_FREE && bytes.readUInt32BE(n * ENTRY + 1) === 0;
      if (free && page + 1 + n !== source.lockPage) map.set(page + 1 + n, FREE);
    }
  }
}

function isMap(bytes: Buffer, covered: number): boolean {
  for (let n = 0; n < covered; n++) if ((bytes[n * ENTRY] as number) > 5) return false;
  return bytes[0] !== 0;
}

/** Whether page 2 maps the pages behind it, where the header that says so is gone. */
export function looksAutoVacuumed(source: PageSource, usable: number): boolean {
  const bytes = Buffer.alloc(source.pageSize);
  if (!source.read(2, bytes)) return false;
  const covered = Math.min(Math.floor(usable / ENTRY), source.pages - 2);
  if (covered < 1) return false;
  for (let n = 0; n < covered; n++) {
    const type = bytes[n * ENTRY] as number;
    const parent = bytes.readUInt32BE(n * ENTRY + 1);
    if (type < 1 || type > 5 || parent > source.pages || type <= 2 !== (parent === 0)) return false;
  }
  return true;
}

export function vacuumOf(fields: HeaderFields | null, source: PageSource, usable: number): HeaderFields["autoVacuum"] {
  return fields?.autoVacuum ?? (looksAutoVacuumed(source, usable) ? "full" : "none");
}
