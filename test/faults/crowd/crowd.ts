/** Many processes that launch the same database at once and are killed at random, and what must hold afterwards. */
import { type ChildProcess, spawn } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { parse } from "smol-toml";
import { type NextLaunch, nextLaunch } from "../next-launch.ts";
import { judgeAtOnce, judgeFiles, missingTitles } from "../oracle.ts";
import { HOLDFAST, layOutApp } from "../run-app.ts";
import { type Event, type Findings, judge, type Limits } from "./judge.ts";
import type { MemberOrder, Release } from "./member.ts";

interface CrowdRelease {
  readonly version: string;
  /** How many of the migrations it has. */
  readonly migrations: number;
  readonly check: "auto" | "full";
}

/** What the members of a crowd launch. */
export interface Crowd {
  readonly name: string;
  readonly releases: readonly CrowdRelease[];
  /** Launched once before, so that there is a way back; null: the crowd finds nothing. */
  readonly begunWith: string | null;
}

export const CROWDS: readonly Crowd[] = [
  {
    name: "one layout, three versions",
    releases: [
      { version: "1.0.0", migrations: 1, check: "auto" },
      { version: "1.0.0", migrations: 1, check: "full" },
      { version: "1.0.1", migrations: 1, check: "full" },
      { version: "1.0.2", migrations: 1, check: "full" },
    ],
    begunWith: null,
  },
  {
    name: "two layouts, up and down",
    releases: [
      { version: "1.0.0", migrations: 1, check: "auto" },
      { version: "1.1.0", migrations: 2, check: "auto" },
    ],
    begunWith: "1.0.0",
  },
];

const LOCK_TIMEOUT_S = 3;
const RETENTION = 2;
/**
 * A kill comes after so many bytes of the log at most, at random: as many for each launch on a slow machine as on a fast
 * one. After so many milliseconds in any case.
 */
const LONGEST_PEACE_BYTES = 3000;
const LONGEST_PEACE_MS = 5000;
/** One kill in so many is of all at once, who then start again at once. */
const MASSACRE = 8;
/** A crowd on a slow machine goes on until so many of its launches for each member have opened, but not for ever. */
const OPENED = 1;
const LONGEST_MS = 40_000;
/** Times the square of the members: so that there are moments in which nobody has the database. */
const REST_MS = 12;

export interface CrowdOptions {
  readonly members: number;
  readonly seconds: number;
  /** A module that spoils the members on purpose, for the control. */
  readonly preload?: string;
  /** Something that is done to the files after the last kill, for the control. */
  readonly afterwards?: (database: string) => void;
}

export interface CrowdVerdict extends Findings {
  readonly folder: string;
}

/** @param folder where a new folder is made, and left when something is wrong */
export async function gather(crowd: Crowd, folder: string, options: CrowdOptions): Promise<CrowdVerdict> {
  const root = mkdtempSync(join(folder, "crowd-"));
  const data = join(root, "data");
  const scratch = join(root, "scratch");
  for (const each of [data, scratch]) mkdirSync(each);
  const log = join(root, "log");
  writeFileSync(log, "");
  const order: MemberOrder = {
    holdfast: HOLDFAST,
    sqlite: import.meta.resolve("better-sqlite3"),
    log,
    releases: crowd.releases.map((release): Release => ({ version: release.version, settings: settle(data, release) })),
    restMs: options.members ** 2 * REST_MS,
  };
  await begin(crowd, data);
  await riot(layOutApp(root, new URL("./member.ts", import.meta.url)), order, options);
  const events = eventsIn(log);
  const found = judge(events, limitsOf(options));
  const faults = [...found.faults, ...judgeAtOnce(data, [], scratch)];
  options.afterwards?.(join(data, "library.sqlite"));
  faults.push(...(await judgeEnd(crowd, data, scratch, found.committed)));
  if (faults.length === 0) rmSync(root, { recursive: true, force: true });
  return { ...found, faults, folder: root };
}

async function begin({ begunWith, releases }: Crowd, data: string): Promise<void> {
  if (begunWith === null) return;
  const first = await launchOnce(
    data,
    releases.find(({ version }) => version === begunWith),
  );
  if (first.outcome !== "opened") throw new Error(first.message);
}

async function launchOnce(data: string, release: CrowdRelease | undefined): Promise<NextLaunch> {
  if (!release) throw new Error("there is no such release");
  settle(data, release, "settings.toml");
  return await nextLaunch(data, release.version);
}

function limitsOf({ members }: CrowdOptions): Limits {
  return {
    refusals: ["DB_LOCKED", "DB_IN_USE"],
    lockTimeoutMs: LOCK_TIMEOUT_S * 1000,
    // The processors are shared by all of them, and so is the time that each waits.
    launchMs: 30_000 + members * 1000,
    silenceMs: 20_000 + members * 400,
  };
}

