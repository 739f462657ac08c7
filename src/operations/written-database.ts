/** The database opened for writing in an application's place, and closed again as an application would. */
import { livingSidecars, observeFiles } from "../database/files.ts";
import type { Connection } from "../database/open.ts";
import {
  breakSeal,
  findSeal,
  proofOf,
  readSeal,
  recordOpened,
  removeSeal,
  type Trust,
  trustOf,
  writeSeal,
} from "../database/seal.ts";
import type { Seal } from "../database/seal-record.ts";
import { HoldfastError, named } from "../errors.ts";
import { createPrivateFolder, type FileIdentity, identify, sameIdentity } from "../platform/atomic-file.ts";
import { firstRead } from "./hold.ts";
import type { Operation } from "./operation.ts";

/**
 * A log that stands there may be another database's, or damaged; whoever opens the database for writing makes it part of
 * it. Only a launch looks at it first.
 *
 * @throws CHECK_IMPOSSIBLE
 */
export function requireClosed({ name, places: { database } }: Operation): void {
  const [sidecar] = livingSidecars(observeFiles(database));
  if (sidecar === undefined) return;
  throw new HoldfastError({
    code: "CHECK_IMPOSSIBLE",
    message: `${database} was not closed: ${database}${sidecar} has what was written last, and no launch has looked at it yet. Nothing was changed.`,
    hint: `Let a launch see to it first: holdfast boot. Then give the command again: holdfast ${name}`,
    details: { path: database, sidecar: database + sidecar },
  });
}

/**
 * Runs `task` with a connection to a database that is left as it was found: what is written is rolled back. Outside of WAL
 * mode that is in the file meanwhile, and in its journal, which no seal may say nothing of.
 */
export async function withDatabaseTried<Result>(
  op: Operation,
  task: (db: Connection) => Promise<Result>,
): Promise<Result> {
  const { places } = op;
  const trust = trustOf(places);
  const sealed = trust.kind === "sealed" ? readSeal(places) : null;
  const before = identify(places.database);
  const db = open(op);
  let broken: Seal | null = null;
  try {
    if (sealed && firstRead(op, () => db.pragma("journal_mode", { simple: true })) !== "wal") {
      broken = sealed;
      noteOpen(op, sealed.databaseId, trust);
    }
    return await task(db);
  } finally {
    db.close();
    if (broken) await sealAgain(op, broken, before);
  }
}

export interface Writing<Result> {
  readonly databaseId: string;
  /** What comes first, as long as nothing is changed; nobody else can open the database meanwhile. */
  prepare(): Promise<unknown>;
  write(db: Connection): Promise<Result>;
}

/**
 * Writes by a connection as an application's. Before, the seal goes and it is put on record that the database is open, so
 * that a launch after a kill knows; after it, a database that was sealed is sealed again.
 */
export async function writeDatabase<Result>(op: Operation, writing: Writing<Result>): Promise<Result> {
  const { places } = op;
  const trust = trustOf(places);
  const seal = trust.kind === "sealed" ? readSeal(places) : null;
  const before = identify(places.database);
  let noted = false;
  const db = open(op);
  try {
    // The connection that makes the sidecars must be one that can remove them.
    firstRead(op, () => db.prepare("SELECT count(*) FROM sqlite_schema").get());
    await writing.prepare();
    noted = true;
    noteOpen(op, writing.databaseId, trust);
    return await writing.write(db);
  } finally {
    db.close();
    if (seal && noted) await sealAgain(op, seal, before);
  }
}

function open({ engine, places: { database } }: Operation): Connection {
  return named(`opening ${database}`, () => engine.open(database, "readwrite"));
}

/** What had to be checked by the next launch has to be still: the record of an earlier time stays as it is. */
function noteOpen({ places }: Operation, databaseId: string, trust: Trust): void {
  named(`noting in ${places.backups} that the database is open`, () => {
    const sealed = trust.kind === "sealed" ? findSeal(places) : null;
    // By a rename, as a launch does: a kill leaves no temporary that a quiet launch would not look for.
    if (sealed) return breakSeal(places, sealed);
    const file = proofOf(places.database);
    if ("checkedAt" in trust && file) {
      createPrivateFolder(places.backups);
      recordOpened(places, { databaseId, file, checkedAt: trust.checkedAt, suspect: null });
    } else removeSeal(places);
  });
}

async function sealAgain({ places }: Operation, seal: Seal, before: FileIdentity | null): Promise<void> {
  try {
    const untouched = sameIdentity(identify(places.database), before);
    await writeSeal(places, { ...seal, backedUp: untouched && seal.backedUp });
  } catch {
    // Without a seal the next launch looks more closely, which is no reason to fail here.
  }
}
