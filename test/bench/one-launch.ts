/**
 * One launch in a process of its own: by Holdfast, by the hand-written pipeline, or by plainly opening the database.
 * Prints what it measured as JSON.
 */
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type Sqlite from "better-sqlite3";
import type * as Holdfast from "../../src/index.ts";
import { backUp, loadPackages, openChecked, type Pipeline } from "./hand-written.ts";
import { highWater } from "./high-water.ts";
import { clock, watchLoop } from "./watch-loop.ts";

export type Side = "holdfast" | "by-hand" | "plain";

/**
 * What there is when the clock starts. `nothing`: loading the modules is part of the time. `loaded`: modules and
 * SQLite are there, and none of their code has run. `rehearsed`: it has run, for the launch of another database.
 */
export type Start = "nothing" | "loaded" | "rehearsed";

export interface LaunchOrder {
  readonly side: Side;
  /** Holds the database as `data/library.sqlite`; what the side writes goes beside it. */
  readonly folder: string;
  /** Such a folder with a small database, to rehearse with. */
  readonly rehearsal: string;
  readonly start: Start;
  /** Holdfast's settings, a file in the folder. */
  readonly settings: string;
  readonly migrations: string;
  readonly version: string;
  /** Whether to watch the event loop while the backup runs; the watch takes memory and a little time itself. */
  readonly watch: boolean;
  /** URL of the built library. */
  readonly library: string;
}

/** Milliseconds. */
export interface Launched {
  /** On the clock that all processes share. */
  readonly begun: number;
  /** From the call. For `by-hand`: where its backup is left for later, as Holdfast's is. */
  readonly opened: number;
  readonly backedUp: number;
  /** The longest block of the event loop while the backup ran; null where nobody watched. */
  readonly blocked: number | null;
  /** In bytes, until the database was closed. */
  readonly memory: number;
  /** Holdfast only: what it did before the database was open, and what became of the backup. */
  readonly actions: readonly string[];
  readonly checkMs: number | null;
  readonly backup: string | null;
  readonly sqlite: string;
}

interface Steps<Loaded> {
  load(): Promise<Loaded>;
  /** SQLite itself is loaded with the first connection. */
  loadEngine(): Promise<void>;
  open(loaded: Loaded, folder: string): Promise<Opened>;
}

interface Opened {
  readonly db: Holdfast.Connection;
  readonly told: Pick<Launched, "actions" | "checkMs">;
  /** Returns what became of the backup. */
  backUp(): Promise<string | null>;
  close(): Promise<void>;
}

const NOTHING_TOLD = { actions: [], checkMs: null };

async function openInMemory(packageName: string): Promise<void> {
  const { default: Engine } = (await import(packageName)) as { default: typeof Sqlite };
  new Engine(":memory:").close();
}

function withHoldfast({ library, settings, version }: LaunchOrder): Steps<typeof Holdfast> {
  return {
    load: async () => (await import(library)) as typeof Holdfast,
    // Its own copy, should this be another build of it.
    loadEngine: () => openInMemory(pathToFileURL(createRequire(library).resolve("better-sqlite3")).href),
    async open({ guard }, folder) {
      const guarded = await guard(join(folder, settings), { appVersion: version });
      const { report } = guarded;
      const check = report.actions.find(({ action }) => action === "check");
      return {
        db: guarded.db,
        told: { actions: report.actions.map(({ action }) => action), checkMs: check?.ms ?? null },
        backUp: async () => (await guarded.backup).result,
        close: () => guarded.close(),
      };
    },
  };
}

function byHand({ migrations, version }: LaunchOrder): Steps<Awaited<ReturnType<typeof loadPackages>>> {
  return {
    load: loadPackages,
    loadEngine: () => openInMemory("better-sqlite3"),
    async open(packages, folder) {
      const data = join(folder, "data");
      const database = join(data, "library.sqlite");
      const pipeline: Pipeline = { database, backups: join(data, "backups"), migrations, version };
      const db = await openChecked(packages, pipeline);
      return {
        db,
        told: NOTHING_TOLD,
        async backUp() {
          await backUp(packages, db, pipeline);
          return null;
        },
        async close() {
          db.close();
        },
      };
    },
  };
}

function plainly(): Steps<typeof Sqlite> {
  return {
    load: async () => (await import("better-sqlite3")).default,
    loadEngine: () => openInMemory("better-sqlite3"),
    async open(Engine, folder) {
      const db = new Engine(join(folder, "data", "library.sqlite"));
      // SQLite opens lazily: without a query it would not have looked at the file yet.
      db.prepare("SELECT count(*) FROM sqlite_schema").get();
      return {
        db,
        told: NOTHING_TOLD,
        backUp: async () => null,
        async close() {
          db.close();
        },
      };
    },
  };
}

async function launch<Loaded>(
  { load, loadEngine, open }: Steps<Loaded>,
  { folder, rehearsal, start, watch }: LaunchOrder,
): Promise<Launched> {
  if (start !== "nothing") {
    await load();
    await loadEngine();
  }
  if (start === "rehearsed") {
    const other = await open(await load(), rehearsal);
    await other.backUp();
    await other.close();
  }
  const loop = watch ? watchLoop() : null;
  const begun = clock();
  const { db, told, ...later } = await open(await load(), folder);
  const opened = clock();
  const backup = await later.backUp();
  const backedUp = clock();
  loop?.stop();
  const sqlite = db.prepare("SELECT sqlite_version()").pluck().get() as string;
  await later.close();
  return {
    begun,
    opened: opened - begun,
    backedUp: backedUp - begun,
    blocked: loop?.longest(opened, backedUp) ?? null,
    memory: highWater(),
    ...told,
    backup,
    sqlite,
  };
}

function launchFor(order: LaunchOrder): Promise<Launched> {
  switch (order.side) {
    case "holdfast":
      return launch(withHoldfast(order), order);
    case "by-hand":
      return launch(byHand(order), order);
    case "plain":
      return launch(plainly(), order);
  }
}

process.stdout.write(JSON.stringify(await launchFor(JSON.parse(process.argv[2] ?? "") as LaunchOrder)));
