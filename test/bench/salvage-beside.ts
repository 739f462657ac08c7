/**
 * What comes back of damaged databases, and in what time: Holdfast's salvage beside SQLite's `.recover`, piped into a new
 * database as its documentation says (https://sqlite.org/recovery.html). `.recover` needs a shell that was built with
 * SQLITE_ENABLE_DBPAGE_VTAB; without one, Holdfast is measured alone. A figure that misses its goal fails nothing.
 *
 *   npm run build && node test/bench/salvage-beside.ts --recover ./sqlite3 --sizes 10,100 --damages zero,bits --runs 3
 *
 * Two tables for each size, one line for each damage. Salvaged, where the second figure in a cell is that of `.recover`:
 *
 * - back: rows that are in their own table again, each value as it was, of all that the database had.
 * - missed: rows that are not, though no byte was changed that they are read by: their cell, the pointer to it, their
 *   overflow pages. The number of cells, the type of a page and the pages above it are not counted among these bytes.
 * - altered: rows of which a bit was flipped inside a value, and that are in a table with the value that the file has
 *   now. Where it is a value like any other, nobody can see it in the file itself.
 * - wrong: all other rows that are in a table and were not in it, or not so: in the wrong table, twice, with another's
 *   values, or deleted long ago.
 * - lost+found: rows in the table `lost_and_found`.
 * - seconds, and how many times as long as `.recover` Holdfast took; in one run, one after the other. With several runs,
 *   the medians.
 * - peak MB: the most memory that Holdfast's process held (VmHWM), in megabytes of 1 000 000 bytes; only Linux tells it.
 *
 * Where page 1 or the schema is gone, a second line has what comes back with a schema donor: a sound backup from before
 * the last changes. `.recover` knows no donors.
 *
 * Healed, where the second figure in a cell is with a backup from before the last changes, and the first with one that
 * equals the database as it was. Moreover:
 *
 * - older: rows that are in their table as the backup has them, and were changed since.
 * - resurrected: rows that the backup has, and that were deleted since.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import Sqlite from "better-sqlite3";
import type { SalvageOrder } from "../../src/recovery/salvage/salvage.ts";
import { Draw } from "../faults/mutations/draw.ts";
import type { Subject } from "../recovery/salvage/damages.ts";
import { Reader } from "../recovery/salvage/naive-reader.ts";
import { inTurns } from "./rounds.ts";
import { BESIDE_DAMAGES } from "./salvage-damages.ts";
import { byRecover, bySalvage, type Cost } from "./salvage-sides.ts";
import { makeStates, type States } from "./salvage-states.ts";
import { type HealSide, type Outcome, type SalvageSide, tableOfHealing, tableOfSalvage } from "./salvage-tables.ts";
import { type Bytes, judge } from "./salvage-verdict.ts";
import { label, render } from "./tables.ts";

const { values: options } = parseArgs({
  options: {
    /** A shell of SQLite's that has `.recover`. */
    recover: { type: "string" },
    /** In megabytes. */
    sizes: { type: "string", default: "10,100" },
    /** By their names, see salvage-damages.ts. */
    damages: { type: "string", default: Object.keys(BESIDE_DAMAGES).join() },
    parts: { type: "string", default: "salvage,heal" },
    runs: { type: "string", default: "1" },
    /** Where the databases are made; six times the largest must fit, and three times in memory. */
    dir: { type: "string", default: tmpdir() },
    /** Another build of Holdfast. */
    worker: { type: "string", default: join(import.meta.dirname, "../../dist/worker.js") },
  },
});

function positive(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number > 0) return number;
  return refuse(`"${text}" is not a whole number above 0.`);
}

function damageNamed(name: string): (typeof BESIDE_DAMAGES)[string] {
  return BESIDE_DAMAGES[name] ?? refuse(`"${name}" is none of ${Object.keys(BESIDE_DAMAGES).join(", ")}.`);
}

function refuse(why: string): never {
  console.error(why);
  process.exit(2);
}

function say(text: string): void {
  console.error(`${Math.round(performance.now() / 1000)} s: ${text}`);
}

/** With the pages that lead to rows, and to the entries of indexes. */
function subjectOf(original: string): Subject {
  const bytes = readFileSync(original);
  const reader = new Reader(bytes);
  const db = new Sqlite(original, { readonly: true });
  const roots = db.prepare("SELECT rootpage FROM sqlite_schema WHERE rootpage > 0").pluck().all() as number[];
  const pageSize = db.pragma("page_size", { simple: true }) as number;
  db.close();
  for (const root of roots) for (const _ of reader.rows(root));
  return { bytes, pageSize, interior: reader.interior };
}

