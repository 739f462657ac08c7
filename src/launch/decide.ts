/**
 * The rules: what a launch does next, given what it knows. No file is touched here and no clock is read; the
 * first rule that matches wins, and each decision carries its reason.
 */
import gt from "semver/functions/gt.js";
import valid from "semver/functions/valid.js";
import { byRecency, isDeclaredCompatible, ownBackups } from "../backups/choose.ts";
import { backupDue } from "../backups/due.ts";
import type { IndexEntry } from "../backups/index-file.ts";
import { isAbsent, livingSidecars, presentSidecars } from "../database/files.ts";
import { fingerprint, firstDifference } from "../database/layout.ts";
import { remedyForMoved, tellMoved } from "../database/moved.ts";
import { isCheckDue } from "../database/seal.ts";
import type { SelfDescription } from "../database/stamp.ts";
import { clipped, type Refusal } from "../errors.ts";
import type { Settings } from "../settings.ts";
import { ALONE, databaseIdOf, type Facts, relationOf, stampOf } from "./facts.ts";

export type Cause = "corruption" | "downgrade" | "missing";

/** Something to do before the launch can end. */
export type Action =
  | { readonly do: "wait"; readonly reason: string }
  | { readonly do: "finish-swap"; readonly reason: string }
  | {
      readonly do: "examine";
      readonly scope: "whole" | "alone";
      readonly check: "full" | "none";
      readonly reason: string;
    }
  | { readonly do: "quarantine-sidecars"; readonly reason: string }
  | { readonly do: "keep-log"; readonly reason: string }
  | { readonly do: "verify"; readonly backup: IndexEntry; readonly reason: string }
  | { readonly do: "restore"; readonly backup: IndexEntry; readonly cause: Cause; readonly reason: string }
  /** Reads what can be read of a corrupt database, and fills up what cannot from the backup. */
  | { readonly do: "salvage"; readonly backup: IndexEntry | null; readonly reason: string }
  | { readonly do: "create"; readonly reason: string }
  | { readonly do: "restore-point"; readonly reason: string }
  | { readonly do: "migrate"; readonly reason: string }
  | { readonly do: "stamp"; readonly reason: string };

/** The action of that name. */
export type Doing<Name extends Action["do"]> = Extract<Action, { do: Name }>;

export type Decision =
  | Action
  | { readonly do: "open"; readonly reason: string }
  | { readonly do: "refuse"; readonly refusal: Refusal };

export type Rules = Pick<
  Settings,
  "backupRetention" | "onCorruption" | "onMissing" | "onDowngrade" | "lockTimeout" | "integrityCheck"
>;

export function decide(facts: Facts, rules: Rules): Decision {
  return (
    whoElse(facts, rules) ??
    unfinished(facts) ??
    besideAnApp(facts, rules) ??
    strayOrAbsent(facts, rules) ??
    integrity(facts, rules) ??
    layout(facts, rules) ?? { do: "open", reason: "everything is in order" }
  );
}

type Rule = Decision | undefined;

const refuse = (refusal: Refusal): Decision => ({ do: "refuse", refusal });

/** Another launch, or an application that runs while this launch needs the database alone. */
function whoElse(facts: Facts, rules: Rules): Rule {
  if (facts.lock !== "taken") return undefined;
  if (!facts.waited) return { do: "wait", reason: "another launch is under way" };
  return refuse({
    code: "DB_LOCKED",
    message: `For ${rules.lockTimeout / 1000} s ${facts.files.path} was held by another launch, or by several in turn.`,
    hint: "Wait until the other launch has finished, or raise db-lock-timeout, then start again.",
    details: { path: facts.files.path, waitedMs: rules.lockTimeout },
  });
}

function unfinished(facts: Facts): Rule {
  const { intent, files, lock, app } = facts;
  if (!intent) return undefined;
  if (lock === "shared") return needsItAlone(facts, "a swap was interrupted and must be completed");
  if (intent.kind === "broken") {
    return refuse({
      code: "SWAP_INTERRUPTED",
      message: `A swap of ${files.path} was interrupted, and the files are no longer those that it names: ${intent.differences.join("; ")}.`,
      hint: `Nothing was touched. Make sure that ${files.path} is the database you want, then remove the record of the swap: rm "${intent.file}"`,
      details: { path: files.path, intent: intent.file, differences: intent.differences },
    });
  }
  if (app.readonly) return cannotReadonly(facts, "a swap was interrupted and must be completed");
  return { do: "finish-swap", reason: "an earlier launch was cut off while it replaced the database" };
}

