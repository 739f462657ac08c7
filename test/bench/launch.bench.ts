/**
 * How long a launch takes: Holdfast beside the pipeline that one writes by hand (hand-written.ts), in one run, on
 * databases of several sizes. Each launch is a process of its own; the two take turns, and which of them goes
 * first changes with every round, so that noise hits both. A slow figure fails nothing: the exit status is 0.
 *
 *   npm run bench -- --sizes 10,100,1000 --runs 5 --dir /fast/disk --keep --json
 */
import { execFile, execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs, promisify } from "node:util";
import { compare, KINDS, type Kind, type Launched, label, type Runs, render, SIDES, type Side } from "./comparison.ts";
import { changeDatabase, makeDatabase } from "./make-database.ts";
import type { Measured, Order } from "./one-launch.ts";
import { watchLoop } from "./watch-loop.ts";

const { values: options } = parseArgs({
  options: {
    /** In megabytes. */
    sizes: { type: "string", default: "10,100,1000" },
    runs: { type: "string", default: "5" },
    /** Where the databases are made; six times the largest must fit. */
    dir: { type: "string", default: join(tmpdir(), "holdfast-bench") },
    /** Leaves the databases there for the next run. */
    keep: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    /** Another build of Holdfast, to be held against this one. */
    library: { type: "string", default: join(import.meta.dirname, "../../dist/index.js") },
  },
});
const sizes = options.sizes.split(",").map(positive);
const runs = positive(options.runs);

const MIGRATIONS = join(import.meta.dirname, "migrations");
const VERSION = "1.0.0";

/** From this size on, loading the modules is lost in the time of the launch: "preloaded" would only repeat "unchanged". */
const LARGE = 500;

function positive(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number > 0) return number;
  console.error(`"${text}" is not a whole number above 0.`);
  process.exit(2);
}

async function measureSize(database: string, work: string, megabytes: number): Promise<Runs> {
  const found = { unchanged: noRuns(), preloaded: noRuns(), changed: noRuns() };
  for (const side of SIDES) prepare(join(work, side), database);
  say(`${label(megabytes)}: the first launches migrate and back up, and are not counted`);
  for (const side of SIDES) for (let time = 0; time < 2; time++) await launch(work, side, "unchanged");
  for (let round = 0; round < runs; round++) {
    say(`${label(megabytes)}: round ${round + 1} of ${runs}`);
    const sides = round % 2 === 0 ? SIDES : SIDES.toReversed();
    for (const kind of KINDS) {
      if (kind === "preloaded" && megabytes >= LARGE) continue;
      for (const side of sides) {
        if (kind === "changed") changeDatabase(databaseIn(join(work, side)), round);
        found[kind][side].push(await launch(work, side, kind));
      }
    }
  }
  return found;
}

function noRuns(): Record<Side, Launched[]> {
  return { holdfast: [], "by-hand": [] };
}

function prepare(folder: string, database: string): void {
  mkdirSync(join(folder, "data"), { recursive: true });
  copyFileSync(database, databaseIn(folder));
  const settings = `db-path = "data/library.sqlite"\ndb-migrations = ${JSON.stringify(MIGRATIONS)}\n`;
  writeFileSync(join(folder, "settings.toml"), settings);
}

function databaseIn(folder: string): string {
  return join(folder, "data", "library.sqlite");
}

async function launch(work: string, side: Side, kind: Kind): Promise<Launched> {
  settleDisk();
  const order: Order = {
    side,
    folder: join(work, side),
    migrations: MIGRATIONS,
    version: VERSION,
    preloaded: kind === "preloaded",
    library: pathToFileURL(resolve(options.library)).href,
  };
  const loop = watchLoop();
  const { stdout } = await run(process.execPath, [join(import.meta.dirname, "one-launch.ts"), JSON.stringify(order)]);
  loop.stop();
  const measured = JSON.parse(stdout) as Measured;
  const { begun, opened, backedUp } = measured;
  return { ...measured, idleBehind: loop.longest(begun + opened, begun + backedUp) };
}

const run = promisify(execFile);

/** What the launch before has written must not be written out during the next. */
function settleDisk(): void {
  if (process.platform !== "win32") execFileSync("sync");
}

function say(text: string): void {
  console.error(text);
}

const folder = resolve(options.dir);
const results = new Map<number, Runs>();
const made: string[] = [];
mkdirSync(folder, { recursive: true });
try {
  for (const megabytes of sizes) {
    say(`${label(megabytes)}: making the database`);
    const database = makeDatabase(folder, megabytes);
    made.push(database);
    const work = mkdtempSync(join(folder, `launch-${megabytes}mb-`));
    made.push(work);
    results.set(megabytes, await measureSize(database, work, megabytes));
    rmSync(work, { recursive: true });
  }
} finally {
  for (const each of made)
    if (!options.keep || !each.endsWith(".sqlite")) rmSync(each, { recursive: true, force: true });
  if (readdirSync(folder).length === 0) rmdirSync(folder);
}
const comparison = compare(results, runs, new Date());
console.log(
  options.json ? JSON.stringify({ ...comparison, results: Object.fromEntries(results) }, null, 2) : render(comparison),
);
