/**
 * What a launch costs: Holdfast beside plainly opening the database, and beside the pipeline that one writes by hand
 * (hand-written.ts), in one run, on databases of several sizes. Each launch is a process of its own; the sides take
 * turns. A figure that misses its goal fails nothing: the exit status is 0.
 *
 *   npm run bench -- --sizes 10,100 --runs 5 --only 1,behind --dir /fast/disk --keep --json --svg cost.svg
 */
import { mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import Sqlite from "better-sqlite3";
import { runApart } from "./apart.ts";
import { backupBehind } from "./backup-behind.ts";
import { changedDatabase } from "./changed-database.ts";
import { drawChart } from "./cost-chart.ts";
import { linesOfCost } from "./cost-lines.ts";
import { diffMemory } from "./diff-memory.ts";
import { fullCheck } from "./full-check.ts";
import { mergeRows } from "./merge-rows.ts";
import type { DatabaseOrder } from "./one-database.ts";
import { peakMemory } from "./peak-memory.ts";
import { besidePipeline, besidePipelineWithLoading } from "./quiet-beside-pipeline.ts";
import { importing, quietOpen } from "./quiet-open.ts";
import type { Section } from "./section.ts";
import { prepareSite, type Site } from "./site.ts";
import { label, render } from "./tables.ts";
import { wholeProcess } from "./whole-process.ts";

/** In the order of their numbers. */
const SECTIONS: readonly Section[] = [
  quietOpen,
  besidePipeline,
  besidePipelineWithLoading,
  wholeProcess,
  importing,
  fullCheck,
  changedDatabase,
  backupBehind,
  peakMemory,
  mergeRows,
  diffMemory,
];

const { values: options } = parseArgs({
  options: {
    /** In megabytes. */
    sizes: { type: "string", default: "1,10,100,1000,2000" },
    runs: { type: "string", default: "5" },
    /** Numbers or names of sections. */
    only: { type: "string" },
    /** Where the databases are made; eight times the largest must fit. */
    dir: { type: "string", default: join(tmpdir(), "holdfast-bench") },
    /** Leaves the databases there for the next run. */
    keep: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    /** Where to write the picture of cost against size; it needs sections 1 and 2. */
    svg: { type: "string" },
    /** Another build of Holdfast, to be held against this one. */
    library: { type: "string", default: join(import.meta.dirname, "../../dist/index.js") },
  },
});
const sizes = [...new Set(options.sizes.split(",").map(positive))].sort((a, b) => a - b);
const runs = positive(options.runs);
const sections = options.only === undefined ? SECTIONS : options.only.split(",").map(sectionNamed);
const library = pathToFileURL(resolve(options.library)).href;

/** The small database that is launched before, where a process has launched already. */
const REHEARSAL_MEGABYTES = 1;

function positive(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number > 0) return number;
  return refuse(`"${text}" is not a whole number above 0.`);
}

function sectionNamed(text: string): Section {
  const found = SECTIONS.find(({ number, name }) => text === String(number) || text === name);
  return (
    found ?? refuse(`"${text}" is none of ${SECTIONS.map(({ number, name }) => `${number} (${name})`).join(", ")}.`)
  );
}

function refuse(why: string): never {
  console.error(why);
  process.exit(2);
}

/** With the time since the start, since a whole run takes half an hour. */
function say(text: string): void {
  const seconds = Math.round(performance.now() / 1000);
  console.error(`${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")} ${text}`);
}

async function makeSite(work: string, megabytes: number, rehearsal: Site["folders"] | null): Promise<Site> {
  const there = readdirSync(folder);
  const order: DatabaseOrder = { folder, megabytes };
  const database = await runApart<string>("one-database.ts", order);
  if (!options.keep) made.push(...readdirSync(folder).filter((each) => !there.includes(each)));
  const folders = { holdfast: join(work, "holdfast"), "by-hand": join(work, "by-hand") };
  const site: Site = { megabytes, library, folders, rehearsal: rehearsal ?? folders };
  await prepareSite(database, site);
  return site;
}

async function measureAll(work: string): Promise<void> {
  const { folders: rehearsal } = await makeSite(join(work, "rehearsal"), REHEARSAL_MEGABYTES, null);
  for (const { number, name } of sections.filter((section) => section.sizes(sizes).length === 0))
    say(`${number} (${name}) is measured at none of these sizes.`);
  for (const megabytes of sizes) {
    const chosen = sections.filter((section) => section.sizes(sizes).includes(megabytes));
    if (chosen.length === 0) continue;
    say(`${label(megabytes)}: making the database, and launching it until it is quiet`);
    const place = join(work, `${megabytes}mb`);
    const site = await makeSite(place, megabytes, rehearsal);
    for (const section of chosen) {
      say(`${label(megabytes)}: ${section.number} (${section.name})`);
      await section.measure(site, runs);
    }
    rmSync(place, { recursive: true });
  }
}

/** What the figures hold for. */
function conditions() {
  const db = new Sqlite(":memory:");
  const sqlite = db.prepare("SELECT sqlite_version()").pluck().get() as string;
  db.close();
  const processor = cpus()[0]?.model ?? "";
  return { date: new Date().toISOString(), node: process.version, sqlite, cores: availableParallelism(), processor };
}

function asJson(): string {
  const measured = sections.map(({ number, name, tables, measured }) => ({
    number,
    name,
    tables: tables(),
    measured: Object.fromEntries(measured),
  }));
  return JSON.stringify({ ...conditions(), runs, sections: measured }, null, 2);
}

function asText(): string {
  const { date, node, sqlite, cores, processor } = conditions();
  const tables = sections.flatMap(({ number, tables }) =>
    tables().map((table) => render({ ...table, title: `${number}. ${table.title}` })),
  );
  return [
    `${date.slice(0, 10)}, Node ${node}, SQLite ${sqlite}, ${cores} cores (${processor}).`,
    "Medians; each launch is a process of its own, the sides take turns, and file caches are warm for all.",
    "A ratio or a difference is the median over the rounds, each launch against the one beside it.",
    ...tables.map((table) => `\n${table}`),
  ].join("\n");
}

const folder = resolve(options.dir);
const made: string[] = [];
mkdirSync(folder, { recursive: true });
const work = mkdtempSync(join(folder, "launch-"));
try {
  await measureAll(work);
} finally {
  for (const each of [work, ...made.map((name) => join(folder, name))]) rmSync(each, { recursive: true, force: true });
  if (readdirSync(folder).length === 0) rmdirSync(folder);
}

console.log(options.json ? asJson() : asText());
if (options.svg !== undefined) {
  const lines = linesOfCost();
  if (lines.length > 0) writeFileSync(options.svg, drawChart("Time to an open database, by its size", lines));
  else console.error("There is no picture without sections 1 and 2.");
}
