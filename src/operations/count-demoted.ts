/** The rows that demoted databases have and the database lacks, for whoever looks on: it waits for nobody. */
import { usability } from "../backups/choose.ts";
import type { SetAside } from "../backups/survey.ts";
import { livingSidecars, observeFiles } from "../database/files.ts";
import { canBeHeld } from "../database/look.ts";
import { HoldfastError } from "../errors.ts";
import { type DemotedRows, findDemotedRows, type Question } from "../launch/demoted-rows.ts";
import { fs } from "../platform/builtins.ts";
import { withDatabaseHeld } from "./hold.ts";
import type { Operation } from "./operation.ts";
import type { Stock } from "./take-stock.ts";

const { existsSync } = fs;

/** Of those that this application can read; empty where the database is not there to be compared with. */
export async function countDemoted(op: Operation, stock: Stock): Promise<readonly DemotedRows[]> {
  const { known, database, survey } = stock;
  const { settings } = op;
  const demoted = survey.setAside.filter((each) => each.kind === "demoted");
  const databaseId = database.self?.stamp?.databaseId;
  if (demoted.length === 0 || known === null || databaseId === undefined || mayNotBeRead(op, stock)) return [];
  const isReadable: Question["isReadable"] = (_, { self }) =>
    usability(self?.ledger ?? [], known, settings.appVersion ?? "0.0.0").usable;
  try {
    return await withDatabaseHeld(op, (alone) =>
      findDemotedRows(op, { demoted, databaseId, isReadable, current: howToRead(op, alone) }),
    );
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code === "ABORTED") throw error;
    op.warn(`The rows of what was set aside could not be counted: ${error.message}`);
    return [];
  }
}

/** Of one of them, whether this application can read it or not, while the database is held alone; null where that cannot be told. */
export async function countDemotedAlone(op: Operation, stock: Stock, set: SetAside): Promise<DemotedRows | null> {
  const databaseId = stock.database.self?.stamp?.databaseId;
  if (databaseId === undefined || mayNotBeRead(op, stock)) return null;
  const question = { demoted: [set], databaseId, isReadable: () => true, current: howToRead(op, true) };
  return (await findDemotedRows(op, question))[0] ?? null;
}

function howToRead({ places: { database } }: Operation, alone: boolean): Question["current"] {
  const beside = alone ? "apart" : "beside";
  return { path: database, how: alone && canBeHeld(database) ? "held" : beside };
}

/** A launch may be replacing it, an application outside of WAL mode may be committing, and a journal is none of ours. */
function mayNotBeRead({ places }: Operation, { heldBy, database }: Stock): boolean {
  if (!existsSync(places.lock) || livingSidecars(observeFiles(places.database)).includes("-journal")) return true;
  return heldBy === "application" ? database.journalMode !== "wal" : heldBy !== "nobody";
}
