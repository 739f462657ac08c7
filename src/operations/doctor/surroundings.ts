/** Findings about what the database stands on: runtime, SQLite, settings, disk, folders, clock. */

import { size } from "../../size.ts";
import { tellCutOffRestore } from "../restore-record.ts";
import type { Access, DoctorFacts, FolderFacts } from "./facts.ts";
import { type Diagnosis, note, ok, problem, warning } from "./finding.ts";
import { knownBugs } from "./known-bugs.ts";
import { isMemory, isNetwork } from "./proc.ts";
import { bytesOf, type Room, roomNeeded } from "./space.ts";
import { count, span } from "./words.ts";

/** An older runtime loads none of this, and is refused before. */
export function runtime({ runtime: { node, arch }, platform }: DoctorFacts): Diagnosis {
  return ok("runtime", `Node.js ${node} on ${platform} ${arch}.`);
}

export function sqlite({ sqlite: version, platform, opener }: DoctorFacts): Diagnosis {
  const own = opener ? " The application's opener may bring a build of its own, which is not looked at here." : "";
  const [bug] = knownBugs(version, platform);
  if (!bug) return ok("sqlite", `SQLite ${version}; no bug of it that damages databases is known.${own}`);
  const message = `SQLite ${version} has ${bug.what} (${bug.source}); it is mended in ${bug.fixedIn}.${own}`;
  return warning("sqlite", message, "npm install better-sqlite3@latest");
}

export function settings({ settings: { origin, migrations, appVersion } }: DoctorFacts): Diagnosis {
  if (typeof migrations === "object") {
    return problem("settings", migrations.code, migrations.message, migrations.hint);
  }
  const known = `${origin} is in order; ${count(migrations, "migration")}`;
  if (appVersion !== null) return ok("settings", `${known}, version ${appVersion}.`);
  const message = `${known}. No version is named, which a launch needs.`;
  return note("settings", message, "Name it in the call, as --app-version, or set db-app-version.");
}

export function space(facts: DoctorFacts): Diagnosis {
  const rooms = roomNeeded(facts);
  if (rooms.length === 0) return note("space", "The system does not tell how much room there is.");
  const short = rooms.find(({ free, needs }) => free < bytesOf(needs));
  const message = `${(short ? [short] : rooms).map(describeRoom).join("; ")}.`;
  if (!short) return ok("space", message);
  const lack = size(bytesOf(short.needs) - short.free);
  const remedy = `Free ${lack} on that disk, or set db-backup-dir to a folder on another one.`;
  const refused = short.free < bytesOf(short.needs.filter(({ vital }) => vital));
  return refused ? problem("space", "DISK_FULL", message, remedy) : warning("space", message, remedy);
}

function describeRoom({ folder, free, needs }: Room): string {
  const there = `${folder} has ${size(free)} free`;
  if (needs.length === 0) return there;
  const parts = needs.map((need) => `${size(need.bytes)} for ${need.what}`).join(", and ");
  return `${there}, and a launch may need ${needs.length === 1 ? "" : `${size(bytesOf(needs))} at once: `}${parts}`;
}

export function permissions(facts: DoctorFacts): Diagnosis {
  const { database, folders, platform } = facts;
  const [data, backups] = folders;
  const medium = readOnlyMedium(data) ?? readOnlyMedium(backups);
  if (medium) return medium;
  // One that may not be read has been told already.
  if (database.access?.writable === false) {
    const message = `${database.path} may be read but not written.`;
    return problem("permissions", "DB_READ_ONLY", message, grant(database.path, platform));
  }
  if (!data.access.writable) {
    const message = `${data.path} may not be written, and SQLite and Holdfast make files in it.`;
    return problem("permissions", "DB_READ_ONLY", message, grant(data.path, platform));
  }
  if (!backups.access.writable) {
    const message = `${backups.path} may not be written: no backup can be taken, and nothing set aside.`;
    return problem("permissions", "BACKUP_FAILED", message, grant(backups.path, platform));
  }
  return wideModes(facts) ?? ok("permissions", "The database, its folder and the backup folder can be written.");
}

/** No right helps where the file system as a whole can only be read. */
function readOnlyMedium({ path, fileSystem: found }: FolderFacts): Diagnosis | null {
  if (!found?.readOnly) return null;
  if (found.readOnly === "mounted") {
    const message = `${path} is on a file system that is mounted read-only.`;
    return problem("permissions", "DB_READ_ONLY", message, `mount -o remount,rw "${found.point}"`);
  }
  if (found.readOnly === "always") {
    const message = `${path} is on a file system that nobody can write to (${found.type}).`;
    return problem("permissions", "DB_READ_ONLY", message, `Copy what is in ${path} to a disk that can be written.`);
  }
  const message = `${path} is on a file system that the system itself has turned read-only, as it does after an error: the disk may be failing.`;
  const remedy = `Copy what is in ${path} to another disk before anything else, then have the disk of ${found.point} checked.`;
  return problem("permissions", "DB_READ_ONLY", message, remedy);
}

/** The command that lets its owner write. */
function grant(path: string, platform: NodeJS.Platform): string {
  return platform === "win32" ? `attrib -R "${path}"` : `chmod u+w "${path}"`;
}

