/**
 * The full check of a file, spread over threads where it is large: one looks at the structure of the whole file
 * (`quick_check`), and each table is checked with its indexes (`integrity_check('table')`), the costliest first.
 */

import { fs } from "../platform/builtins.ts";
import type { Progress } from "../platform/child.ts";
import type { Crew } from "../platform/crew.ts";
import { type CheckPart, type Inspection, type InspectOptions, inspect, type Verdict } from "./integrity.ts";
import { lookApart, lookWhole } from "./look.ts";
import type { Connection, Engine } from "./open.ts";
import { quote } from "./quote.ts";
import { headerOf } from "./read-raw.ts";

const { statSync } = fs;

/** What the jobs of the child process work with. */
export interface Tools {
  readonly engine: Engine;
  readonly crew: Crew;
}

export interface CheckOptions extends Omit<InspectOptions, "check" | "part" | "header"> {
  /**
   * `keys`: whether each row has its parent, which can take as long as all else and is no damage.
   * Default: `pages`, everything that `PRAGMA integrity_check` reads.
   */
  readonly what?: "pages" | "keys" | "pages-and-keys";
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** A smaller file is read sooner than a thread has started, in bytes. */
export const SPREAD_FROM: number = 32 << 20;

/** What a thread is told. */
export interface PartOrder {
  readonly path: string;
  readonly options: InspectOptions;
}

/** Checks all of one database. The same findings as `PRAGMA integrity_check`, whatever the size. */
export async function checkFully(tools: Tools, path: string, options: CheckOptions): Promise<Inspection> {
  const { what = "pages", onProgress, ...how } = options;
  const { engine, crew } = tools;
  // Read once, before any connection is open: closing a second descriptor would drop the locks of all of them.
  const header = headerOf(path);
  const last: CheckPart[] = what === "pages" ? [] : [{ kind: "foreign-keys" }];
  if (statSync(path).size < SPREAD_FROM) {
    const parts = [...(what === "keys" ? [] : [EVERYTHING]), ...last];
    const found = parts.map((part) => inspect(engine, path, { ...how, header, check: "full", part }));
    return { ...(found[0] as Inspection), verdict: merge(found.map((each) => each.verdict)) };
  }
  const first = inspect(engine, path, { ...how, header, check: "none" });
  if (first.verdict.kind !== "sound") return first;
  const parts = [...(what === "keys" ? [] : partsOf(engine, path, how, first.journalMode)), ...last];
  let done = 0;
  const check = async (part: CheckPart, place: number): Promise<Verdict> => {
    const scratch = `${how.scratch}-${place}`;
    const order: PartOrder = { path, options: { ...how, header, scratch, check: "full", part } };
    const { verdict } = await crew.run<Inspection>("check-part", order);
    onProgress?.({ done: ++done, total: parts.length, what: nameOf(part) });
    return verdict;
  };
  return { ...first, verdict: merge(await Promise.all(parts.map(check))) };
}

const EVERYTHING: CheckPart = { kind: "everything" };

function nameOf(part: CheckPart): string {
  if (part.kind === "tables") return part.names.join(", ");
  return part.kind === "foreign-keys" ? "foreign keys" : "the structure of the file";
}

/** One part for the structure, one for each large table and one for all small ones, in the order of what they cost. */
function partsOf(
  engine: Engine,
  path: string,
  { scope, scratch, timeout = 5000 }: Omit<InspectOptions, "check" | "part">,
  journalMode: Inspection["journalMode"],
): CheckPart[] {
  const tables =
    scope === "whole"
      ? lookWhole(engine, path, estimateCosts, { timeout })
      : lookApart(engine, path, { journalMode, scratch, withLog: scope === "logged" }, estimateCosts);
  const weighed = tables.map((table) => ({ ...table, cost: table.rows * (1 + 2 * table.indexes) }));
  const known = weighed.filter(({ cost }) => Number.isFinite(cost));
  const all = known.reduce((sum, { cost }) => sum + cost, 0);
  const [large, small] = [true, false].map((isLarge) => weighed.filter(({ cost }) => cost > all * SMALL === isLarge));
  const parts: { part: CheckPart; cost: number }[] = [
    { part: { kind: "structure" }, cost: known.reduce((sum, { rows }) => sum + rows, 0) },
    ...(large ?? []).map(({ name, cost }) => ({ part: { kind: "tables" as const, names: [name] }, cost })),
  ];
  if (small && small.length > 0) {
    const cost = small.reduce((sum, each) => sum + each.cost, 0);
    parts.push({ part: { kind: "tables", names: small.map(({ name }) => name) }, cost });
  }
  // Two of unknown cost are in no order: their difference is no number.
  return parts.sort((a, b) => b.cost - a.cost || 0).map(({ part }) => part);
}

/** Tables that cost less than this share of all are checked together: each part costs the opening of the file. */
const SMALL = 0.02;

interface Table {
  readonly name: string;
  /** At most, told by the largest rowid; Infinity where there is none to tell. */
  readonly rows: number;
  readonly indexes: number;
}

/** Each row is looked up in each index, so rows times indexes say what a table costs. */
function estimateCosts(db: Connection): Table[] {
  const tables = db
    .prepare(
      `SELECT name, rootpage AS root,
              (SELECT count(*) FROM sqlite_schema AS i WHERE i.type = 'index' AND i.tbl_name = t.name) AS indexes
       FROM sqlite_schema AS t WHERE type = 'table'`,
    )
    .all() as { name: string; root: number; indexes: number }[];
  return tables.map(({ name, root, indexes }) => ({ name, indexes, rows: root === 0 ? 0 : rowsOf(db, name) }));
}

function rowsOf(db: Connection, table: string): number {
  try {
    const last = db
      .prepare(`SELECT max(_rowid_) FROM ${quote(table)}`)
      .pluck()
      .get();
    return typeof last === "number" ? Math.max(0, last) : 0;
  } catch {
    // WITHOUT ROWID, or damaged: the check will tell. Begun first, it holds up nothing.
    return Number.POSITIVE_INFINITY;
  }
}

function merge(verdicts: readonly Verdict[]): Verdict {
  const problems = verdicts.flatMap((each) => (each.kind === "corrupt" ? each.problems : []));
  if (problems.length > 0) return { kind: "corrupt", problems: [...new Set(problems)] };
  const impossible = verdicts.find((each) => each.kind === "impossible");
  if (impossible) return impossible;
  const warnings = verdicts.flatMap((each) => (each.kind === "sound" ? each.warnings : []));
  return { kind: "sound", warnings: [...new Set(warnings)] };
}
