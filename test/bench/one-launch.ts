/**
 * One launch in a process of its own, as `launch.bench.ts` orders it on the command line. Prints what it measured as
 * JSON: the clock runs from before the first module is loaded, or, for `preloaded`, from when all are there.
 */
import { join } from "node:path";
import type * as Holdfast from "../../src/index.ts";
import { backUp, loadPackages, openChecked } from "./hand-written.ts";
import { clock, type LoopWatch, watchLoop } from "./watch-loop.ts";

export interface Order {
  readonly side: "holdfast" | "by-hand";
  /** Holds the database as `data/library.sqlite`; what the side writes goes beside it. */
  readonly folder: string;
  readonly migrations: string;
  readonly version: string;
  readonly preloaded: boolean;
  /** URL of the built library. */
  readonly library: string;
}

/** Milliseconds. */
export interface Measured {
  /** On the clock that all processes share. */
  readonly begun: number;
  /** From the call. For `by-hand`: where its backup is left for later, as Holdfast's is. */
  readonly opened: number;
  readonly backedUp: number;
  /** The longest blocks of the event loop until the database was open, and while the backup ran. */
  readonly blockedBefore: number;
  readonly blockedBehind: number;
  /** Holdfast only: what became of the backup, and the milliseconds of each action. */
  readonly backup?: string;
  readonly actions?: Readonly<Record<string, number>>;
  readonly node: string;
  readonly sqlite: string;
}

async function launchWithHoldfast(order: Order): Promise<Measured> {
  const load = async () => (await import(order.library)) as typeof Holdfast;
  if (order.preloaded) {
    await load();
    await loadEngine();
  }
  const loop = watchLoop();
  const begun = clock();
  const { guard } = await load();
  const library = await guard(join(order.folder, "settings.toml"), { appVersion: order.version });
  const opened = clock();
  const { result } = await library.backup;
  const times = timesOf(loop, begun, opened);
  const actions = Object.fromEntries(library.report.actions.map(({ action, ms }) => [action, ms ?? 0]));
  const measured = { ...times, ...versions(library.db), backup: result, actions };
  await library.close();
  return measured;
}

async function launchByHand(order: Order): Promise<Measured> {
  const data = join(order.folder, "data");
  const pipeline = {
    database: join(data, "library.sqlite"),
    backups: join(data, "backups"),
    migrations: order.migrations,
    version: order.version,
  };
  if (order.preloaded) {
    await loadPackages();
    await loadEngine();
  }
  const loop = watchLoop();
  const begun = clock();
  const packages = await loadPackages();
  const db = await openChecked(packages, pipeline);
  const opened = clock();
  await backUp(packages, db, pipeline);
  const measured = { ...timesOf(loop, begun, opened), ...versions(db) };
  db.close();
  return measured;
}

/** To be called when the backup is in place. */
function timesOf(loop: LoopWatch, begun: number, opened: number): Omit<Measured, "node" | "sqlite"> {
  const backedUp = clock();
  loop.stop();
  return {
    begun,
    opened: opened - begun,
    backedUp: backedUp - begun,
    blockedBefore: loop.longest(begun, opened),
    blockedBehind: loop.longest(opened, backedUp),
  };
}

/** The package alone does not load SQLite: its first connection does. */
async function loadEngine(): Promise<void> {
  const { default: Sqlite } = await import("better-sqlite3");
  new Sqlite(":memory:").close();
}

function versions(db: Holdfast.Connection): { node: string; sqlite: string } {
  return { node: process.version, sqlite: db.prepare("SELECT sqlite_version()").pluck().get() as string };
}

const order = JSON.parse(process.argv[2] ?? "") as Order;
const measured = await (order.side === "holdfast" ? launchWithHoldfast(order) : launchByHand(order));
process.stdout.write(JSON.stringify(measured));
