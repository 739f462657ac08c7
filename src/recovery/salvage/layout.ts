/**
 * How a database's pages are laid out: https://sqlite.org/fileformat2.html#the_database_header. What the header says is
 * tried on the pages; where the header is gone, what fits them is found by trying.
 */
import { isUtf8 } from "node:buffer";
import { fs } from "../../platform/builtins.ts";
import { BTreePage, isTree, TABLE_LEAF } from "./b-tree-page.ts";
import { readAt } from "./read-ahead.ts";
import { type Encoding, RecordReader } from "./record.ts";
import { isPageSize } from "./wal.ts";

const { closeSync, fstatSync, openSync } = fs;

export interface Layout {
  readonly pageSize: number;
  /** Bytes that each page keeps free at its end, for extensions. */
  readonly reserved: number;
  readonly encoding: Encoding;
}

/** What only the header says. */
export interface HeaderFields {
  /** How many pages the database has; null where a program wrote it that does not keep that. */
  readonly pages: number | null;
  readonly firstTrunk: number;
  readonly freePages: number;
  readonly autoVacuum: "none" | "full" | "incremental";
  readonly userVersion: number;
  readonly applicationId: number;
  readonly journalMode: "wal" | "delete";
}

const MAGIC = "SQLite format 3\0";
const ENCODINGS: readonly Encoding[] = ["utf8", "utf16le", "utf16be"];
const SIZES = [4096, 1024, 8192, 2048, 16384, 32768, 65536, 512];
const RESERVED = [0, 8, 12, 16, 20, 24, 28, 32, 40, 48, 64, 80];
const SAMPLED = 64;
const CLEARLY_MORE = 4;

/** Null where the first bytes are no header. */
export function readFields(first: Buffer): HeaderFields | null {
  if (first.toString("latin1", 0, 16) !== MAGIC) return null;
  const vacuum = first.readUInt32BE(52) !== 0;
  // https://sqlite.org/fileformat2.html#in_header_database_size
  const isKept = first.readUInt32BE(24) === first.readUInt32BE(92) && first.readUInt32BE(28) > 0;
  return {
    pages: isKept ? first.readUInt32BE(28) : null,
    firstTrunk: first.readUInt32BE(32),
    freePages: first.readUInt32BE(36),
    autoVacuum: !vacuum ? "none" : first.readUInt32BE(64) !== 0 ? "incremental" : "full",
    userVersion: first.readInt32BE(60),
    applicationId: first.readInt32BE(68),
    journalMode: first[18] === 2 ? "wal" : "delete",
  };
}

/**
 * @param first the first bytes of page 1, as the log or the file has them
 * @param likely what else may say it: the log, a schema donor
 */
export function findLayout(path: string, first: Buffer, likely: readonly Partial<Layout>[]): Layout {
  const told = tellLayout(first);
  const fd = openSync(path, "r");
  try {
    const guesses: Partial<Layout>[] = [told, ...likely];
    const sizes = distinct([...guesses.map(({ pageSize }) => pageSize), ...SIZES]).filter(isPageSize);
    const gaps = distinct([...guesses.map(({ reserved }) => reserved), ...RESERVED]);
    const withEncoding = ({ pageSize, reserved }: Omit<Layout, "encoding">): Layout => {
      // A bit of the header would turn all text into other characters.
      const seen = findEncoding(fd, { pageSize, reserved }) ?? told.encoding;
      return { pageSize, reserved, encoding: seen ?? likely.find((each) => each.encoding)?.encoding ?? "utf8" };
    };
    let best = { pageSize: sizes[0] ?? 4096, reserved: gaps[0] ?? 0, score: 0 };
    for (const pageSize of sizes) {
      for (const reserved of gaps.filter((gap) => pageSize - gap >= 480)) {
        const { score, share } = judge(fd, pageSize, reserved);
        if (score > best.score) best = { pageSize, reserved, score };
        // Read in another layout, hardly any page is sound.
        if (share > 0.5) return withEncoding({ pageSize, reserved });
      }
    }
    return withEncoding(best);
  } finally {
    closeSync(fd);
  }
}

function tellLayout(first: Buffer): Partial<Layout> {
  const stored = first.readUInt16BE(16);
  const pageSize = stored === 1 ? 65536 : stored;
  const encoding = ENCODINGS[first.readUInt32BE(56) - 1];
  const known = first.toString("latin1", 0, 16) === MAGIC;
  if (!isPageSize(pageSize)) return {};
  return { pageSize, reserved: first[20] ?? 0, ...(known && encoding ? { encoding } : {}) };
}

function distinct(values: readonly (number | undefined)[]): number[] {
  return [...new Set(values.filter((value) => value !== undefined))];
}

/** `score` in bytes of pages that are sound in this layout, `share` among those that look like pages of a tree. */
function judge(fd: number, pageSize: number, reserved: number): { score: number; share: number } {
  let seen = 0;
  let sound = 0;
  for (const page of samplePages(fd, pageSize, reserved)) {
    if (page.count === 0) continue;
    seen++;
    if (page.sound) sound++;
  }
  return { score: sound * pageSize, share: seen === 0 ? 0 : sound / seen };
}

function* samplePages(fd: number, pageSize: number, reserved: number): Generator<BTreePage> {
  const pages = Math.ceil(fstatSync(fd).size / pageSize);
  const view = new BTreePage(pageSize, pageSize - reserved);
  const step = Math.max(1, Math.floor(pages / SAMPLED));
  for (let number = 1; number <= pages; number += step) {
    if (!readAt(fd, view.bytes, (number - 1) * pageSize)) continue;
    if (isTree(view.bytes[number === 1 ? 100 : 0] ?? 0) && view.parse(number)) yield view;
  }
}

/** Null where there is no text that tells, or not one and the same. */
function findEncoding(fd: number, { pageSize, reserved }: Omit<Layout, "encoding">): Encoding | null {
  const votes = { utf8: 0, utf16le: 0, utf16be: 0 };
  const reader = new RecordReader("utf8");
  for (const page of samplePages(fd, pageSize, reserved)) {
    if (page.type !== TABLE_LEAF || !page.sound) continue;
    for (let cell = 0; cell < page.count; cell++) {
      const at = page.payloadAt[cell] as number;
      if (!reader.parse(page.bytes, at, page.local[cell] as number)) continue;
      const end = page.end[cell] as number;
      const text = reader.types.slice(0, reader.count).findLast((type) => type >= 17 && type % 2 === 1);
      const isLast = text !== undefined && text === reader.types[reader.count - 1];
      const guessed = isLast ? guess(page.bytes.subarray(end - (text - 13) / 2, end)) : null;
      if (guessed) votes[guessed]++;
    }
  }
  const best = ENCODINGS.reduce((most, each) => (votes[each] > votes[most] ? each : most));
  const others = votes.utf8 + votes.utf16le + votes.utf16be - votes[best];
  return votes[best] > CLEARLY_MORE * others ? best : null;
}

/** Most text has ASCII letters, or spaces at least: in UTF-16 they have a zero byte, on one side or the other. */
function guess(text: Buffer): Encoding | null {
  let even = 0;
  let odd = 0;
  for (let at = 0; at < text.length; at++) if (text[at] === 0) at % 2 === 0 ? even++ : odd++;
  if (Math.max(even, odd) * 4 >= text.length) return odd > even ? "utf16le" : "utf16be";
  return even + odd === 0 && isUtf8(text) ? "utf8" : null;
}
