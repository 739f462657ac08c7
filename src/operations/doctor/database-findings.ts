/** Findings about the database itself: whether it is there and readable, whole, of this application, and who has it. */
import gt from "semver/functions/gt.js";
import valid from "semver/functions/valid.js";
import { tellMoved } from "../../database/moved.ts";
import { size } from "../../size.ts";
import type { DoctorFacts, Process } from "./facts.ts";
import { type Diagnosis, note, ok, problem, warning } from "./finding.ts";
import { age, ago, count, list, span } from "./words.ts";

const NEWEST = "holdfast restore latest";

export function database(facts: DoctorFacts): Diagnosis {
  const { path, state, problem: why, version, journalMode, size: bytes } = facts.database;
  switch (state) {
    case "readable": {
      const whose = version === null ? "without a version stamp" : `of version ${version}`;
      const mode = journalMode === "wal" ? "write-ahead log" : "rollback journal";
      return ok("database", `${path} can be read: ${size(bytes)}, ${whose}, ${mode}.`);
    }
    case "missing":
    case "empty":
      return absent(facts);
    case "corrupt": {
      const { next, remedy } = afterCorruption(facts);
      const key =
        facts.opener || !why?.includes("not a database")
          ? ""
          : " If it is encrypted, it has to be opened with the application's opener, which brings the key.";
      return problem("database", "DB_CORRUPT", `${path} is corrupt: ${why}; ${next}.${key}`, remedy);
    }
    case "unreadable":
      if (facts.database.access?.readable === false) {
        return problem("database", "IO_FAILED", `${path} may not be read by this user.`, `chmod u+rw "${path}"`);
      }
      return problem(
        "database",
        "CHECK_IMPOSSIBLE",
        `${path} could not be judged: ${why?.replace(/\.$/, "")}. That is no sign of damage.`,
        "Give Holdfast the opener that brings the key, functions and collations that it needs, and the right to read it.",
      );
    case "unknown":
      return note("database", `${path} was not looked at: ${why}.`, "holdfast doctor");
  }
}

function afterCorruption({ settings, own }: DoctorFacts): { readonly next: string; readonly remedy: string } {
  switch (settings.onCorruption) {
    case "heal":
      return { next: "the next launch keeps all that can be read of it", remedy: "holdfast boot" };
    case "restore":
      return own.length > 0
        ? { next: "the next launch restores the newest backup", remedy: NEWEST }
        : { next: "there is no backup of it", remedy: "holdfast recover" };
    case "refuse":
      return { next: 'db-on-corruption is "refuse"', remedy: own.length > 0 ? NEWEST : "holdfast recover" };
  }
}

function absent({ database: { path, state, moved }, own, survey, settings }: DoctorFacts): Diagnosis {
  if (moved) {
    const message = tellMoved({ database: path }, moved);
    return problem("database", "NOT_FOUND", message, `Set db-path = ${JSON.stringify(moved.to)}`);
  }
  const what = state === "missing" ? `${path} is missing` : `${path} has zero bytes`;
  if (own.length > 0) {
    const then =
      settings.onMissing === "restore"
        ? "the next launch restores the newest"
        : `db-on-missing is "${settings.onMissing}"`;
    return problem(
      "database",
      "NOT_FOUND",
      `${what}, and there ${own.length === 1 ? "is" : "are"} ${count(own.length, "backup")} of it; ${then}.`,
      NEWEST,
    );
  }
  if (survey.unidentified.length > 0) {
    const message = `${what}, and what may be backups of it cannot be read as such: ${list(survey.unidentified)}.`;
    return problem(
      "database",
      "NO_USABLE_BACKUP",
      message,
      "Keep a copy of the whole folder before you try anything else.",
    );
  }
  return note("database", `${what}, and there is no backup of it: a launch makes a new one.`);
}

export function swap({ database: { path, swap: found }, holder }: DoctorFacts): Diagnosis | null {
  if (found === null) return null;
  if (found.kind === "resumable") {
    const message = `A replacement of ${path} is unfinished.`;
    if (holder === "launch") return note("swap", `${message} A launch is at work on it.`);
    return warning("swap", `${message} It was cut off, and the next launch completes it.`, "holdfast boot");
  }
  const message = `A replacement of ${path} was cut off, and its files are no longer those that it names: ${found.differences.join("; ")}.`;
  return problem(
    "swap",
    "SWAP_INTERRUPTED",
    message,
    `Make sure that ${path} is the database that you want, then: rm "${found.file}"`,
  );
}

