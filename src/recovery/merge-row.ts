/** What becomes of one row of the incoming table: the rules of a merge. */
import type { Connection } from "../database/open.ts";
import { quote } from "../database/quote.ts";
import { hasCode, messageOf } from "../errors.ts";
import type { Conflict, Findings, OnConflict, Resolution } from "./findings.ts";
import type { Pairing } from "./pairing.ts";
import { Query } from "./query.ts";
import { defaultOf, type References, type ValueOf } from "./references.ts";
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
  /** The rows of the current table that no key tells apart; null where each has a key. */
  readonly unkeyed: RowCount | null;
}

type Attempt =
  | { readonly kind: "written" }
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "collision"; readonly message: string };

export class RowMerge {
  readonly #order: RowMergeOrder;
  readonly #db: Connection;
  readonly #table: Table;
  readonly #names: readonly string[];
  readonly #placeOf: ReadonlyMap<string, number>;
  readonly #defaults = new Map<string, Value>();
  readonly #insert: Query;
  /** Places of the columns that are not in the key. */
  readonly #besideKey: readonly number[];
  readonly #update: Query;
  readonly #agrees: readonly (Query | null)[];
  readonly #updateWhole: Query;
  readonly #lookups: readonly UniqueLookup[];
  readonly #unfilled: string | undefined;

  constructor(order: RowMergeOrder) {
    const { pairing, current } = order;
    const { columns, left: table } = pairing;
    this.#order = order;
    this.#db = current.db;
    this.#table = table;
    this.#names = columns.map(({ left }) => left.name);
    this.#placeOf = new Map(this.#names.map((name, place) => [fold(name), place]));
    const names = this.#names.map(quote);
    // Said only where the table itself says something else, for it would also override what its triggers say.
    const orAbort = table.hasConflictClause ? " OR ABORT" : "";
    this.#insert = new Query(
      this.#db,
      (place) => `INSERT${orAbort} INTO ${current.from} (${names.join()}) VALUES (${names.map((_, at) => place(at))})`,
    );
    const byKey = (place: (at: number) => string, from: number) =>
      current.keyNames.map((name, at) => `${name} = ${place(from + at)}`).join(" AND ");
    const update = (places: readonly number[]) =>
      new Query(this.#db, (place) => {
        const set = places.map((each, at) => `${names[each]} = ${place(at)}`).join();
        return `UPDATE${orAbort} ${current.from} SET ${set} WHERE ${byKey(place, places.length)}`;
      });
    this.#besideKey = [...names.keys()].filter((place) => !pairing.key?.places.includes(place));
    this.#update = update(this.#besideKey);
    this.#updateWhole = update([...names.keys()]);
    this.#agrees = columns.map(({ sameAffinity }, at) =>
      sameAffinity
        ? null
        : new Query(
            this.#db,
            (place) =>
              `SELECT 1 FROM ${current.from} WHERE ${names[at]} COLLATE BINARY IS ${place(0)} AND ${byKey(place, 1)}`,
          ),
    );
    this.#lookups = uniqueLookups(pairing, current);
    this.#unfilled = table.columns.find(
      (column) =>
        column.notNull &&
        column.default === null &&
        !column.generated &&
        column.name !== table.rowidColumn &&
        !this.#placeOf.has(fold(column.name)),
    )?.name;
  }

  /** @param last nothing more can change what stands in its way */
  consider(row: Row, last: boolean): Outcome {
    const { current, unkeyed } = this.#order;
    if (!current.isKeyed(row)) return unkeyed?.take(row) ? "same" : this.#considerNew(row, true);
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
    const [other, ...more] = this.#inTheWay(row);
    const key = other && current.isKeyed(other) && current.isKeyed(row) ? current.keyOf(other) : null;
    const mayReplace = other && key && more.length === 0 && !incoming.has(key);
    const attempt: Attempt = mayReplace ? this.#replace(row, other, key) : { kind: "collision", message };
    if (attempt.kind === "refused") return this.#refuse(row, attempt.reason);
    const written = attempt.kind === "written";
    this.#conflict("unique", row, other, written ? "took-incoming" : "none", message);
    return written ? "replaced" : "unresolved";
  }

  #add(row: Row): Attempt {
    if (this.#unfilled !== undefined) {
      return {
        kind: "refused",
        reason: `${this.#unfilled} is NOT NULL, has no default, and is not in the incoming table`,
      };
    }
    const { references } = this.#order;
    const { lost, note } = references.missing(this.#table, this.#valueIn(row));
    if (lost) return withoutParent(lost.columns, lost.parent);
    const attempt = this.#write(this.#insert, row);
    if (attempt.kind === "written") note();
    return attempt;
  }

  #replace(row: Row, there: Row, key: Row): Attempt {
    const { references } = this.#order;
    const is = this.#valueIn(row, there);
    const was = this.#valueIn(there, there);
    const { lost, note } = references.missing(this.#table, is, was);
    if (lost) return withoutParent(lost.columns, lost.parent);
    // Setting the key, even to itself, makes SQLite write all indexes of the row anew.
    const attempt = this.#sameKey(row, there)
      ? this.#write(this.#update, [...this.#besideKey.map((place) => row[place] ?? null), ...key])
      : this.#write(this.#updateWhole, [...row, ...key]);
    if (attempt.kind === "written") {
      note();
      references.vacated(this.#table, was, is);
    }
    return attempt;
  }

  #write(query: Query, values: Row): Attempt {
    try {
      if (query.run(values).changes > 0) return { kind: "written" };
      return { kind: "refused", reason: "a trigger of the table passes it over" };
    } catch (error) {
      // A trigger may also end the whole transaction, which nothing can go on after.
      if (!hasCode(error) || !this.#db.inTransaction) throw error;
      if (COLLISION.test(error.code)) return { kind: "collision", message: messageOf(error) };
      if (REFUSAL.test(error.code)) return { kind: "refused", reason: messageOf(error) };
      throw error;
    }
  }

  /** Places of the columns whose values differ. */
  #differing(row: Row, there: Row): number[] {
    const { current } = this.#order;
    return this.#names.flatMap((_, place) => {
      const value = row[place] ?? null;
      if (sameValue(value, there[place] ?? null)) return [];
      const agrees = this.#agrees[place];
      return agrees?.has([value, ...current.keyOf(row)]) ? [] : place;
    });
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

const COLLISION = /^SQLITE_CONSTRAINT_(UNIQUE|PRIMARYKEY|ROWID)$/;
const REFUSAL = /^(SQLITE_CONSTRAINT_(CHECK|NOTNULL|DATATYPE|TRIGGER)|SQLITE_MISMATCH|SQLITE_TOOBIG)$/;

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
