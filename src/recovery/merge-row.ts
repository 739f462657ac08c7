/** What becomes of one row of the incoming table: the rules of a merge. */
import type { Connection } from "../database/open.ts";
import { quote } from "../database/quote.ts";
import type { Conflict, Findings, OnConflict, Resolution } from "./findings.ts";
import type { Pairing } from "./pairing.ts";
import { equal, Query } from "./query.ts";
import { defaultOf, type References, type ValueOf } from "./references.ts";
import { type Attempt, RowWriter } from "./row-writer.ts";
import type { RowCount } from "./scratch.ts";
import type { Side } from "./side.ts";
import { fold, type Table } from "./tables.ts";
import { type Row, type ShownValue, sameValue, shown, type Value } from "./values.ts";

/** `collides`: another row stands in its way that may itself still change. */
export type Outcome = "added" | "same" | "kept" | "replaced" | "refused" | "unresolved" | "collides";

export interface RowMergeOrder {
  readonly pairing: Pairing;
  readonly current: Side;
  readonly incoming: Side;
  readonly onConflict: OnConflict;
  readonly references: References;
  readonly findings: Findings;
  /** The incoming rows that no key tells apart, as often as the current table lacks them. */
  readonly lacking: RowCount;
}

export class RowMerge {
  readonly #order: RowMergeOrder;
  readonly #db: Connection;
  readonly #table: Table;
  readonly #names: readonly string[];
  readonly #placeOf: ReadonlyMap<string, number>;
  readonly #defaults = new Map<string, Value>();
  readonly #writer: RowWriter;
  readonly #agrees: readonly (Query | null)[];
  readonly #lookups: readonly UniqueLookup[];

