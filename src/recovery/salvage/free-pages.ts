/**
 * Pages that hold nothing of the database: those on the freelist, https://sqlite.org/fileformat2.html#the_freelist,
 * and the pointer maps, https://sqlite.org/fileformat2.html#pointer_map_or_ptrmap_pages.
 */
import type { HeaderFields } from "./layout.ts";
import type { PageMap } from "./page-map.ts";
import type { PageSource } from "./page-source.ts";

/** What a pointer map says of a free page. */
const MAPPED_FREE = 2;
const ENTRY = 5;

/** @returns how many pages of the list were found */
export function markFreelist(source: PageSource, map: PageMap, usable: number, first: number): number {
  const bytes = Buffer.alloc(source.pageSize);
  let found = 0;
  for (let trunk = first; map.isOpen(trunk) && !map.isFree(trunk) && trunk > 1; ) {
    if (!source.read(trunk, bytes)) break;
    const leaves = leavesOf(bytes, usable, source.pages);
    if (!leaves) break;
    for (const page of [trunk, ...leaves]) map.free(page);
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

/**
 * Trunks that nothing leads to any more, since one before them is gone.
 *
 * @returns how many pages were found, and whether they lead to others that are no trunks
 */
export function markLostTrunks(source: PageSource, map: PageMap, usable: number): { found: number; broken: boolean } {
  const bytes = Buffer.alloc(source.pageSize);
  const next = new Set<number>();
  const trunks = new Set<number>([0]);
  let found = 0;
  for (let page = 2; page <= source.pages; page++) {
    if (map.claimed(page) || map.isFree(page) || !map.isOther(page) || !source.read(page, bytes)) continue;
    const leaves = leavesOf(bytes, usable, source.pages);
    if (!leaves || leaves.length === 0 || leaves.some((leaf) => map.claimed(leaf))) continue;
    for (const each of [page, ...leaves]) map.free(each);
    found += 1 + leaves.length;
    trunks.add(page);
    next.add(bytes.readUInt32BE(0));
  }
  return { found, broken: [...next].some((page) => !trunks.has(page)) };
}

/**
 * Marks the pointer maps, and the pages that they call free: a freelist that is damaged may not name them.
 *
 * @returns whether all of them can be read
 */
export function markPointerMaps(source: PageSource, map: PageMap, usable: number): boolean {
  const bytes = Buffer.alloc(source.pageSize);
  let whole = true;
  const covered = Math.floor(usable / ENTRY);
  for (let first = 2; first <= source.pages; first += covered + 1) {
    const page = first === source.lockPage ? first + 1 : first;
    map.setMap(page);
    if (!source.read(page, bytes) || !isMap(bytes, covered)) {
      whole = false;
      continue;
    }
    for (let n = 0; n < covered; n++) {
      const free = bytes[n * ENTRY] === MAPPED_FREE && bytes.readUInt32BE(n * ENTRY + 1) === 0;
      if (free && page + 1 + n !== source.lockPage) map.free(page + 1 + n);
    }
  }
  return whole;
}

function isMap(bytes: Buffer, covered: number): boolean {
  for (let n = 0; n < covered; n++) if ((bytes[n * ENTRY] as number) > 5) return false;
  return bytes[0] !== 0;
}

/** The header may say it by a single wrong bit, and then pages of rows would be taken for maps. */
export function vacuumOf(fields: HeaderFields | null, source: PageSource, usable: number): HeaderFields["autoVacuum"] {
  if (fields?.autoVacuum === "none") return "none";
  const bytes = Buffer.alloc(source.pageSize);
  const covered = Math.floor(usable / ENTRY);
  let maps = 0;
  let others = 0;
  for (let page = 2; page <= source.pages; page += covered + 1) {
    if (page === source.lockPage || !source.read(page, bytes) || bytes[0] === 0) continue;
    if (isMap(bytes, Math.min(covered, source.pages - page))) maps++;
    else others++;
  }
  const told = fields?.autoVacuum ?? "full";
  return maps > others || (maps === others && fields !== null) ? told : "none";
}