/** Beside a running application only a database that needs nothing is opened. */
function besideAnApp(facts: Facts, rules: Rules): Rule {
  if (facts.lock !== "shared" || facts.app.readonly) return undefined;
  if (isAbsent(facts.files)) return needsItAlone(facts, "the database is missing");
  if (facts.whole === null) return undefined;
  if (facts.whole.verdict.kind !== "sound") return needsItAlone(facts, "the database cannot be read as it is");
  const next = layout(facts, rules);
  // The stamp can wait for the next launch that has the database alone.
  if (next && next.do !== "stamp") return needsItAlone(facts, "reason" in next ? next.reason : next.refusal.message);
  return { do: "open", reason: "another process has it open, and nothing has to be done alone" };
}

function needsItAlone(facts: Facts, why: string): Decision {
  if (!facts.waited) return { do: "wait", reason: `another process has the database open, and ${why}` };
  return refuse({
    code: "DB_IN_USE",
    message: `${facts.files.path} is open in another process, and this launch needs it alone: ${why}.`,
    hint: "Close the other window or process of the application, then start again.",
    details: { path: facts.files.path, why },
  });
}

/** Sidecars without their database, and a database that is not there. */
function strayOrAbsent(facts: Facts, rules: Rules): Rule {
  const { files, app } = facts;
  if (!isAbsent(files)) return undefined;
  if (facts.moved) {
    const { to, at, file } = facts.moved;
    return refuse({
      code: "NOT_FOUND",
      message: tellMoved({ database: files.path }, facts.moved),
      hint: `${remedyForMoved(facts.moved)} To begin anew here instead, delete ${file}`,
      details: { path: files.path, to, at, record: file },
    });
  }
  if (app.readonly) {
    return refuse({
      code: "NOT_FOUND",
      message: `There is no database at ${files.path}, and a read-only launch makes none.`,
      hint: "Start the application once without readonly: true.",
      details: { path: files.path },
    });
  }
  const strays = presentSidecars(files);
  if (strays.length > 0) {
    const names = strays.map((ending) => `${files.path}${ending}`).join(", ");
    return {
      do: "quarantine-sidecars",
      reason: `${names} ${strays.length === 1 ? "stands" : "stand"} beside no database`,
    };
  }
  if (facts.survey.unreadable) return refuse(facts.survey.unreadable);
  const own = candidates(facts);
  if (own.length === 0 && facts.survey.unidentified.length === 0) {
    return { do: "create", reason: "there is no database and no backup of one" };
  }
  const what = files.main === null ? "the database is missing" : "the database has zero bytes";
  if (rules.onMissing === "create") return { do: "create", reason: `${what}, and db-on-missing is "create"` };
  if (rules.onMissing === "refuse") {
    const backups = [...own.map((entry) => entry.file), ...facts.survey.unidentified];
    const exist = backups.length === 1 ? "1 backup of it exists" : `${backups.length} backups of it exist`;
    return refuse({
      code: "NOT_FOUND",
      message: `${files.path} ${files.main === null ? "is missing" : "has zero bytes"}, and ${own.length > 0 ? exist : `there are files that may be backups of it: ${backups.join(", ")}`}.`,
      hint: 'Put the file back, or set db-on-missing to "restore" to bring the newest backup back.',
      details: { path: files.path, backups },
    });
  }
  return restore(facts, own, "missing", what);
}

