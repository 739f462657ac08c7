/**
 * Whether a launch after some damage lost anything: told from the files before and after, with SQLite alone.
 *
 * What SQLite itself cannot tell is not demanded: a bit that turns one letter into another leaves a database that is
 * sound, and of its two copies nothing says which is right. Then it has to be opened as it is.
 */
import { readFileSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { parse } from "smol-toml";
import { isCold, temporaries } from "../oracle.ts";
import { NEWEST, OLDER } from "./backup-kinds.ts";
import { contentOf, lacking } from "./content.ts";
import type { Kind } from "./kind.ts";
import type { Ended } from "./play.ts";
import { contentFiles, DATABASE, isSound, type State } from "./state.ts";

export interface Evidence {
  readonly kind: Kind;
  readonly folder: string;
  readonly scratch: string;
  /** Before the damage. */
  readonly good: State;
  /** The rows that each backup had then. */
  readonly held: ReadonlyMap<string, ReadonlySet<string>>;
  /** After it, before the launch. */
  readonly before: State;
  readonly after: State;
  readonly ended: Ended;
}

/** May end any launch of a database that is readable, but says strange things of itself. */
const OF_CONTENT = ["CHECK_IMPOSSIBLE", "MIGRATION_DRIFT", "MIGRATION_FAILED"];

/** @returns what is wrong; empty when all is well */
export function judge(evidence: Evidence): readonly string[] {
  const { ended, folder } = evidence;
  if (ended.outcome === "failed") return [`no documented error: ${ended.message}`];
  const faults = ended.outcome === "opened" ? judgeOpened(evidence) : judgeRefused(evidence);
  // A swap that a person has to look at needs the file that was staged.
  const left = ended.outcome === "SWAP_INTERRUPTED" ? [] : temporaries(folder);
  return [...faults, ...judgeBackups(evidence), ...left.map((file) => `the temporary ${file} is left`)];
}

function judgeRefused({ kind, ended, good, before, after, folder }: Evidence): readonly string[] {
  const { outcome, message } = ended;
  const allowed = [...(kind.refusals ?? []), ...(kind.target === "database" ? OF_CONTENT : [])];
  const noneLeft = outcome === "NO_USABLE_BACKUP" && usableBackups(good, before).length === 0;
  const faults = allowed.includes(outcome) || noneLeft ? [] : [`refused without need: ${outcome}: ${message}`];
  for (const file of contentFiles(before))
    if (after.files.get(file) !== before.files.get(file) && !isKept(file, before, after, namedBy(ended, folder)))
      faults.push(`refused, but ${file} was touched`);
  return faults;
}

function judgeOpened(evidence: Evidence): readonly string[] {
  const { kind, ended, good, before, after, folder, scratch } = evidence;
  if (relative(folder, ended.database) !== DATABASE) return judgeElsewhere(evidence);
  const faults: string[] = [];
  const did = (action: string) => ended.actions.some((each) => each.action === action);
  const replaced = did("restore") || did("finish-swap") || did("salvage");
  if (after.whole === null) return ["opened, and there is no database"];
  const { damage, unjudged } = after.whole;
  if (damage.length > 0 || (unjudged !== null && before.whole?.unjudged !== unjudged))
    faults.push(`the open database is damaged: ${damage[0] ?? unjudged}`);
  // What SQLite's check cannot judge is opened, where no check had to come first, and gets no backup.
  const isJudged = after.whole.unjudged === null;
  if (!ended.suspect && isJudged && ended.backup.startsWith("failed")) faults.push(`its backup ${ended.backup}`);

  const named = namedBy(ended, folder);
  if (replaced || did("quarantine"))
    // Where sidecars alone are set aside, SQLite goes on with the main file.
    for (const file of contentFiles(before).filter((each) => replaced || each !== DATABASE))
      if (before.files.get(file) !== EMPTY && !isKept(file, before, after, named))
        faults.push(`LOST: the bytes of ${file}, which are in no file that the report names`);
  if (replaced) faults.push(...judgeRestore(evidence), ...(did("salvage") ? judgeHealed(evidence) : []));
  else {
    // A log that is kept is read as well, as far as it goes.
    const aloneNow = did("quarantine") && !ended.warnings.some((text) => text.includes("it is kept as"));
    const seen = aloneNow ? before.alone : before.whole;
    const lost = isSound(seen) ? lacking(seen.rows, after.whole.rows) : [];
    if (lost.length > 0) faults.push(`LOST: ${lost.length} rows that SQLite could read, as ${lost[0]}`);
    if (kind.target === "database" && kind.on !== "killed" && kind.on !== "hot" && !did("check"))
      faults.push("it was changed since it was sealed, and opened without a check");
  }
  // Of a file that is shorter than a page SQLite makes an empty database.
  if (
    replaced &&
    isSound(before.whole) &&
    before.whole.rows.size > 0 &&
    kind.target !== "sidecar" &&
    kind.target !== "swap"
  )
    faults.push("a sound database was replaced");
  if (kind.hides && isSound(good.whole)) {
    const hidden = lacking(good.whole.rows, after.whole.rows);
    // One commit may itself be what was damaged.
    if (hidden.length > 1 && !isKept(`${DATABASE}-wal`, before, after, named))
      faults.push(`LOST: ${hidden.length} rows that stand in the log, as ${hidden[0]}`);
  }
  if (kind.target === "record" || kind.target === "settings" || kind.target === "backup")
    if (isSound(good.whole)) {
      const lost = lacking(good.whole.rows, after.whole.rows);
      if (lost.length > 0) faults.push(`LOST: ${lost.length} rows of a good database, as ${lost[0]}`);
    }
  for (const { file } of ended.actions.filter(({ action }) => action === "back-up"))
    if (!isSound(contentOf(file, scratch))) faults.push(`${file} is named a backup and is not sound`);
  if ([...after.whole.rows].some((row) => row.startsWith("recipe "))) faults.push("rows of another database are in it");
  for (const file of contentFiles(after))
    if (file !== DATABASE && !isCold(join(folder, file))) faults.push(`${file} is left after a clean close`);
  return [...faults, ...judgeIndex(evidence)];
}

/** What the index lists is there, with the bytes that it says. A backup that rots is found when it is read again. */
function judgeIndex({ good, before, after, folder }: Evidence): readonly string[] {
  const text = readFileSync(join(folder, "backups", ".library-db-index.toml"), "utf8");
  const { entries = [] } = parse(text) as { entries?: readonly { file: string; sha256: string }[] };
  return entries.flatMap(({ file, sha256 }) => {
    const [then, damaged, now] = [good, before, after].map(({ files }) => files.get(join("backups", file)));
    return now === sha256 || (now === damaged && damaged !== then) ? [] : [`the index is wrong about ${file}`];
  });
}

/** The settings named another file: then this one has to be as it was. */
function judgeElsewhere({ before, after }: Evidence): readonly string[] {
  return contentFiles(before).flatMap((file) =>
    before.files.get(file) === after.files.get(file) ? [] : [`${file} was touched by a launch of another file`],
  );
}

/** The newest of the backups that are as they were must be the one. */
function judgeRestore({ good, held, before, after, ended }: Evidence): readonly string[] {
  const from = ended.actions.find((each) => each.action === "restore");
  if (!from) return [];
  const [expected] = usableBackups(good, before);
  const used = basename(from.file);
  const faults: string[] = [];
  if (before.files.get(join("backups", used)) !== good.files.get(join("backups", used))) {
    faults.push(`restored from ${used}, which is not what it was`);
  } else if (used !== expected) faults.push(`restored from ${used}, though ${expected} is newer and good`);
  const rows = held.get(used);
  const lost = rows && after.whole ? lacking(rows, after.whole.rows) : ["all"];
  if (lost.length > 0) faults.push(`LOST: ${lost.length} rows of ${used}, as ${lost[0]}`);
  return faults;
}

/** What lies on pages that are as they were comes back, and so does what is in the backup as well. */
function judgeHealed({ kind, good, held, before, after }: Evidence): readonly string[] {
  const [newest] = usableBackups(good, before);
  const inBackup = newest === undefined ? undefined : held.get(newest);
  // Of bytes that were written over at random nobody can tell a value from another, and two tables may have the same rows.
  const isBeyondTelling = /scribble$|page\.copy/.test(kind.name);
  if (!inBackup || !good.whole || !after.whole || isBeyondTelling) return [];
  const lastRows = good.whole.rows;
  const aside = [...after.whole.rows].filter((row) => row.startsWith("lost_and_found"));
  const lost = lacking(new Set([...inBackup].filter((row) => lastRows.has(row))), after.whole.rows).filter((row) => {
    const values = row.slice(row.indexOf("[") + 1, -1);
    return !aside.some((each) => each.includes(values));
  });
  // One bit makes another row of one, as an application may have done where other rows are newer.
  const most = kind.name.includes(".bit.") ? 1 : 0;
  return lost.length > most ? [`LOST: ${lost.length} rows that nobody deleted and the backup has, as ${lost[0]}`] : [];
}

/** Those with the bytes that they had, under the name that they had, the newest first. */
function usableBackups(good: State, before: State): readonly string[] {
  return [NEWEST, OLDER].filter((file) => {
    const path = join("backups", file);
    return good.files.has(path) && before.files.get(path) === good.files.get(path);
  });
}

/** A backup that was good is there with its bytes, or was replaced by one that holds what is open now. */
function judgeBackups({ kind, good, before, after, ended, folder }: Evidence): readonly string[] {
  const refreshed = ended.actions.filter((each) => each.action === "back-up" && !each.unchanged);
  return usableBackups(good, before).flatMap((file) => {
    const path = join("backups", file);
    if (after.files.get(path) === before.files.get(path)) return [];
    if (refreshed.some((each) => relative(folder, each.file) === path) && file === NEWEST) return [];
    // So the settings say.
    if (kind.target === "settings" && ended.actions.some((each) => each.action === "retire")) return [];
    if ([...after.files].some(([name, hash]) => hash === before.files.get(path) && name !== path))
      return [`the good backup ${file} has lost its name`];
    return [`LOST: the good backup ${file} ${after.files.has(path) ? "has other bytes" : "is gone"}`];
  });
}

/** As paths within the folder; sidecars that were set aside with a database have its name. */
function namedBy({ actions, warnings }: Ended, folder: string): readonly string[] {
  const inWarnings = warnings.flatMap((text) => text.match(/library-[\w.+-]+\.sqlite/g) ?? []);
  return [
    ...actions.flatMap(({ file }) => (file.startsWith(folder) ? [relative(folder, file)] : [])),
    ...inWarnings.map((file) => join("backups", file)),
  ];
}

const EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** Whether these very bytes are in the database's place, or under a name that was told. */
function isKept(file: string, before: State, after: State, named: readonly string[]): boolean {
  const hash = before.files.get(file);
  const ending = file.slice(DATABASE.length);
  const mains = named.map((name) => name.replace(/-(wal|shm|journal)$/, ""));
  return [DATABASE, ...mains].some((name) => after.files.get(name + ending) === hash);
}
