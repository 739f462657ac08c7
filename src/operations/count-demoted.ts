/** The rows that demoted databases have and the database lacks, for whoever looks on: it waits for nobody. */
import { usability } from "../backups/choose.ts";
import { livingSidecars, observeFiles } from "../database/files.ts";
import { canBeHeld } from "../database/look.ts";
import { HoldfastError } from "../errors.ts";
import { type DemotedRows, findDemotedRows } from "../launch/demoted-rows.ts";
import { fs } from "../platform/builtins.ts";
import { withDatabaseHeld } from "./hold.ts";
import type { Operation } from "./operation.ts";
import type { Stock } from "./take-stock.ts";

const { existsSync } = fs;

/** Of those that this application can read; empty where the database is not there to be compared with. */
export async function countDemoted(op: Operation, stock: Stock): Promise<readonly DemotedRows[]> {
  const { known, database, survey } = stock;
  const { places, settings } = op;
  const demoted = survey.setAside.filter((each) => each.kind === "demoted");
  const databaseId = database.self?.stamp?.databaseId;
  if (demoted.length === 0 || known === null || databaseId === undefined || mayNotBeRead(op, stock)) return [];
  try {
    return await withDatabaseHeld(op, (alone) => {
      const beside = alone ? "apart" : "beside";
      return findDemotedRows(op, {
        demoted,
        databaseId,
        isReadable: (_, { self }) => usability(self?.ledger ?? [], known, settings.appVersion ?? "0.0.0").usable,
        current: { path: places.database, how: alone && canBeHeld(places.database) ? "held" : beside },
      });
    });
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code === "ABORTED") throw error;
    op.warn(`The rows of what was set aside could not be counted: ${error.message}`);
    return [];
  }
}

/** A launch may be replacing it, an application outside of WAL mode may be committing, and a journal is none of ours. */
function mayNotBeRead({ places }: Operation, { heldBy, database }: Stock): boolean {
  if (!existsSync(places.lock) || livingSidecars(observeFiles(places.database)).includes("-journal")) return true;
  return heldBy === "application" ? database.journalMode !== "wal" : heldBy !== "nobody";
}
