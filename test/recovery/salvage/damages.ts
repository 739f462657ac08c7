/** What happens to files: each changes the bytes of a database and says which of its pages it touched. */
import type { Draw } from "../../faults/mutations/draw.ts";

export interface Subject {
  readonly bytes: Buffer;
  readonly pageSize: number;
  /** Pages that lead to rows. */
  readonly interior: readonly number[];
}

/** The bytes afterwards, and the pages that are not as they were. */
export interface Damaged {
  readonly bytes: Buffer;
  readonly pages: ReadonlySet<number>;
}

export type Damage = (subject: Subject, draw: Draw) => Damaged;

const HEADER = 100;

const pageCount = ({ bytes, pageSize }: Subject) => bytes.length / pageSize;

/** Pages 2 and up, of which a share is drawn. */
function drawPages(subject: Subject, draw: Draw, share: number): number[] {
  const count = Math.max(1, Math.floor(pageCount(subject) * share));
  return Array.from({ length: count }, () => 2 + draw.below(pageCount(subject) - 1));
}

function overwrite(subject: Subject, pages: readonly number[], content: (size: number) => Buffer): Damaged {
  const bytes = Buffer.from(subject.bytes);
  for (const page of pages) content(subject.pageSize).copy(bytes, (page - 1) * subject.pageSize);
  return { bytes, pages: new Set(pages) };
}

const zeros = (size: number) => Buffer.alloc(size);

export const zeroed =
  (share: number): Damage =>
  (subject, draw) =>
    overwrite(subject, drawPages(subject, draw, share), zeros);

export const scrambled =
  (share: number): Damage =>
  (subject, draw) =>
    overwrite(subject, drawPages(subject, draw, share), (size) => draw.bytes(size));

export const cutOff =
  (share: number): Damage =>
  (subject) => {
    const left = Math.floor(pageCount(subject) * (1 - share));
    const gone = Array.from({ length: pageCount(subject) - left }, (_, n) => left + 1 + n);
    return { bytes: subject.bytes.subarray(0, left * subject.pageSize), pages: new Set(gone) };
  };

export const interiorZeroed: Damage = (subject) =>
  overwrite(
    subject,
    subject.interior.filter((page) => page > 1),
    zeros,
  );

/** Some interior pages, and a share of all. */
export const interiorAndOthers =
  (share: number): Damage =>
  (subject, draw) => {
    const pages = [...subject.interior.filter((page) => page > 1).slice(0, 4), ...drawPages(subject, draw, share)];
    return overwrite(subject, pages, (size) => (draw.below(2) === 0 ? zeros(size) : draw.bytes(size)));
  };

export const pageOneZeroed: Damage = (subject) => overwrite(subject, [1], zeros);

/** What page 1 says of tables and indexes; the header of the file stays. */
export const schemaZeroed: Damage = (subject) => {
  const bytes = Buffer.from(subject.bytes);
  bytes.fill(0, HEADER, subject.pageSize);
  return { bytes, pages: new Set([1]) };
};

/** One bit on each of some pages. @param places the bytes that may be hit */
export function flipBits(subject: Subject, draw: Draw, share: number, mayHit: (at: number) => boolean): Damaged {
  const bytes = Buffer.from(subject.bytes);
  const pages = drawPages(subject, draw, share).filter((page) => {
    const at = (page - 1) * subject.pageSize + draw.below(subject.pageSize);
    if (mayHit(at)) bytes[at] = (bytes[at] ?? 0) ^ (1 << draw.below(8));
    return mayHit(at);
  });
  return { bytes, pages: new Set(pages) };
}

/** One after the other. */
export const both =
  (first: Damage, second: Damage): Damage =>
  (subject, draw) => {
    const once = first(subject, draw);
    const twice = second({ ...subject, bytes: once.bytes }, draw);
    return { bytes: twice.bytes, pages: new Set([...once.pages, ...twice.pages]) };
  };

export const DAMAGES = {
  "5 % of the pages are zero": zeroed(0.05),
  "5 % of the pages are random": scrambled(0.05),
  "the last 30 % are cut off": cutOff(0.3),
  "all interior pages are zero": interiorZeroed,
  "some interior pages and others are zero or random": interiorAndOthers(0.03),
} as const satisfies Readonly<Record<string, Damage>>;
