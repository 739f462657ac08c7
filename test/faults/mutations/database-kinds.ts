/** Damage to the database file itself. */
import { readFileSync } from "node:fs";
import { append, copyBlock, cutAt, fill, flipBit, scribble, swapBlocks, zeroSector } from "./bytes.ts";
import type { Draw } from "./draw.ts";
import { type Damage, family, type Kind, type Site } from "./kind.ts";
import { PAGE_KINDS, type PageKind, type PageMap } from "./pages.ts";

/** Offset and length: https://sqlite.org/fileformat2.html#the_database_header */
const HEADER_FIELDS = {
  magic: [0, 16],
  "page-size": [16, 2],
  "write-version": [18, 1],
  "read-version": [19, 1],
  "reserved-space": [20, 1],
  "payload-fractions": [21, 3],
  "change-counter": [24, 4],
  "page-count": [28, 4],
  "first-trunk": [32, 4],
  "free-pages": [36, 4],
  "schema-cookie": [40, 4],
  "schema-format": [44, 4],
  "cache-size": [48, 4],
  "largest-root": [52, 4],
  encoding: [56, 4],
  "user-version": [60, 4],
  "incremental-vacuum": [64, 4],
  "application-id": [68, 4],
  reserved: [72, 20],
  "version-valid-for": [92, 4],
  "written-by": [96, 4],
} as const;

const BOUNDARIES = [
  ...[0, 1, 2, 3, 4, 5, 0x7f, 0x80, 0xff, 0x100, 0x3fff, 0x7fff, 0x8000, 0xffff],
  ...[0x10000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff],
];

function setField(site: Site, draw: Draw, index: number, [offset, length]: readonly [number, number]): string {
  const value = Buffer.alloc(length);
  if (length > 4) return fill(site.places.database, offset, index % 2 === 0 ? value : draw.bytes(length));
  const last = index >= BOUNDARIES.length ? draw.below(0x100000000) : (BOUNDARIES[index] ?? 0);
  const limited = last % 2 ** (8 * length);
  value.writeUIntBE(limited, 0, length);
  return `${fill(site.places.database, offset, value)}: ${limited}`;
}

function mapOf(site: Site): PageMap {
  if (!site.pages) throw new Error(`${site.stage.name} has no pages`);
  return site.pages;
}

function somePage({ of }: PageMap, draw: Draw, kinds: readonly PageKind[] = PAGE_KINDS): number {
  return draw.pick(draw.pick(kinds.filter((kind) => of[kind].length > 0).map((kind) => of[kind])));
}

const bitIn =
  (kind: PageKind): Damage =>
  (site, draw) => {
    const { pageSize } = mapOf(site);
    const at = (somePage(mapOf(site), draw, [kind]) - 1) * pageSize;
    // What stands at the head and among the pointers of a page is what its reader follows.
    const reach = draw.below(2) === 0 ? Math.min(64, pageSize) : pageSize;
    return flipBit(site.places.database, draw, at, at + reach);
  };

/** A letter of a title: the one thing that no reader of the file can tell. */
const bitInText: Damage = (site, draw) => {
  const bytes = readFileSync(site.places.database);
  const found: number[] = [];
  for (let at = bytes.indexOf("volume "); at >= 0; at = bytes.indexOf("volume ", at + 1)) found.push(at);
  const at = draw.pick(found);
  return flipBit(site.places.database, draw, at, at + 6);
};

const onPage =
  (change: (site: Site, draw: Draw, at: number, size: number) => string): Damage =>
  (site, draw) => {
    const { pageSize } = mapOf(site);
    const page = draw.below(12) === 0 ? 1 : somePage(mapOf(site), draw);
    return `page ${page}: ${change(site, draw, (page - 1) * pageSize, pageSize)}`;
  };

const onTwoPages =
  (change: typeof swapBlocks, alike: boolean): Damage =>
  (site, draw) => {
    const { pageSize, of, count } = mapOf(site);
    const kinds = PAGE_KINDS.filter((kind) => of[kind].length > 1);
    const among = alike ? of[draw.pick(kinds)] : Array.from({ length: count }, (_, n) => n + 1);
    const [a, b] = draw.pair(among);
    return `pages ${a} and ${b}: ${change(site.places.database, (a - 1) * pageSize, (b - 1) * pageSize, pageSize)}`;
  };

