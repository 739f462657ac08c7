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

type Damage = (subject: Subject, draw: Draw) => Damaged;

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

export const DAMAGES = {
  "5 % of the pages are zero": (subject, draw) => overwrite(subject, drawPages(subject, draw, 0.05), zeros),
  "5 % of the pages are random": (subject, draw) =>
    overwrite(subject, drawPages(subject, draw, 0.05), (size) => draw.bytes(size)),
  "the last 30 % are cut off": (subject) => {
    const left = Math.floor(pageCount(subject) * 0.7);
    const gone = Array.from({ length: pageCount(subject) - left }, (_, n) => left + 1 + n);
    return { bytes: subject.bytes.subarray(0, left * subject.pageSize), pages: new Set(gone) };
  },
  "all interior pages are zero": (subject) =>
    overwrite(
      subject,
      subject.interior.filter((page) => page > 1),
      zeros,
    ),
  "some interior pages and others are zero or random": (subject, draw) => {
    const pages = [...subject.interior.filter((page) => page > 1).slice(0, 4), ...drawPages(subject, draw, 0.03)];
    return overwrite(subject, pages, (size) => (draw.below(2) === 0 ? zeros(size) : draw.bytes(size)));
  },
} as const satisfies Readonly<Record<string, Damage>>;

export const pageOneZeroed: Damage = (subject) => overwrite(subject, [1], zeros);

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
