/** Damage to bytes: each changes one file in its place and says in words what it did. */
import { readFileSync, writeFileSync } from "node:fs";
import type { Draw } from "./draw.ts";

/** Rewrites a file under the same inode. */
export function edit(file: string, change: (bytes: Buffer) => Buffer | undefined): void {
  const bytes = readFileSync(file);
  writeFileSync(file, change(bytes) ?? bytes);
}

/** One bit between two places. */
export function flipBit(file: string, draw: Draw, from = 0, to?: number): string {
  let said = "";
  edit(file, (bytes) => {
    const at = from + draw.below((to ?? bytes.length) - from);
    const bit = draw.below(8);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
    said = `bit ${bit} of byte ${at}`;
    return undefined;
  });
  return said;
}

export function fill(file: string, from: number, content: Buffer): string {
  edit(file, (bytes) => void content.copy(bytes, from));
  return `${content.length} bytes at ${from}`;
}

/** Random bytes anywhere, as a stray write leaves them. */
export function scribble(file: string, draw: Draw, most: number): string {
  let said = "";
  edit(file, (bytes) => {
    const length = Math.min(1 + draw.below(most), bytes.length);
    const at = draw.below(bytes.length - length + 1);
    draw.bytes(length).copy(bytes, at);
    said = `${length} random bytes at ${at}`;
    return undefined;
  });
  return said;
}

export function zeroSector(file: string, draw: Draw): string {
  let said = "";
  edit(file, (bytes) => {
    const at = 512 * draw.below(Math.max(1, Math.floor(bytes.length / 512)));
    bytes.fill(0, at, at + 512);
    said = `the sector at ${at} is zero`;
    return undefined;
  });
  return said;
}

export function cutAt(file: string, size: number): string {
  edit(file, (bytes) => bytes.subarray(0, Math.max(0, Math.min(size, bytes.length))));
  return `cut at ${size}`;
}

/** Anywhere, the ends included. */
export function cutAnywhere(file: string, draw: Draw): string {
  return cutAt(file, draw.below(readFileSync(file).length));
}

export function append(file: string, more: Buffer): string {
  edit(file, (bytes) => Buffer.concat([bytes, more]));
  return `${more.length} bytes more`;
}

/** Both in steps of the same size. */
export function copyBlock(file: string, from: number, to: number, size: number): string {
  edit(file, (bytes) => void bytes.copyWithin(to, from, from + size));
  return `${size} bytes of ${from} stand at ${to} too`;
}

export function swapBlocks(file: string, a: number, b: number, size: number): string {
  edit(file, (bytes) => {
    const first = Buffer.from(bytes.subarray(a, a + size));
    bytes.copyWithin(a, b, b + size);
    first.copy(bytes, b);
    return undefined;
  });
  return `${size} bytes of ${a} and ${b} changed places`;
}
