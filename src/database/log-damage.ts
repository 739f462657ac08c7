/**
 * Whether a write-ahead log has transactions behind a damaged place. SQLite reads a log as far as its checksums hold,
 * takes the rest for one that was never completed, and writes over it: right after a power loss, but a bit that was
 * turned in the middle takes every later commit with it, and one in the head all of them.
 *
 * https://sqlite.org/fileformat2.html#the_write_ahead_log, #wal_file_format and #checksum_algorithm
 */
import { named } from "../errors.ts";
import { fs } from "../platform/builtins.ts";

const { closeSync, openSync, readSync } = fs;

const WAL_HEADER = 32;
const FRAME_HEADER = 24;

/** How many commits stand in the log that SQLite will not read. */
export function unreadCommits(wal: string, pageSize: number): number {
  return named(`reading ${wal}`, () => {
    const fd = openSync(wal, "r");
    try {
      return count(pageSize, (offset, length) => {
        const bytes = Buffer.alloc(length);
        return bytes.subarray(0, readSync(fd, bytes, 0, length, offset));
      });
    } finally {
      closeSync(fd);
    }
  });
}

function count(pageSize: number, read: (offset: number, length: number) => Buffer): number {
  if (pageSize < 512) return 0;
  const size = FRAME_HEADER + pageSize;
  const head = read(0, WAL_HEADER);
  const first = read(WAL_HEADER, FRAME_HEADER);
  if (first.length < FRAME_HEADER) return 0;
  const bigEndian = (head.readUInt32BE(0) & 1) === 1;
  let sum: Sum = add([0, 0], head, 0, 24, bigEndian);
  let readable = (head.readUInt32BE(0) & 0xfffffffe) === 0x377f0682 && agrees(sum, head, 24);
  // What is left of an earlier round has other salts.
  const salts = readable ? head.subarray(16, 24) : firstSalts(size, read);
  let unread = 0;
  let erased = 0;
  for (let offset = WAL_HEADER; ; offset += size) {
    const frame = read(offset, size);
    if (frame.length < size) return unread;
    // Zeros at the end were never written; others are a sector that the medium has lost, for no frame's head is zero.
    if (isZero(frame)) {
      readable = false;
      erased++;
      continue;
    }
    unread += erased + Number(isZero(frame.subarray(0, FRAME_HEADER)));
    erased = 0;
    const isOfThisRound = frame.subarray(8, 16).equals(salts);
    if (readable && isOfThisRound) {
      sum = add(add(sum, frame, 0, 8, bigEndian), frame, FRAME_HEADER, size, bigEndian);
      readable = agrees(sum, frame, 16);
    } else readable = false;
    if (!readable && isOfThisRound && frame.readUInt32BE(4) !== 0) unread++;
  }
}

/** Of the first frame whose head is not erased. */
function firstSalts(size: number, read: (offset: number, length: number) => Buffer): Buffer {
  for (let offset = WAL_HEADER; ; offset += size) {
    const salts = read(offset, FRAME_HEADER).subarray(8, 16);
    if (salts.length < 8 || !isZero(salts)) return salts;
  }
}

function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}

export type Sum = readonly [number, number];

export function add([a, b]: Sum, bytes: Buffer, from: number, to: number, bigEndian: boolean): Sum {
  let first = a;
  let second = b;
  for (let at = from; at < to; at += 8) {
    first = (first + (bigEndian ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at)) + second) >>> 0;
    second = (second + (bigEndian ? bytes.readUInt32BE(at + 4) : bytes.readUInt32LE(at + 4)) + first) >>> 0;
  }
  return [first, second];
}

export function agrees([first, second]: Sum, bytes: Buffer, at: number): boolean {
  return bytes.readUInt32BE(at) === first && bytes.readUInt32BE(at + 4) === second;
}
