/** A launch while another program, which knows nothing of Holdfast, writes to the database all the time. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import Database from "better-sqlite3";
import { nextLaunch } from "../next-launch.ts";
import { judgeFiles, missingTitles } from "../oracle.ts";
import { committedIn, layOutApp, runApp } from "../run-app.ts";
import { MIGRATIONS, Template } from "../template.ts";
import { isOfApplication } from "../trial.ts";
import type { WriterOrder } from "./writer.ts";

const PATIENCE_S = 2;
/** What a launch takes besides, on a machine that has other things to do. */
const SLACK_MS = 15_000;

export const hasShell: boolean = spawnSync("sqlite3", ["--version"]).status === 0;

/** `slow`: each transaction stays open for a while. */
export const WRITERS = ["quick", "slow", "shell"] as const;
const SLOW_MS = 150;
export const MODES = ["wal", "delete"] as const;
/** What the launch has to do, and the version and migrations that make it so. */
export const ERRANDS = {
  "nothing new": { version: "1.0.0", migrations: 1 },
  "a new stamp": { version: "1.0.1", migrations: 1 },
  "an upgrade": { version: "1.1.0", migrations: 3 },
  "an upgrade on a copy": {
    version: "1.1.0",
    migrations: {
      "0001_books.sql": MIGRATIONS["0001_books.sql"],
      "0002_vacuum.sql": "-- holdfast: no-transaction\nVACUUM;",
    },
  },
  "a downgrade": { version: "0.9.0", migrations: 0 },
} as const;

export interface Scene {
  readonly writer: (typeof WRITERS)[number];
  readonly mode: (typeof MODES)[number];
  readonly errand: keyof typeof ERRANDS;
}

export interface SceneVerdict {
  readonly scene: Scene;
  readonly ends: readonly string[];
  /** Rows of the other program. */
  readonly foreign: number;
  readonly longestMs: number;
  readonly faults: readonly string[];
}

/** @param launches how many, one after the other, beside the same writer */
export async function besideWriter(scene: Scene, folder: string, launches: number): Promise<SceneVerdict> {
  const root = mkdtempSync(join(folder, "writer-"));
  const app = layOutApp(root);
  const writerFile = layOutApp(root, new URL("./writer.ts", import.meta.url));
  const template = new Template(join(root, "data"), app);
  const { database } = template.places;
  const log = join(root, "log");
  writeFileSync(log, "");
  const { version, migrations } = ERRANDS[scene.errand];
  if (scene.errand === "a downgrade") await template.release({}).launch("0.9.0");
  await template
    .settle({ "db-lock-timeout": `${PATIENCE_S}s` })
    .release(1)
    .launch("1.0.0");
  changeMode(database, scene.mode);
  template.release(migrations === 0 ? {} : migrations);
  const order: WriterOrder = {
    sqlite: import.meta.resolve("better-sqlite3"),
    database,
    log,
    holdMs: scene.writer === "slow" ? SLOW_MS : 0,
  };
  const writer = scene.writer === "shell" ? startShell(order) : startWriter(writerFile, order);
  const faults: string[] = [];
  const ends: string[] = [];
  const rows: string[] = [];
  let longestMs = 0;
  try {
    await until(() => titlesIn(log).length >= 3);
    for (let n = 1; n <= launches; n++) {
      const begun = performance.now();
      const run = await runApp(
        app,
        { settings: join(template.folder, "settings.toml"), version, rows: [`own ${n}`], dies: false },
        null,
        null,
      );
      const ms = Math.round(performance.now() - begun);
      longestMs = Math.max(longestMs, ms);
      rows.push(...committedIn(run));
      for (const word of run.words) {
        if ("opened" in word) ends.push("opened");
        if ("refused" in word) ends.push(word.refused);
        if ("refused" in word && (!isTrue(word) || ms < PATIENCE_S * 1000))
          faults.push(`refused ${word.refused} after ${ms} ms: ${word.message}`);
        if ("failed" in word && !isOfApplication(word.failed)) faults.push(`no named error: ${word.failed}`);
      }
      if (run.hung) faults.push("a launch hung");
      await pause(50);
    }
  } finally {
    await stop(writer);
  }
  if (longestMs > PATIENCE_S * 1000 + SLACK_MS) faults.push(`a launch took ${longestMs} ms`);
  const foreign = titlesIn(log);
  const next = await nextLaunch(template.folder, version);
  if (next.outcome !== "opened") faults.push(`the launch without the writer: ${next.outcome}: ${next.message}`);
  const scratch = join(root, "scratch");
  faults.push(...judgeFiles(template.folder, scratch));
  const holders = next.files.filter((file) => file === database || /-(demoted|corrupt)/.test(file));
  const missing = missingTitles([...foreign, ...rows], holders, scratch);
  if (missing.length > 0) faults.push(`LOST: ${missing.length} rows: ${missing.slice(0, 10).join(", ")}`);
  if (faults.length === 0) rmSync(root, { recursive: true, force: true });
  return { scene, ends, foreign: foreign.length, longestMs, faults };
}

/** It is in use, and by another program. */
function isTrue({ refused, message }: { refused: string; message: string }): boolean {
  return refused === "DB_IN_USE" && /another program/i.test(message);
}

function changeMode(database: string, mode: string): void {
  const db = new Database(database);
  db.pragma(`journal_mode = ${mode}`);
  db.close();
}

function startWriter(file: string, order: WriterOrder): ChildProcess {
  return spawn(process.execPath, [file, JSON.stringify(order)], { stdio: ["ignore", "ignore", "inherit"] });
}

/** A process of its own for each row, as a script does it. */
function startShell({ database, log }: WriterOrder): ChildProcess {
  const script = `n=0; while :; do n=$((n+1))
    sqlite3 -cmd ".timeout 100" "$1" "INSERT INTO book (title) VALUES ('shell $n');" 2>/dev/null && echo "shell $n" >> "$2"
  done`;
  return spawn("sh", ["-c", script, "sh", database, log], { stdio: "ignore", detached: true });
}

async function stop(writer: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => writer.once("exit", resolve));
  // The shell leads a group, with a row on its way perhaps.
  if (writer.pid !== undefined) process.kill(writer.spawnfile === "sh" ? -writer.pid : writer.pid, "SIGKILL");
  await gone;
}

function titlesIn(log: string): readonly string[] {
  return readFileSync(log, "utf8").split("\n").slice(0, -1);
}

async function until(isSo: () => boolean): Promise<void> {
  for (let n = 0; !isSo(); n++) {
    if (n > 1000) throw new Error("the other program wrote nothing");
    await pause(10);
  }
}