const cutAtBoundary: Damage = (site, draw, index) => {
  const { pageSize, count } = mapOf(site);
  const page = 1 + draw.below(count - 1);
  const within = 1 + draw.below(pageSize - 1);
  const sizes = [
    ...[0, 1, 15, 16, 24, 50, 99, 100, 101, 511, 512, pageSize - 1, pageSize, pageSize + 1, pageSize * 2],
    ...[pageSize * count - 1, pageSize * (count - 1), pageSize * page, pageSize * page + within, pageSize * page - 1],
  ];
  return cutAt(site.places.database, sizes[index % sizes.length] ?? 0);
};

const longer: Damage = (site, draw, index) => {
  const { pageSize } = mapOf(site);
  const sizes = [1, 100, 512, pageSize - 1, pageSize, pageSize + 1, pageSize * 3, pageSize * 40];
  const size = sizes[index % sizes.length] ?? 1;
  return append(site.places.database, draw.below(2) === 0 ? Buffer.alloc(size) : draw.bytes(size));
};

/** The list of free pages: its head in the header, and each trunk's next, count and leaves. */
const freelist: Damage = (site, draw) => {
  const { pageSize, of, count } = mapOf(site);
  const trunk = of["free-trunk"][0] ?? 1;
  const at = (trunk - 1) * pageSize;
  const offset = draw.pick([32, 36, at, at + 4, at + 8, at + 8 + 4 * draw.below(30)]);
  const values = [
    0,
    1,
    2,
    trunk,
    count,
    count + 1,
    0x7fffffff,
    0xffffffff,
    of["table-leaf"][0] ?? 2,
    draw.below(count),
  ];
  const value = Buffer.alloc(4);
  value.writeUInt32BE(draw.pick(values));
  return `${fill(site.places.database, offset, value)}: ${value.readUInt32BE()}`;
};

const bitInHeader: Damage = ({ places }, draw) => flipBit(places.database, draw, 0, 100);
const bitInSchema: Damage = (site, draw) => flipBit(site.places.database, draw, 100, mapOf(site).pageSize);

const PAGES: Readonly<Record<string, Damage>> = {
  "page.zero": onPage(({ places }, _, at, size) => fill(places.database, at, Buffer.alloc(size))),
  "page.random": onPage(({ places }, draw, at, size) => fill(places.database, at, draw.bytes(size))),
  "page.half": onPage(({ places }, draw, at, size) =>
    fill(places.database, at + draw.pick([0, size / 2]), Buffer.alloc(size / 2)),
  ),
  "page.swap": onTwoPages(swapBlocks, false),
  "page.swap-alike": onTwoPages(swapBlocks, true),
  "page.copy": onTwoPages(copyBlock, false),
  "page.copy-alike": onTwoPages(copyBlock, true),
};

const ANYWHERE: Readonly<Record<string, Damage>> = {
  "bit.header": bitInHeader,
  "bit.schema": bitInSchema,
  scribble: ({ places }, draw) => scribble(places.database, draw, 64),
  sector: ({ places }, draw) => zeroSector(places.database, draw),
  cut: cutAtBoundary,
  longer,
  freelist,
  ...PAGES,
};

function bits(kinds: readonly PageKind[]): Readonly<Record<string, Damage>> {
  return Object.fromEntries(kinds.map((kind) => [`bit.${kind}`, bitIn(kind)]));
}

const FIELDS = Object.fromEntries(
  Object.entries(HEADER_FIELDS).map(([name, place]): [string, Damage] => [
    `header.${name}`,
    (site, draw, index) => setField(site, draw, index, place),
  ]),
);

const WITHOUT_MAP = PAGE_KINDS.filter((kind) => kind !== "pointer-map");

export const DATABASE_KINDS: readonly Kind[] = [
  ...family("sealed", "database", { ...ANYWHERE, ...bits(WITHOUT_MAP), "bit.text": bitInText, ...FIELDS }),
  ...family("journal", "database", { ...ANYWHERE, ...bits(PAGE_KINDS), ...FIELDS }),
  ...family("killed", "database", { ...ANYWHERE, ...bits(WITHOUT_MAP) }),
  ...family("heal", "database", { ...ANYWHERE, ...bits(WITHOUT_MAP) }),
  ...family("heal-journal", "database", { ...ANYWHERE, ...bits(PAGE_KINDS) }),
  ...family("hot", "database", { "bit.header": bitInHeader, scribble: ANYWHERE.scribble as Damage, ...PAGES }),
];
