/** What a merge found on its way, counted in full and listed up to a limit. */
import type { Violation } from "./references.ts";
import type { ShownValue } from "./values.ts";

/** What happens where both databases have a row, with different values. */
export type OnConflict = "abort" | "keep-current" | "keep-incoming";

/** What became of the two rows of a conflict. */
export type Resolution = "none" | "kept-current" | "took-incoming";

export interface ConflictColumn {
  readonly column: string;
  readonly current: ShownValue;
  readonly incoming: ShownValue;
}

/** A row of the incoming database and the row of the current one in its way. */
export interface Conflict {
  readonly table: string;
  /**
   * `changed`: both have the row, with different values. `unique`: the incoming row collides with another row on a
   * unique index.
   */
  readonly kind: "changed" | "unique";
  /** The key of the incoming row, by column; null where the table has none. */
  readonly key: Readonly<Record<string, ShownValue>> | null;
  /** The columns that differ. Empty where an index on expressions or on part of the rows collides. */
  readonly columns: readonly ConflictColumn[];
  readonly resolution: Resolution;
  /** What SQLite said, for `unique`. */
  readonly message?: string;
}

/** A row of the incoming database that the current one does not take. */
export interface RefusedRow {
  readonly table: string;
  readonly key: Readonly<Record<string, ShownValue>> | null;
  readonly reason: string;
}

export interface Listed<Item> {
  /** All of them. */
  readonly total: number;
  /** The first. */
  readonly listed: readonly Item[];
}

export class List<Item> implements Listed<Item> {
  readonly listed: Item[] = [];
  readonly #limit: number;
  #total = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get total(): number {
    return this.#total;
  }

  /** @param make only called where the item is listed */
  add(make: () => Item): void {
    if (this.listed.length < this.#limit) this.listed.push(make());
    this.#total++;
  }

  toJSON(): Listed<Item> {
    return { total: this.total, listed: this.listed };
  }
}

export interface Findings {
  readonly conflicts: List<Conflict>;
  readonly refused: List<RefusedRow>;
  readonly violations: List<Violation>;
}

export function noFindings(limit: number): Findings {
  return { conflicts: new List(limit), refused: new List(limit), violations: new List(limit) };
}