  constructor(order: RowMergeOrder) {
    const { pairing, current } = order;
    const { columns, left: table } = pairing;
    this.#order = order;
    this.#db = current.db;
    this.#table = table;
    this.#names = columns.map(({ left }) => left.name);
    this.#placeOf = new Map(this.#names.map((name, place) => [fold(name), place]));
    this.#writer = new RowWriter(pairing, current);
    this.#agrees = columns.map(({ left, sameAffinity }) =>
      sameAffinity
        ? null
        : new Query(this.#db, (place) => {
            const byKey = equal(current.keyNames, (at) => place(1 + at));
            return `SELECT 1 FROM ${current.from} WHERE ${quote(left.name)} COLLATE BINARY IS ${place(0)} AND ${byKey}`;
          }),
    );
    this.#lookups = uniqueLookups(pairing, current);
  }

  /** @param last nothing more can change what stands in its way */
  consider(row: Row, last: boolean): Outcome {
    const { current, lacking } = this.#order;
    if (!current.isKeyed(row)) return lacking.take(row) ? this.#considerNew(row, true) : "same";
    const there = current.find(current.keyOf(row));
    if (!there) return this.#considerNew(row, last);
    const differing = this.#differing(row, there);
    return differing.length === 0 ? "same" : this.#considerChanged(row, there, differing, last);
  }

  #considerNew(row: Row, last: boolean): Outcome {
    const attempt = this.#add(row);
    if (attempt.kind === "written") return "added";
    if (attempt.kind === "refused") return this.#refuse(row, attempt.reason);
    const { onConflict } = this.#order;
    const { message } = attempt;
    if (onConflict !== "keep-incoming") {
      const [other] = this.#inTheWay(row);
      this.#conflict("unique", row, other, onConflict === "abort" ? "none" : "kept-current", message);
      return onConflict === "abort" ? "unresolved" : "kept";
    }
    if (!last) return "collides";
    return this.#takeOver(row, message);
  }

  #considerChanged(row: Row, there: Row, differing: readonly number[], last: boolean): Outcome {
    const { current, onConflict } = this.#order;
    if (onConflict !== "keep-incoming") {
      this.#conflict("changed", row, there, onConflict === "abort" ? "none" : "kept-current", undefined, differing);
      return onConflict === "abort" ? "unresolved" : "kept";
    }
    const attempt = this.#replace(row, there, current.keyOf(row));
    if (attempt.kind === "refused") return this.#refuse(row, attempt.reason);
    if (attempt.kind === "collision") {
      if (!last) return "collides";
      const other = this.#inTheWay(row).find((each) => !this.#sameKey(each, there));
      this.#conflict("unique", row, other, "none", attempt.message);
      return "unresolved";
    }
    this.#conflict("changed", row, there, "took-incoming", undefined, differing);
    return "replaced";
  }

  /**
   * A new row that collides with one other row, which the incoming database does not have, takes that row's place:
   * the row is updated, its key too, and never deleted, since foreign keys may cascade from it.
   */
  #takeOver(row: Row, message: string): Outcome {
    const { current, incoming } = this.#order;
    // Where there are more, the first stands for them: in its place the row collides with the next.
    const [other] = this.#inTheWay(row);
    const key = other && current.isKeyed(other) && current.isKeyed(row) ? current.keyOf(other) : null;
    const mayReplace = other && key && !incoming.has(key);
    const attempt: Attempt = mayReplace ? this.#replace(row, other, key) : { kind: "collision", message };
    if (attempt.kind === "refused") return this.#refuse(row, attempt.reason);
    const written = attempt.kind === "written";
    this.#conflict("unique", row, other, written ? "took-incoming" : "none", message);
    return written ? "replaced" : "unresolved";
  }

  #add(row: Row): Attempt {
    const { references } = this.#order;
    const { lost, note } = references.missing(this.#table, this.#valueIn(row));
    if (lost) return withoutParent(lost.columns, lost.parent);
    const attempt = this.#writer.insert(row);
    if (attempt.kind === "written") note();
    return attempt;
  }

  #replace(row: Row, there: Row, key: Row): Attempt {
    const { references } = this.#order;
    const is = this.#valueIn(row, there);
    const was = this.#valueIn(there, there);
    const { lost, note } = references.missing(this.#table, is, was);
    if (lost) return withoutParent(lost.columns, lost.parent);
    const attempt = this.#writer.update(row, key, this.#sameKey(row, there));
    if (attempt.kind === "written") {
      note();
      references.vacated(this.#table, was, is);
    }
    return attempt;
  }

  /** Places of the columns whose values differ. */
  #differing(row: Row, there: Row): number[] {
    const differing: number[] = [];
    for (let place = 0; place < this.#names.length; place++) {
      const value = row[place] ?? null;
      if (sameValue(value, there[place] ?? null)) continue;
      const agrees = this.#agrees[place];
      if (!agrees?.has([value, ...this.#order.current.keyOf(row)])) differing.push(place);
    }
    return differing;
  }

  /** The rows of the current table that have the row's values in a unique index. */
  #inTheWay(row: Row): Row[] {
    const found: Row[] = [];
    for (const { places, find } of this.#lookups) {
      const values = places.map((place) => row[place] ?? null);
      if (values.includes(null)) continue;
      const other = find(values);
      if (other && !found.some((each) => each.every((value, at) => sameValue(value, other[at] ?? null)))) {
        found.push(other);
      }
    }
    return found;
  }

  #sameKey(a: Row, b: Row): boolean {
    const { current } = this.#order;
    const key = current.keyOf(b);
    return current.keyOf(a).every((value, at) => sameValue(value, key[at] ?? null));
  }

  /** @param there the row whose other columns stay as they are; without it they take their defaults */
  #valueIn(row: Row, there?: Row): ValueOf {
    return (name) => {
      const place = this.#placeOf.get(fold(name));
      if (place !== undefined) return row[place] ?? null;
      if (there) return this.#order.current.beside(there, name);
      const known = this.#defaults.get(name);
      if (known !== undefined) return known;
      const value = defaultOf(this.#db, this.#table, name);
      this.#defaults.set(name, value);
      return value;
    };
  }

  #refuse(row: Row, reason: string): "refused" {
    this.#order.findings.refused.add(() => ({ table: this.#table.name, key: this.#shownKey(row), reason }));
    return "refused";
  }

  #conflict(
    kind: Conflict["kind"],
    row: Row,
    other: Row | undefined,
    resolution: Resolution,
    message?: string,
    differing: readonly number[] = other ? this.#names.map((_, place) => place) : [],
  ): void {
    this.#order.findings.conflicts.add(() => ({
      table: this.#table.name,
      kind,
      key: this.#shownKey(row),
      columns: differing
        .filter((place) => !sameValue(row[place] ?? null, other?.[place] ?? null))
        .map((place) => ({
          column: this.#names[place] ?? "",
          current: shown(other?.[place]),
          incoming: shown(row[place]),
        })),
      resolution,
      ...(message === undefined ? {} : { message }),
    }));
  }

  #shownKey(row: Row): Readonly<Record<string, ShownValue>> | null {
    const { key } = this.#order.pairing;
    return key && Object.fromEntries(key.places.map((place) => [this.#names[place], shown(row[place])]));
  }
}

function withoutParent(columns: readonly string[], parent: Table): Attempt {
  return { kind: "refused", reason: `FOREIGN KEY constraint failed: ${columns.join()} has no row in ${parent.name}` };
}

interface UniqueLookup {
  readonly places: readonly number[];
  readonly find: (values: Row) => Row | undefined;
}

/** How to find a row by each unique index whose columns are all merged. */
function uniqueLookups({ columns, left }: Pairing, current: Side): UniqueLookup[] {
  const placeOf = new Map(columns.map((column, place) => [fold(column.left.name), place]));
  return left.keys.flatMap((key) => {
    const places = key.columns.flatMap((name) => placeOf.get(fold(name)) ?? []);
    return places.length === key.columns.length ? { places, find: current.finder(places) } : [];
  });
}