/** Is the file sound, and are its sidecars its own? */
function integrity(facts: Facts, rules: Rules): Rule {
  const { whole, alone, files, app, lock } = facts;
  const sidecars = livingSidecars(files);
  if (!whole && lock === "shared") {
    return { do: "examine", scope: "whole", check: "none", reason: "another process has it open and has checked it" };
  }
  if (!whole) return { do: "examine", scope: "whole", ...checkBefore(facts, rules) };
  if (whole.verdict.kind === "impossible") return impossible(facts, whole.verdict.reason);
  const { trust, checked } = facts;
  const unchecked = whole.verdict.kind === "sound" && trust.kind === "interrupted" && !checked;
  if (unchecked && lock === "exclusive" && isStampAnother(facts)) {
    const reason = "every page is read before the database opens: its stamp is not the one that was recorded";
    return { do: "examine", scope: "whole", check: "full", reason };
  }

  let problem = whole.verdict.kind === "corrupt" ? clipped(whole.verdict.problems[0] ?? "") : undefined;
  if (sidecars.length > 0 && lock !== "shared") {
    const names = sidecars.map((ending) => files.path + ending).join(", ");
    const alien = hasAlienSidecars(facts);
    const doubtful = whole.verdict.kind === "corrupt" || alien;
    if (!alone) {
      if (!doubtful)
        return { do: "examine", scope: "alone", check: "none", reason: `${names} must belong to this database` };
      return { do: "examine", scope: "alone", check: "full", reason: "the database may be sound without its sidecars" };
    }
    if (doubtful && !alone.checked) {
      return { do: "examine", scope: "alone", check: "full", reason: `${names} may belong to another database` };
    }
    if (doubtful && alone.verdict.kind === "sound") {
      if (app.readonly) return cannotReadonly(facts, `${names} must be set aside`);
      return { do: "quarantine-sidecars", reason: `the database is sound without ${names}` };
    }
    if (alien) problem ??= `${names} belong to another database, and without them it is not sound`;
  }
  if (problem === undefined) return damagedLog(facts);
  const problems = whole.verdict.kind === "corrupt" ? whole.verdict.problems : [problem];
  const what = `the database is corrupt (${problem})`;
  if (rules.onCorruption === "refuse" || app.readonly) {
    return refuse({
      code: "DB_CORRUPT",
      message: `${files.path} is corrupt: ${problem}.`,
      hint: app.readonly
        ? "Start once without readonly: true: it is healed or restored then, as db-on-corruption says."
        : 'Nothing was touched. Set db-on-corruption to "heal" to keep all that can be read of it, with rows of the newest backup for what cannot, or to "restore" to bring that backup back as it is; the corrupt file is kept.',
      details: { path: files.path, problems },
    });
  }
  const own = candidates(facts);
  return rules.onCorruption === "heal" ? heal(facts, own, what) : restore(facts, own, "corruption", what);
}

/** A stamp, once written, never goes away. */
function isStampAnother(facts: Facts): boolean {
  return facts.recordedId !== null && stampOf(facts)?.databaseId !== facts.recordedId;
}

/** SQLite reads as much of a damaged log as it can, and writes over the rest. */
function damagedLog({ whole, files, app, lock, logKept }: Facts): Rule {
  const unread = whole?.unreadCommits ?? 0;
  if (unread === 0 || logKept || app.readonly || lock !== "exclusive") return undefined;
  const commits = unread === 1 ? "1 commit" : `${unread} commits`;
  return { do: "keep-log", reason: `${files.path}-wal is damaged, and ${commits} in it cannot be read` };
}

/** Whether every page is read before the database opens, told from what is recorded of the last time. */
function checkBefore({ trust }: Facts, rules: Rules): { check: "full" | "none"; reason: string } {
  if (rules.integrityCheck === "full") {
    return { check: "full", reason: 'every page is read before the database opens, as db-integrity-check is "full"' };
  }
  switch (trust.kind) {
    case "sealed":
      return { check: "none", reason: "nothing has touched it since it was closed" };
    case "interrupted":
      return { check: "none", reason: "the application was cut off, and SQLite recovers what it wrote" };
    case "unknown":
      return { check: "full", reason: `every page is read before the database opens: ${trust.why}` };
    case "suspect":
      return { check: "full", reason: `a check behind the application found damage: ${trust.why}` };
  }
}

/** The log or the journal is another database's, as far as that can be told. */
export function hasAlienSidecars({ whole, alone }: Facts): boolean {
  if ((whole?.misfit ?? alone?.misfit ?? null) !== null) return true;
  return alone !== null && whole !== null && !isSameDatabase(alone.self, whole.self);
}

/**
 * Whether a database with its sidecars is still the one that its main file is. A foreign log that holds every
 * page can turn one database wholly into another that is sound. A stamp, once written, never goes away; without
 * one, a log that leaves none of the main file's tables is another database's. A row that says "backup" in the
 * main file alone means that a copy was put in place by hand, and the log is from before.
 */