interface Trial {
  readonly title: string;
  readonly folder: string;
  readonly from: string;
  readonly bytes: Bytes;
  readonly states: States;
}

type Run = (to: string) => Promise<Cost>;

/** @param ways to bring rows back, and the backup from which each may take some */
async function outcomeOf<Side extends string>(
  { title, folder, bytes, states }: Trial,
  ways: Readonly<Record<Side, { readonly run: Run; readonly backup?: string }>>,
): Promise<Outcome<Side>> {
  say(title);
  const sides = Object.keys(ways) as Side[];
  const resultOf = (side: Side) => join(folder, `${side}.sqlite`);
  const costs = await inTurns(sides, runs, async (side) => {
    rmSync(resultOf(side), { force: true });
    return await ways[side].run(resultOf(side));
  });
  const judged = sides.map((side) => {
    const verdict = judge(states.original, bytes, resultOf(side), ways[side].backup ?? null);
    rmSync(resultOf(side));
    return [side, { costs: costs[side], verdict }];
  });
  return { title, sides: Object.fromEntries(judged) };
}

async function salvaged(trial: Trial, needsDonor: boolean): Promise<Outcome<SalvageSide>[]> {
  const { from, title, states } = trial;
  const program = options.recover;
  const salvage = (order: Partial<SalvageOrder>) => ({
    run: (to: string) => bySalvage(worker, { from, to, ...order }),
  });
  const alone = await outcomeOf<SalvageSide>(trial, {
    holdfast: salvage({}),
    ...(program === undefined ? {} : { recover: { run: (to: string) => byRecover(resolve(program), from, to) } }),
  } as Record<SalvageSide, { run: Run }>);
  if (!needsDonor) return [alone];
  const titled = { ...trial, title: `${title}, with a donor` };
  return [alone, await outcomeOf(titled, { holdfast: salvage({ donor: states.backup }) })];
}

async function healed(trial: Trial): Promise<Outcome<HealSide>> {
  const { from, states } = trial;
  const heal = (backup: string) => ({ run: (to: string) => bySalvage(worker, { from, to, backup }), backup });
  return await outcomeOf(trial, { equal: heal(states.original), earlier: heal(states.backup) });
}

async function measure(folder: string, megabytes: number): Promise<void> {
  say(`${label(megabytes)}: making the database`);
  const states = makeStates(folder, megabytes);
  const subject = subjectOf(states.original);
  const salvage: Outcome<SalvageSide>[] = [];
  const heal: Outcome<HealSide>[] = [];
  for (const name of names) {
    const { title, damage, needsDonor } = damageNamed(name);
    const from = join(folder, "damaged.sqlite");
    const { bytes: after } = damage(subject, new Draw(name));
    writeFileSync(from, after);
    const trial = { title, folder, from, bytes: { before: subject.bytes, after }, states };
    if (parts.includes("salvage")) salvage.push(...(await salvaged(trial, needsDonor)));
    if (parts.includes("heal")) heal.push(await healed({ ...trial, title: `${title}, healed` }));
  }
  if (salvage.length > 0) console.log(`\n${render(tableOfSalvage(megabytes, salvage))}`);
  if (heal.length > 0) console.log(`\n${render(tableOfHealing(megabytes, heal))}`);
  for (const file of Object.values(states)) rmSync(file);
}

function conditions(): string {
  const db = new Sqlite(":memory:");
  const sqlite = db.prepare("SELECT sqlite_version()").pluck().get() as string;
  db.close();
  return `${new Date().toISOString().slice(0, 10)}, Node ${process.version}, SQLite ${sqlite}, ${availableParallelism()} cores (${cpus()[0]?.model ?? ""}).`;
}

const sizes = options.sizes.split(",").map(positive);
const names = options.damages.split(",");
const parts = options.parts.split(",");
const runs = positive(options.runs);
const worker = resolve(options.worker);
names.forEach(damageNamed);
mkdirSync(resolve(options.dir), { recursive: true });
const work = mkdtempSync(join(resolve(options.dir), "salvage-beside-"));
try {
  console.log(conditions());
  for (const megabytes of sizes) await measure(work, megabytes);
} finally {
  rmSync(work, { recursive: true });
}