/** @returns the settings file of that release */
function settle(
  data: string,
  { migrations, check }: CrowdRelease,
  name = `settings-${migrations}-${check}.toml`,
): string {
  const folder = `migrations-${migrations}`;
  mkdirSync(join(data, folder), { recursive: true });
  for (const [file, sql] of MIGRATIONS.slice(0, migrations))
    writeFileSync(join(data, folder, file), slowMigration(sql));
  const lines = [
    'db-path = "library.sqlite"',
    `db-migrations = "${folder}"`,
    `db-lock-timeout = "${LOCK_TIMEOUT_S}s"`,
    `db-backup-retention = ${RETENTION}`,
    `db-integrity-check = "${check}"`,
  ];
  writeFileSync(join(data, name), `${lines.join("\n")}\n`);
  return join(data, name);
}

const MIGRATIONS = [
  ["0001_books.mjs", "CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT NOT NULL)"],
  ["0002_authors.mjs", "CREATE TABLE author (id INTEGER PRIMARY KEY, name TEXT)"],
] as const;

/** It takes its time, so that two at once would be seen. */
function slowMigration(sql: string): string {
  return `export function up(db) {
  globalThis.tellAlone?.("a migration begins");
  db.exec(${JSON.stringify(sql)});
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20 + Math.random() * 100);
  globalThis.tellAlone?.("a migration ends");
}
`;
}

async function riot(member: string, order: MemberOrder, { members, seconds, preload }: CrowdOptions): Promise<void> {
  const env = { ...process.env, ...(preload === undefined ? {} : { NODE_OPTIONS: `--import=${preload}` }) };
  const living = new Set<ChildProcess>();
  const gone: Promise<unknown>[] = [];
  const send = () => {
    const started = spawn(process.execPath, [member, JSON.stringify(order)], {
      stdio: ["ignore", "ignore", "inherit"],
      env,
    });
    living.add(started);
    // `close`: its child, which shares the standard error, is gone as well.
    gone.push(new Promise((resolve) => started.once("close", resolve)));
  };
  const kill = (victim: ChildProcess) => {
    if (!living.delete(victim) || victim.pid === undefined) return;
    // Said before, for whoever comes after it may be quicker than this process.
    if (victim.exitCode === null && victim.signalCode === null) tellKilled(order.log, victim.pid);
    victim.kill("SIGKILL");
  };
  const begun = Date.now();
  while (living.size < members) send();
  while (!isOver(Date.now() - begun, order.log, { members, seconds })) {
    await peace(order.log);
    const all = [...living];
    const one = Math.floor(Math.random() * all.length);
    for (const victim of Math.random() * MASSACRE < 1 ? all : all.slice(one, one + 1)) kill(victim);
    for (const each of living) if (each.exitCode !== null || each.signalCode !== null) living.delete(each);
    while (living.size < members) send();
  }
  for (const each of [...living]) kill(each);
  await Promise.all(gone);
}

function isOver(ms: number, log: string, { members, seconds }: CrowdOptions): boolean {
  if (ms < seconds * 1000) return false;
  const opened = eventsIn(log).filter(({ what }) => what === "opened").length;
  return opened >= members * OPENED || ms > LONGEST_MS + seconds * 1000;
}

async function peace(log: string): Promise<void> {
  const size = () => statSync(log).size;
  const until = size() + Math.random() * LONGEST_PEACE_BYTES;
  const end = Date.now() + LONGEST_PEACE_MS;
  while (size() < until && Date.now() < end) await pause(10);
}

function tellKilled(log: string, pid: number): void {
  appendFileSync(log, `${JSON.stringify({ what: "killed", pid, at: Date.now() } satisfies Event)}\n`);
}

function eventsIn(log: string): readonly Event[] {
  return (
    readFileSync(log, "utf8")
      .split("\n")
      // The last one is empty, or still on its way.
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Event)
  );
}

async function judgeEnd(crowd: Crowd, data: string, scratch: string, titles: readonly string[]): Promise<string[]> {
  const faults: string[] = [];
  const next = await launchOnce(data, crowd.releases.at(-1));
  if (next.outcome !== "opened") faults.push(`the last launch: ${next.outcome}: ${next.message}`);
  faults.push(...judgeFiles(data, scratch));
  // A row that only a backup holds is lost all the same.
  const holders = next.files.filter((file) => basename(file) === "library.sqlite" || /-(demoted|corrupt)/.test(file));
  const missing = missingTitles(titles, holders, scratch);
  if (missing.length > 0) faults.push(`LOST: ${missing.length} rows: ${missing.slice(0, 10).join(", ")}`);
  const index = join(data, "backups", ".library-db-index.toml");
  const { entries } = (existsSync(index) ? parse(readFileSync(index, "utf8")) : { entries: [] }) as {
    entries: unknown[];
  };
  if (entries.length > RETENTION) faults.push(`${entries.length} backups are kept where ${RETENTION} were asked for`);
  return faults;
}