function wideModes({ database, folders: [data, backups] }: DoctorFacts): Diagnosis | null {
  const wide = [
    { path: database.path, access: database.access, most: 0o600 },
    // The folder is the application's own: only that others may replace what is in it is amiss.
    { path: data.path, access: data.access, most: 0o775 },
    ...(backups.exists ? [{ path: backups.path, access: backups.access, most: 0o700 }] : []),
  ].filter(({ access, most }) => access !== null && isWider(access, most));
  if (wide.length === 0) return null;
  const paths = wide.map(({ path, access }) => `${path} (mode ${octal(access?.mode ?? 0)})`).join(", ");
  const remedy = wide.map(({ path, most }) => `chmod ${octal(most)} "${path}"`).join(" && ");
  return note(
    "permissions",
    `All can be written, and other users of this machine have more rights than they need: ${paths}.`,
    remedy,
  );
}

function isWider({ mode }: Access, most: number): boolean {
  return mode !== null && (mode & ~most) !== 0;
}

const octal = (mode: number) => mode.toString(8).padStart(4, "0");

/** https://sqlite.org/useovernet.html */
export function fileSystem({ folders, platform }: DoctorFacts): Diagnosis {
  const [data, backups] = folders;
  if (isOnNetwork(data)) {
    const message = `${data.path} is on a network file system (${data.fileSystem?.type ?? "a server's"}): write-ahead logging does not work across machines, and locks often do not hold there, so that two programs can damage the database (https://sqlite.org/useovernet.html).`;
    return warning("file system", message, "Move it to a disk of this machine: holdfast move <folder>");
  }
  if (data.fileSystem !== null && isMemory(data.fileSystem.type)) {
    const message = `${data.path} is in memory (${data.fileSystem.type}): everything in it is gone when the machine is started anew.`;
    return warning("file system", message, "holdfast move <folder>");
  }
  if (isOnNetwork(backups)) {
    const message = `${backups.path} is on a network file system (${backups.fileSystem?.type ?? "a server's"}): backups are kept apart from this machine, and are taken only while it can be reached.`;
    return note("file system", message);
  }
  if (data.fileSystem !== null)
    return ok("file system", `${data.path} is on a local file system (${data.fileSystem.type}).`);
  const message = `Whether ${data.path} is on a network file system cannot be told on ${platform}: SQLite needs a disk of this machine (https://sqlite.org/useovernet.html).`;
  return note("file system", message);
}

function isOnNetwork({ path, fileSystem }: FolderFacts): boolean {
  return fileSystem === null ? /^[\\/]{2}[^?.]/.test(path) : isNetwork(fileSystem.type);
}

/** https://sqlite.org/howtocorrupt.html */
export function syncedFolder({ folders: [data, backups] }: DoctorFacts): Diagnosis {
  if (data.synced) {
    const { service, evidence } = data.synced;
    const message = `${data.path} seems to be synchronised by ${service} (${evidence}): it copies the database and its log one after the other and not as one, also in the middle of a write, and puts files of another machine in their place. That tears databases and brings back old rows.`;
    return warning(
      "synced folder",
      message,
      "Move it out of there: holdfast move <folder>. Backups may stay: set db-backup-dir",
    );
  }
  if (backups.synced) {
    const { service, evidence } = backups.synced;
    const message = `${backups.path} seems to be synchronised by ${service} (${evidence}): good for keeping backups elsewhere, as long as only one machine writes there.`;
    return note("synced folder", message);
  }
  return ok("synced folder", "No program is known to synchronise these folders.");
}

/** Clocks of two machines, and of a file system, differ by a little. */
const TOLERANCE = 120_000;

export function clock({ now, own, builtAt, lastCheck, database }: DoctorFacts): Diagnosis {
  const times = [
    ...own.map((entry) => ({ at: entry.createdAt, what: `the backup ${entry.file} was taken` })),
    { at: lastCheck, what: "the database was checked" },
    { at: database.modifiedAt, what: "the database was written" },
    { at: builtAt, what: "this Holdfast was made" },
  ].flatMap(({ at, what }) => (at === null ? [] : { at, what }));
  const latest = times.sort((a, b) => b.at.localeCompare(a.at))[0];
  const ahead = latest ? Date.parse(latest.at) - Date.parse(now) : 0;
  if (!latest || ahead <= TOLERANCE) return ok("clock", `It is ${now}, and nothing here is from later.`);
  const message = `It is ${now} by this machine's clock, but ${latest.what} at ${latest.at}, ${span(ahead)} later: one of the two is wrong. Which backup is the newest does not hang on the clock; intervals do.`;
  return warning("clock", message, "Set the clock of this machine.");
}

export function extraFolders({ extra }: DoctorFacts): Diagnosis | null {
  if (extra.length === 0) return null;
  const amiss = extra.filter(({ is }) => is !== "folder");
  const [first] = amiss;
  if (!first) return ok("extra folders", `${count(extra.length, "folder")} of db-extra: all there.`);
  const told = amiss
    .map(({ path, is }) => `${path} ${is === "missing" ? "is not there" : "is not a folder"}`)
    .join(", ");
  return warning(
    "extra folders",
    `db-extra names what a backup with --output takes along, and ${told}.`,
    `Make the folder, or take "${first.name}" out of db-extra.`,
  );
}

export function restoring({ restoring: found, holder }: DoctorFacts): Diagnosis | null {
  if (found === null) return null;
  if (holder === "launch") return note("restore", `A restore of ${found.source} is under way.`);
  const { message, remedy } = tellCutOffRestore(found);
  return warning("restore", message, remedy);
}