export function isSameDatabase(alone: SelfDescription | null, whole: SelfDescription | null): boolean {
  if (!alone || !whole) return true;
  if (alone.stamp && alone.stamp.databaseId !== whole.stamp?.databaseId) return false;
  if (alone.backup && alone.backup.sequence !== whole.backup?.sequence) return false;
  if (alone.stamp || alone.tables.length === 0) return true;
  return alone.tables.some((table) => whole.tables.includes(table));
}

/** How the database's layout stands to the application's, and what follows. */
function layout(facts: Facts, rules: Rules): Rule {
  const { app, files } = facts;
  const stamp = stampOf(facts);
  const relation = relationOf(facts);

  if (relation === "ahead" && isDeclaredCompatible(facts.layout, app.layout, app.version)) return undefined;
  if (relation === "ahead" || relation === "diverged") {
    if (stamp && valid(stamp.appVersion) && gt(stamp.appVersion, app.version))
      return downgrade(facts, rules, stamp.appVersion);
    if (!facts.checked && facts.trust.kind !== "sealed" && facts.lock === "exclusive" && !app.readonly) {
      const reason = "its layout is none that the application knows, and damage could have made it so";
      return { do: "examine", scope: "whole", check: "full", reason };
    }
    return refuse(drift(facts));
  }
  if (relation === "behind") {
    const pending = app.layout.slice(facts.layout.length).map((step) => step.name);
    const what = `${pending.length} migration${pending.length === 1 ? " is" : "s are"} pending`;
    if (app.readonly) return cannotReadonly(facts, what);
    if (facts.unfit) {
      const { name, why } = facts.unfit;
      return refuse({
        code: "MIGRATION_FAILED",
        message: `The migration ${name} was not run: ${why}. Nothing was changed.`,
        hint: 'Take the statement out of it, or let it begin with "-- holdfast: no-transaction".',
        details: { path: files.path, migration: name, notApplied: pending },
      });
    }
    if (!facts.checked) {
      return { do: "examine", scope: "whole", check: "full", reason: `${what}, and every page is read before` };
    }
    if (rules.backupRetention > 0) {
      if (!facts.restorePoint)
        return { do: "restore-point", reason: `${what}; this is the last state under the old layout` };
      if ("failed" in facts.restorePoint) return refuse(facts.restorePoint.failed);
    }
    return { do: "migrate", reason: what };
  }
  if (app.readonly) return undefined;
  if (!stamp) return { do: "stamp", reason: "it has no stamp yet" };
  if (stamp.appVersion !== app.version)
    return { do: "stamp", reason: `version ${stamp.appVersion} becomes ${app.version}` };
  if (stamp.layout !== fingerprint(app.layout)) return { do: "stamp", reason: "the stamp names another layout" };
  if (facts.whole?.self?.backup) return { do: "stamp", reason: "a backup was put in place by hand" };
  return undefined;
}

function downgrade(facts: Facts, rules: Rules, newer: string): Decision {
  const { app, files } = facts;
  const what = `version ${newer} changed the layout, and ${app.version} cannot read it`;
  const details = { path: files.path, databaseVersion: newer, appVersion: app.version };
  if (rules.onDowngrade === "refuse" || app.readonly) {
    return refuse({
      code: "DOWNGRADE_REFUSED",
      message: `${files.path} was last used by version ${newer}, whose layout ${app.version} cannot read.`,
      hint: `Start version ${newer} or later again${app.readonly ? "." : ', or set db-on-downgrade to "restore" to go back to the newest backup that fits.'}`,
      details,
    });
  }
  if (facts.survey.unreadable) return refuse(facts.survey.unreadable);
  const next = nextCandidate(facts, candidates(facts));
  if (next) return tryCandidate(facts, next, "downgrade", what);
  return refuse({
    code: "DOWNGRADE_WITHOUT_BACKUP",
    message: `${files.path} was last used by version ${newer}, whose layout ${app.version} cannot read, and no backup fits ${app.version}. The database was not touched.${rejected(facts)}`,
    hint: `Install version ${newer} or later again.`,
    details: { ...details, rejected: rejections(facts) },
  });
}

