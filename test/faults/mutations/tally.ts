/** What became of all cases, kind by kind or in larger families. */
import { nameOf, type Verdict } from "./trial.ts";

export interface Row {
  readonly kind: string;
  cases: number;
  opened: number;
  restored: number;
  healed: number;
  refused: number;
  failures: number;
}

const NONE = { opened: 0, restored: 0, healed: 0, refused: 0, failures: 0 };

export class Tally {
  readonly failures: Verdict[] = [];
  readonly refusals = new Map<string, number>();
  readonly #rows = new Map<string, Row>();
  readonly #groupOf: (kind: string) => string;
  slowest = 0;

  constructor(groupOf: (kind: string) => string) {
    this.#groupOf = groupOf;
  }

  add(verdict: Verdict): void {
    const kind = this.#groupOf(verdict.kind);
    const row = this.#rows.get(kind) ?? { kind, cases: 0, ...NONE };
    this.#rows.set(kind, row);
    row.cases++;
    this.slowest = Math.max(this.slowest, verdict.ms);
    if (verdict.faults.length > 0) {
      row.failures++;
      this.failures.push(verdict);
    } else if (verdict.end === "opened" || verdict.end === "restored" || verdict.end === "healed") row[verdict.end]++;
    else {
      row.refused++;
      const refusal = `${kind}: ${verdict.end}`;
      this.refusals.set(refusal, (this.refusals.get(refusal) ?? 0) + 1);
    }
  }

  get rows(): readonly Row[] {
    return [...this.#rows.values()];
  }

  sum(of: Exclude<keyof Row, "kind">): number {
    return this.rows.reduce((total, row) => total + row[of], 0);
  }
}

/** `sealed.header` for `sealed.header.page-size`: what is damaged in which state. */
export function familyOf(kind: string): string {
  const [on = "", what = "", ...how] = kind.split(".");
  const without = how.find((each) => each.startsWith("without-"));
  return [on, what, ...(without === undefined ? [] : [without])].join(".");
}

export function tell(verdict: Verdict): string {
  const { damage, end, faults, story, folder } = verdict;
  const lines = [
    `FAILED ${nameOf(verdict)} (${damage}): ${end}`,
    ...faults.map((fault) => `  ${fault}`),
    ...story.map((line) => `    ${line.slice(0, 2000)}`),
    `  again: node test/faults/mutations/run-mutations.ts --case ${nameOf(verdict)}; kept in ${folder}`,
  ];
  return lines.join("\n");
}
