/**
 * What comes back of damaged databases, and in what time: Holdfast's salvage beside SQLite's `.recover`, piped into a new
 * database as its documentation says (https://sqlite.org/recovery.html). `.recover` needs a shell that was built with
 * SQLITE_ENABLE_DBPAGE_VTAB; without one, Holdfast is measured alone. A figure that misses its goal fails nothing.
 *
 *   npm run build && node test/bench/salvage-beside.ts --recover ./sqlite3 --sizes 10,100 --damages zero,bits --runs 3
 *
 * One table for each size, one line for each damage; the second figure in a cell is that of `.recover`:
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
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import Sqlite from "better-sqlite3";
import { Draw } from "../faults/mutations/draw.ts";
import type { Subject } from "../recovery/salvage/damages.ts";
import { Reader } from "../recovery/salvage/naive-reader.ts";
import { inTurns } from "./rounds.ts";
import { BESIDE_DAMAGES } from "./salvage-damages.ts";
import { byRecover, bySalvage, type Cost } from "./salvage-sides.ts";
import { makeStates, type States } from "./salvage-states.ts";
import { judge, type Verdict } from "./salvage-verdict.ts";
import { median, medianRatio } from "./statistics.ts";
import { label, render, type Table } from "./tables.ts";

/** Megabytes of 1 000 000 bytes. */
const MOST_MEMORY = 128;

const { values: options } = parseArgs({
  options: {
    /** A shell of SQLite's that has `.recover`. */
    recover: { type: "string" },
    /** In megabytes. */
    sizes: { type: "string", default: "10,100" },
    /** By their names, see salvage-damages.ts. */
    damages: { type: "string", default: Object.keys(BESIDE_DAMAGES).join() },
    runs: { type: "string", default: "1" },
    /** Where the databases are made; six times the largest must fit, and three times in memory. */
    dir: { type: "string", default: tmpdir() },
    /** Another build of Holdfast. */
    worker: { type: "string", default: join(import.meta.dirname, "../../dist/worker.js") },
  },
});

type Side = "holdfast" | "recover";

interface Outcome {
  readonly title: string;
  readonly verdicts: Partial<Record<Side, Verdict>>;
  readonly costs: Partial<Record<Side, readonly Cost[]>>;
}

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

async function measure(folder: string, states: States, subject: Subject, name: string): Promise<Outcome[]> {
  const { title, damage, needsDonor } = damageNamed(name);
  const from = join(folder, "damaged.sqlite");
  const { bytes: after } = damage(subject, new Draw(name));
  writeFileSync(from, after);
  const sides = async (donor: string | null): Promise<Outcome> => {
    say(`${title}${donor ? ", with a donor" : ""}`);
    const to = { holdfast: join(folder, "salvaged.sqlite"), recover: join(folder, "recovered.sqlite") };
    const wanted: Side[] = donor === null && options.recover !== undefined ? ["holdfast", "recover"] : ["holdfast"];
    const costs = await inTurns<Side, Cost>(wanted, positive(options.runs), async (side) => {
      rmSync(to[side], { force: true });
      if (side === "recover") return await byRecover(resolve(options.recover ?? ""), from, to.recover);
      return await bySalvage(resolve(options.worker), { from, to: to.holdfast, ...(donor ? { donor } : {}) });
    });
    const verdicts = wanted.map((side) => [side, judge(states.original, { before: subject.bytes, after }, to[side])]);
    for (const side of wanted) rmSync(to[side]);
    return { title: donor ? `${title}, with a donor` : title, verdicts: Object.fromEntries(verdicts), costs };
  };
  return needsDonor ? [await sides(null), await sides(states.backup)] : [await sides(null)];
}

function tableOf(megabytes: number, outcomes: readonly Outcome[]): Table {
  const first = outcomes[0]?.verdicts.holdfast;
  return {
    title: `${label(megabytes)}, ${(first?.of ?? 0).toLocaleString("en-US")} rows: salvage / .recover`,
    goal: `no row less than .recover, none missed or wrong, not slower, at most ${MOST_MEMORY} MB of memory`,
    head: ["damage", "back", "missed", "altered", "wrong", "lost+found", "seconds", "times", "peak MB"],
    rows: outcomes.map(({ title, verdicts, costs }) => {
      const { holdfast: ours = [], recover: theirs = [] } = costs;
      const ms = (all: readonly Cost[]) => all.map((cost) => cost.ms);
      const pair = (show: (verdict: Verdict) => string) =>
        [verdicts.holdfast, verdicts.recover].flatMap((each) => (each ? show(each) : [])).join(" / ");
      const count = (key: "missed" | "altered" | "wrong" | "lostAndFound") =>
        pair((verdict) => verdict[key].toLocaleString("en-US"));
      const peaks = ours.flatMap(({ peak }) => peak ?? []);
      return [
        title,
        pair(({ back, of }) => `${((100 * back) / of).toFixed(3)} %`),
        ...(["missed", "altered", "wrong", "lostAndFound"] as const).map(count),
        [ours, theirs].flatMap((all) => (all.length > 0 ? (median(ms(all)) / 1000).toFixed(2) : [])).join(" / "),
        theirs.length > 0 ? medianRatio(ms(ours), ms(theirs)).toFixed(2) : "-",
        peaks.length > 0 ? (Math.max(...peaks) / 1e6).toFixed(0) : "-",
      ];
    }),
    notes: outcomes.flatMap(({ title, verdicts }) =>
      Object.entries(verdicts).flatMap(([side, { integrity }]) =>
        integrity === "ok" ? [] : `${title}: integrity_check of what ${side} made says: ${integrity}`,
      ),
    ),
  };
}

function conditions(): string {
  const db = new Sqlite(":memory:");
  const sqlite = db.prepare("SELECT sqlite_version()").pluck().get() as string;
  db.close();
  return `${new Date().toISOString().slice(0, 10)}, Node ${process.version}, SQLite ${sqlite}, ${availableParallelism()} cores (${cpus()[0]?.model ?? ""}).`;
}

const sizes = options.sizes.split(",").map(positive);
const names = options.damages.split(",");
names.forEach(damageNamed);
mkdirSync(resolve(options.dir), { recursive: true });
const work = mkdtempSync(join(resolve(options.dir), "salvage-beside-"));
try {
  console.log(conditions());
  for (const megabytes of sizes) {
    say(`${label(megabytes)}: making the database`);
    const states = makeStates(work, megabytes);
    const subject = subjectOf(states.original);
    const outcomes: Outcome[] = [];
    for (const name of names) outcomes.push(...(await measure(work, states, subject, name)));
    console.log(`\n${render(tableOf(megabytes, outcomes))}`);
    for (const file of Object.values(states)) rmSync(file);
  }
} finally {
  rmSync(work, { recursive: true });
}