function drift(facts: Facts): Refusal {
  const { files, app } = facts;
  const stamp = stampOf(facts);
  const difference = firstDifference(facts.layout, app.layout);
  const extra = facts.layout[app.layout.length];
  if (!difference) {
    return {
      code: "MIGRATION_DRIFT",
      message: `${files.path} has the migration ${extra?.name} applied, which this application${stamp?.appVersion === app.version ? ", at the same version," : ""} does not have.`,
      hint: "Use the build that applied it, or bring the migration back. Nothing was touched.",
      details: {
        path: files.path,
        migration: extra?.name,
        applied: extra?.checksum,
        expected: null,
        stampVersion: stamp?.appVersion ?? null,
      },
    };
  }
  const { position, database, app: expected } = difference;
  const edited = database.name === expected.name;
  return {
    code: "MIGRATION_DRIFT",
    message: edited
      ? `The migration ${database.name} was changed after it had been applied to ${files.path}: it was ${database.checksum} and is ${expected.checksum}.`
      : `At place ${position + 1}, ${files.path} has the migration ${database.name} (${database.checksum}) applied where the application has ${expected.name} (${expected.checksum}).`,
    hint: edited
      ? "Put the migration back as it was released, and write the change as a new migration. Nothing was touched."
      : "Migrations keep their names and their order once released; add new ones at the end. Nothing was touched.",
    details: {
      path: files.path,
      migration: database.name,
      applied: database.checksum,
      expectedName: expected.name,
      expected: expected.checksum,
    },
  };
}

/** The backups of this database, the newest first. */
export function candidates(facts: Facts): readonly IndexEntry[] {
  const { survey, files, backupsFolder, othersAlive } = facts;
  const own = ownBackups(survey.backups, { id: databaseIdOf(facts), path: files.path, backupsFolder }, othersAlive);
  return [...own].sort(byRecency);
}

/** The first that has not failed its verification. */
function nextCandidate(facts: Facts, own: readonly IndexEntry[]): IndexEntry | undefined {
  return own.find((entry) => facts.verifications.get(entry.file)?.ok !== false);
}

function tryCandidate(facts: Facts, backup: IndexEntry, cause: Cause, what: string): Decision {
  const verified = facts.verifications.get(backup.file);
  if (!verified) return { do: "verify", backup, reason: `${what}; ${backup.file} is the newest backup left to try` };
  return {
    do: "restore",
    backup,
    cause,
    reason: `${what}; ${backup.file} is the newest backup that fits and is sound`,
  };
}

function restore(facts: Facts, own: readonly IndexEntry[], cause: "corruption" | "missing", what: string): Decision {
  const { files, survey } = facts;
  if (survey.unreadable) return refuse(survey.unreadable);
  const ids = idsOf(own);
  const found = own.map((entry) => entry.file);
  const unidentified =
    survey.unidentified.length > 0 ? ` (${survey.unidentified.join(", ")} cannot be read as one)` : "";
  const kept = cause === "corruption" ? " The corrupt file is still in place, as found." : "";
  if (ids.size > 1) {
    return refuse({
      code: "NO_USABLE_BACKUP",
      message: `${files.path} cannot be restored, because ${what} and its backups are of ${ids.size} different databases: ${found.join(", ")}.${kept}`,
      hint: `Copy the one that is yours to ${files.path} and start again; nothing was touched.`,
      details: { path: files.path, backups: found, databaseIds: [...ids] },
    });
  }
  const next = nextCandidate(facts, own);
  if (next) return tryCandidate(facts, next, cause, what);
  return refuse({
    code: "NO_USABLE_BACKUP",
    message: `${files.path} cannot be restored: ${what}, and ${own.length === 0 ? `there is no backup of it${unidentified}` : `none of ${own.length} backup${own.length === 1 ? "" : "s"} is usable`}.${kept}${rejected(facts)}`,
    hint:
      facts.salvages.size > 0
        ? "Nothing was touched. What can be read of it all the same goes to a file beside it: holdfast recover"
        : own.length === 0 && survey.unidentified.length === 0
          ? `Keep a copy of ${files.path} and put a backup of your own in its place. To begin with an empty database, move the file away.`
          : "Nothing was touched. Keep a copy of the whole folder before you try anything else.",
    details: { path: files.path, rejected: rejections(facts) },
  });
}

