/**
 * Whose a tree is that nothing leads to. It belongs to a table that lacks rows just there, and whose rows look like its
 * own; where that is true of several, more must speak for one of them. A wrong answer would put rows into a table that
 * never had them, so that no answer is better than a likely one.
 */
import type { DonorRows } from "./donor-rows.ts";
import type { Sample, SampledRow } from "./sample.ts";
import type { Entry } from "./schema.ts";
import { likeness, misfitOf } from "./shape.ts";
import type { Target } from "./target.ts";
import { beside, type Rowid } from "./varint.ts";

/** Of the rows that are looked at, so many must be rows that the table can have. */
const LEAST_FITTING = 0.9;
/** Of their values, so many must be what their columns are declared for. */
const LEAST_LIKE = 0.75;
const CLEARLY_MORE = 0.2;

/** What was placed last: the pages of a table often follow each other. */
export interface Placed {
  readonly target: Target;
  readonly last: Rowid | null;
}

export interface Question {
  readonly sample: Sample;
  readonly targets: readonly Target[];
  readonly donor: DonorRows | null;
  readonly before: Placed | null;
  /** Whether a backup has that page in the tree of that table. */
  readonly wasOf: (entry: Entry) => boolean;
  /** Whether the tree begins where this entry of the schema says that its own does. */
  readonly isRootOf: (entry: Entry) => boolean;
}

type Evidence = (target: Target, question: Question) => number;

/** From the strongest: the first in which one stands above all others decides. */
const EVIDENCE: readonly Evidence[] = [
  ({ shape }, { sample, donor }) => {
    if (!donor) return 0;
    return sample.rows.filter(({ rowid, values }) => values && donor.has(shape, rowid, values)).length;
  },
  ({ entry }, { isRootOf }) => Number(isRootOf(entry)),
  ({ entry }, { wasOf }) => Number(wasOf(entry)),
  (target, { sample }) => edges(target, sample),
  (target, { sample, before }) => {
    const follows = before?.last != null && sample.first !== null && beside(before.last, 1) === sample.first;
    return Number(follows && before.target === target);
  },
  ({ shape }, { sample }) => Number(sample.rows.every(({ types }) => types.length === shape.fields.length)),
];

export function attribute(question: Question): Target | { readonly unknown: string } {
  const { sample, targets } = question;
  if (sample.rows.length === 0) return { unknown: "nothing on its page can be read" };
  const alike = targets.filter((target) => target.hasGaps && looksLike(target, sample.rows));
  if (alike.length === 0) return { unknown: "no table that lacks rows has such rows" };
  const fitting = alike.filter((target) => lacks(target, sample));
  if (fitting.length === 0) return { unknown: `${namesOf(alike)} has such rows, but lacks none with these rowids` };
  let left = fitting;
  for (const evidence of EVIDENCE) {
    if (left.length === 1) break;
    const weights = left.map((target) => evidence(target, question));
    const most = Math.max(...weights);
    const best = left.filter((_, at) => weights[at] === most);
    if (most > 0) left = best;
  }
  const [only] = left;
  if (only && left.length === 1) return only;
  const ranked = left
    .map((target) => ({ target, like: meanLikeness(target, sample.rows) }))
    .sort((a, b) => b.like - a.like);
  const [best, second] = ranked;
  if (best && second && best.like - second.like > CLEARLY_MORE) return best.target;
  return { unknown: `it may be of ${namesOf(left)}` };
}

function namesOf(targets: readonly Target[]): string {
  return targets.map(({ entry }) => entry.name).join(" or ");
}

/** Whether nearly all of these rows may be the table's. */
export function looksLike(target: Target, rows: readonly SampledRow[]): boolean {
  const fitting = rows.filter(({ types }) => misfitOf(target.shape, types, types.length) === null);
  return fitting.length >= LEAST_FITTING * rows.length && meanLikeness(target, fitting) >= LEAST_LIKE;
}

function meanLikeness({ shape }: Target, rows: readonly SampledRow[]): number {
  const sum = rows.reduce((all, { types }) => all + likeness(shape, types, types.length), 0);
  return rows.length === 0 ? 0 : sum / rows.length;
}

function lacks({ rowidGaps }: Target, { first, last }: Sample): boolean {
  return rowidGaps === null || (first !== null && last !== null && rowidGaps.find(first, last) !== null);
}

/** How many ends of what the table lacks are this tree's ends. */
function edges({ rowidGaps }: Target, { first, last }: Sample): number {
  const gap = rowidGaps && first !== null && last !== null ? rowidGaps.find(first, last) : null;
  if (!gap || first === null) return 0;
  return Number(beside(gap.after, 1) === first) + Number(gap.upTo === last);
}