export function layout(facts: DoctorFacts): Diagnosis | null {
  const {
    layout: found,
    settings: { appVersion },
    database: { version },
  } = facts;
  const relation = found?.relation ?? null;
  if (!found || relation === null) return null;
  if (relation === "equal")
    return ok("layout", `${count(found.applied.length, "migration")} applied, as the application has them.`);
  if (relation === "behind") {
    return note(
      "layout",
      `${count(found.pending.length, "migration")} pending (${list(found.pending)}): the next launch runs ${found.pending.length === 1 ? "it" : "them"}, behind a restore point.`,
    );
  }
  if (relation === "ahead" && facts.compatible) {
    return ok("layout", "A newer version has migrated it, and says that this one can use it.");
  }
  const newer = appVersion === null || (valid(version) !== null && gt(String(version), appVersion));
  if (relation === "ahead" && newer) {
    const message = `A newer version${version === null ? "" : `, ${version},`} has migrated it, and this application cannot read it: a launch goes back to a backup and sets it aside.`;
    return warning("layout", message, version === null ? null : `Install version ${version} or later.`);
  }
  const message = "Its migrations are not those that the application has: a launch of the same version is refused.";
  return problem("layout", "MIGRATION_DRIFT", message, "holdfast plan names the migration that differs.");
}

/** How far its pages can be relied on, and when all of them were last read. */
export function pages({
  trust,
  lastCheck,
  now,
  settings,
  holder,
  database: { path, state },
}: DoctorFacts): Diagnosis | null {
  if (state === "missing" || state === "empty" || state === "corrupt") return null;
  if (trust.kind === "suspect") {
    const message = `A check behind the application found damage in ${path}: ${trust.why}. No backup is taken until the next launch has checked it.`;
    return problem("pages", "DB_CORRUPT", message, "Close the application, then: holdfast boot");
  }
  const closing =
    trust.kind === "sealed"
      ? "It was closed cleanly, and nothing has touched it since."
      : trust.kind === "unknown"
        ? `The next launch reads every page before it opens: ${trust.why}.`
        : holder === "application"
          ? "An application has it open."
          : "The application was cut off: the next launch opens it as SQLite recovers it, and checks it behind.";
  if (lastCheck === null) {
    return note("pages", `It is not known that all pages have ever been read. ${closing}`, "holdfast boot");
  }
  const old = age(lastCheck, now);
  const { integrityInterval } = settings;
  const told = `All pages were last found sound at ${lastCheck}${old >= 0 ? `, ${ago(old)}` : ""}. ${closing}`;
  if (old >= 0 && old < integrityInterval) {
    return trust.kind === "unknown"
      ? note("pages", told, "To read them all now: holdfast recover --dry-run")
      : ok("pages", told);
  }
  const due = `${told} That is longer ago than db-integrity-interval (${span(integrityInterval)}): the next launch reads them behind the application.`;
  return old > 2 * integrityInterval ? warning("pages", due, "holdfast boot") : note("pages", due, "holdfast boot");
}

export function lock({ holder, holders, strangers, database: { path } }: DoctorFacts): Diagnosis {
  const who = holders.length === 0 ? "" : ` (${processes(holders)})`;
  switch (holder) {
    case "nobody":
    case "application": {
      const held =
        holder === "nobody"
          ? "Nobody holds the database"
          : `A running application, or the end of its backup, holds the database${who}`;
      if (strangers.length === 0) return ok("lock", `${held}.`);
      const message = `${held}, but a program that does not use Holdfast has it open: ${processes(strangers)}. A launch that needs it alone waits for that program.`;
      return note("lock", message, "Close that program before the application is updated.");
    }
    case "launch":
      return note(
        "lock",
        `A launch or a command is at work on ${path}${who}: what is said here may be over in a moment.`,
      );
    case "unknown":
      return note("lock", `Whether an application has the database open could not be told${who}.`);
  }
}

function processes(all: readonly Process[]): string {
  return all.map(({ pid, name }) => `process ${pid}${name === "" ? "" : `, ${name}`}`).join("; ");
}

/** That it opens is all that can be known of a key. */
export function opener({ opener: custom, database: { path, state } }: DoctorFacts): Diagnosis | null {
  if (!custom) return null;
  if (state === "readable") {
    return ok(
      "opener",
      `The application's opener opens ${path}: the key that it brings, if any, fits. Whether it fits each backup shows when they are verified.`,
    );
  }
  if (state === "unknown") return note("opener", "Whether the application's opener opens the database was not tried.");
  if (state === "missing" || state === "empty")
    return note("opener", "There is no database that the application's opener could be tried on.");
  return warning(
    "opener",
    `The application's opener does not open ${path}: the key may be another one, or the file may be damaged, which cannot be told apart.`,
    "Give the opener the key that the database was made with.",
  );
}