/** What can be read of it comes first; where that is not enough, a backup as it is. */
function heal(facts: Facts, own: readonly IndexEntry[], what: string): Decision {
  const backup = nextCandidate(facts, own);
  const isDecided = facts.survey.unreadable !== null || idsOf(own).size > 1;
  if (isDecided || (backup && !facts.verifications.has(backup.file))) return restore(facts, own, "corruption", what);
  const unused = facts.salvages.get(backup?.file ?? ALONE);
  if (unused !== undefined) {
    return restore(facts, own, "corruption", `${what}, of which too little can be read: ${unused}`);
  }
  const reason = backup
    ? `${what}; all that can be read of it is kept, and ${backup.file} has rows for what cannot`
    : `${what}, and no backup of it is usable; all that can be read of it is kept`;
  return { do: "salvage", backup: backup ?? null, reason };
}

function idsOf(own: readonly IndexEntry[]): ReadonlySet<string> {
  return new Set(own.map((entry) => entry.databaseId));
}

function rejections(facts: Facts): { file: string; reason: string }[] {
  return [...facts.verifications].flatMap(([file, each]) => (each.ok ? [] : [{ file, reason: each.reason }]));
}

function rejected(facts: Facts): string {
  const all = rejections(facts).map(({ file, reason }) => `${file}: ${reason}`);
  return all.length > 0 ? ` (${all.join("; ")})` : "";
}

function impossible(facts: Facts, reason: string): Decision {
  return refuse({
    code: "CHECK_IMPOSSIBLE",
    message: `${facts.files.path} could not be checked: ${reason}. That is no sign of damage; nothing was touched.`,
    hint: "Give Holdfast an opener that brings the functions, collations or key that the database needs, or use the newer SQLite that wrote it.",
    details: { path: facts.files.path, reason },
  });
}

function cannotReadonly(facts: Facts, what: string): Decision {
  return refuse({
    code: "DB_READ_ONLY",
    message: `${facts.files.path} cannot be opened read-only as it is: ${what}.`,
    hint: "Start the application once without readonly: true.",
    details: { path: facts.files.path, why: what },
  });
}

/** Whether the next launch would find the same, were nothing written meanwhile: then a seal may say so. */
export function isSettled(facts: Facts, rules: Rules): boolean {
  return layout(facts, rules) === undefined && stampOf(facts) !== null;
}

export type Behind =
  | { readonly work: false; readonly reason: string }
  | { readonly work: true; readonly check: "full" | "foreign-keys" | "none" };

/** What is done behind the application. Whether its content changed since the last backup is seen there. */
export function decideBehind(facts: Facts, rules: Pick<Settings, "backupRetention" | "integrityInterval">): Behind {
  const skip = (reason: string): Behind => ({ work: false, reason });
  if (facts.app.readonly) return skip("the launch is read-only");
  if (facts.lock === "shared") return skip("another process has the database open and keeps its backups");
  const check = checkBehind(facts, rules);
  const upkeep = facts.survey.stale !== null || facts.survey.setAside.some((each) => each.kind === "quarantined");
  if (rules.backupRetention === 0 && check === "none" && !upkeep) return skip("db-backup-retention is 0");
  return { work: true, check };
}

function checkBehind(
  { checked, trust, lastCheck, now }: Facts,
  { integrityInterval }: Pick<Settings, "integrityInterval">,
): "full" | "foreign-keys" | "none" {
  if (checked) return "foreign-keys";
  return trust.kind === "interrupted" || isCheckDue(lastCheck, now, integrityInterval) ? "full" : "none";
}

/** A backup behind the application, as far as the launch itself can tell. */
export function foreseeableBackup(
  facts: Facts,
  rules: Pick<Settings, "backupRetention" | "backupMinInterval" | "integrityInterval">,
): { readonly take: boolean; readonly reason: string } {
  const behind = decideBehind(facts, rules);
  if (!behind.work) return { take: false, reason: behind.reason };
  const version = stampOf(facts)?.appVersion ?? facts.app.version;
  const { backupRetention: retention, backupMinInterval: minInterval } = rules;
  return backupDue(candidates(facts), version, facts.now, { retention, minInterval });
}
