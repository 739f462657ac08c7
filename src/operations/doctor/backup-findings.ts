/** Findings about the backup folder: the backups and their index, what was set aside, and what was left behind. */
import { tellDemotedRows } from "../../launch/demoted-rows.ts";
import { size } from "../../size.ts";
import { type DoctorFacts, setAsideOf } from "./facts.ts";
import { type Diagnosis, note, ok, problem, warning } from "./finding.ts";
import { age, ago, count, list } from "./words.ts";

export function index({ survey, folders: [, { path }] }: DoctorFacts): Diagnosis {
  const { unreadable, damaged, stale, unidentified, warnings, backups } = survey;
  const rebuild = "holdfast rebuild-index";
  if (unreadable)
    return problem("index", unreadable.code, `The backups cannot be looked at: ${unreadable.message}`, unreadable.hint);
  if (damaged)
    return warning(
      "index",
      `The index could not be used: ${stale}. It is made anew from the backups by the next one.`,
      rebuild,
    );
  const [first] = warnings;
  if (first !== undefined) {
    const more = warnings.length > 1 ? ` (and ${warnings.length - 1} more)` : "";
    const remedy =
      unidentified.length > 0 ? `Look at ${list(unidentified)} in ${path}, and move away what is no backup.` : rebuild;
    return warning("index", `${first}${more}`, remedy);
  }
  if (stale !== null)
    return note("index", `The index does not agree with the files: ${stale}. The next backup writes it anew.`, rebuild);
  return ok("index", `The index agrees with the files: ${count(backups.length, "backup")}.`);
}

/** From here on a backup is called old, where the database was written since. */
const OLD = 30 * 86_400_000;

export function backups(facts: DoctorFacts): Diagnosis {
  const { own, settings, database, now, survey } = facts;
  const [newest] = own;
  const off = settings.backupRetention === 0;
  if (survey.unreadable) return note("backups", "Nothing is known of the backups.");
  if (!newest) {
    if (database.state === "missing" || database.state === "empty")
      return note("backups", "There is no backup of the database, as there is none to back up.");
    if (off)
      return warning(
        "backups",
        "There is no backup of the database, and backups are turned off: db-backup-retention is 0.",
        "Set db-backup-retention = 2",
      );
    return warning("backups", "There is no backup of the database.", "holdfast backup");
  }
  const labelled = own.filter((entry) => entry.label !== null).length;
  const words = `${count(own.length, "backup")}${labelled > 0 ? `, ${labelled} of them labelled` : ""}; the newest is ${newest.file} of ${newest.createdAt}`;
  const old = age(newest.createdAt, now);
  const written = database.modifiedAt !== null && database.modifiedAt > newest.createdAt;
  if (off)
    return note("backups", `${words}. No more are taken: db-backup-retention is 0.`, "Set db-backup-retention = 2");
  if (written && old > OLD) {
    return warning("backups", `${words}, ${ago(old)}, and the database was written since.`, "holdfast backup");
  }
  const unverified = own.filter((entry) => entry.verifiedAt === null).map((entry) => entry.file);
  if (unverified.length > 0) {
    return warning("backups", `${words}. Not verified since found: ${list(unverified)}.`, "holdfast verify --all");
  }
  const due = own.filter(
    (entry) => entry.verifiedAt !== null && age(entry.verifiedAt, now) > 2 * settings.scrubInterval,
  );
  if (due.length > 0) {
    const names = list(due.map((entry) => entry.file));
    return note(
      "backups",
      `${words}. Not read again for more than twice db-scrub-interval: ${names}.`,
      "holdfast verify --all",
    );
  }
  return ok("backups", `${words}; all are verified.`);
}

export function demoted(facts: DoctorFacts): Diagnosis[] {
  const { sets, size: bytes } = setAsideOf(facts, "demoted");
  if (sets.length === 0) return [ok("demoted", "No database is set aside for another version.")];
  const told = facts.demotedRows.flatMap((each) => tellDemotedRows(each) ?? []);
  if (told.length > 0) return told.map(({ message, remedy }) => note("demoted", message, remedy));
  const names = list(sets.map((each) => each.file));
  const message = `${count(sets.length, "database")} set aside for another version, and kept until removed by hand (${size(bytes)}): ${names}.`;
  const needless = facts.demotedRows.find((each) => each.rows === 0 && each.complete);
  if (!needless) return [note("demoted", message)];
  return [
    note(
      "demoted",
      `${message} No row of ${needless.id} is lacking in the current one; whether values differ, a comparison shows.`,
      `holdfast diff ${needless.id}`,
    ),
  ];
}

export function quarantined(facts: DoctorFacts): Diagnosis {
  const { sets, size: bytes } = setAsideOf(facts, "quarantined");
  if (sets.length === 0) return ok("quarantined", "Nothing is quarantined.");
  const last = [...sets].sort((a, b) => b.at.localeCompare(a.at))[0];
  const message = `${count(sets.length, "file")} quarantined as damaged or as belonging to no database (${size(bytes)}), the last at ${last?.at}: ${list(sets.map((each) => each.file))}.`;
  return note("quarantined", message, "holdfast list");
}

export function leftovers({ temporaries: { count: files, size: bytes }, holder }: DoctorFacts): Diagnosis {
  if (files === 0) return ok("temporaries", "No temporary file is left.");
  const message = `${count(files, "temporary file")} (${size(bytes)})`;
  if (holder !== "nobody") return ok("temporaries", `${message}, in use perhaps by who holds the database.`);
  return note(
    "temporaries",
    `${message} left by what was cut off: the next launch removes ${files === 1 ? "it" : "them"}.`,
    "holdfast boot",
  );
}

export function leftFolders({ leftFolders: paths, holder }: DoctorFacts): Diagnosis | null {
  if (paths.length === 0 || holder === "launch") return null;
  return note(
    "left folders",
    `${list(paths)} ${paths.length === 1 ? "was" : "were"} left by a move or a backup with --output that was cut off, unless one is at work now.`,
    `Give that command again, which removes it first, or: ${paths.map((path) => `rm -r "${path}"`).join(" && ")}`,
  );
}
