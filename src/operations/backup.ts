/** A verified backup now, beside the application or without it. It only adds. */
import { join } from "node:path";
import { readIndex } from "../backups/index-file.ts";
import { nameFor, wasOvertaken } from "../backups/publish.ts";
import type { BackupOrder, BackupOutcome } from "../backups/take.ts";
import { HoldfastError } from "../errors.ts";
import { backupActions } from "../launch/behind.ts";
import { clearTemporaries } from "../launch/temporaries.ts";
import { readName, withOwnTemporaries } from "../places.ts";
import type { SettingsInput } from "../settings-glance.ts";
import { reporter, runJob } from "../toolbox.ts";
import { backupToFolder } from "./backup-output.ts";
import { tellCopy } from "./copy-progress.ts";
import { firstRead, whileOpen, withDatabaseHeld } from "./hold.ts";
import { type ChangeReport, type Operation, type OperationOptions, operate } from "./operation.ts";
import { requireReadableDatabase } from "./refusals.ts";
import { databaseIdFor } from "./source.ts";
import { type Stock, takeStock } from "./take-stock.ts";

export interface BackupOptions extends OperationOptions {
  /** A name for it: it is then a backup of its own, which no later one replaces and no retention removes. */
  readonly label?: string | undefined;
  /**
   * Writes a folder of this path instead, which must not exist: a copy of the database, the files of the folders that
   * `db-extra` names, and `manifest.json` with the size and SHA-256 of each.
   */
  readonly output?: string | undefined;
  /** Says what would be done, and does nothing. Default false. */
  readonly dryRun?: boolean | undefined;
}

export async function backup(
  settings: string | SettingsInput,
  { label, output, dryRun = false, ...options }: BackupOptions = {},
): Promise<ChangeReport> {
  return await operate("backup", settings, options, async (op) => {
    if (label !== undefined) requireLabel(op, label);
    return await withDatabaseHeld(op, async (alone) => {
      const stock = await takeStock(op, alone);
      requireReadableDatabase(op, stock, "backed up");
      const databaseId = databaseIdFor(op, stock);
      if (output !== undefined) {
        const read = <Result>(task: () => Promise<Result>) => readLive(op, alone, task);
        return await backupToFolder(op, stock, { path: output, label: label ?? null, databaseId, dryRun }, read);
      }
      if (dryRun) return foresee(op, stock, label ?? null, databaseId);
      const report = reporter(op);
      const outcome = await readLive(op, alone, () => take(op, label ?? null, databaseId));
      op.warn(...outcome.warnings);
      for (const action of backupActions(op.places, outcome, "manual")) report(action);
      return op.report("done");
    });
  });
}

const LABEL_LENGTH = 100;

/** It stands in the index and on a terminal, and is how the backup is called: it must not be mistaken for another's id. */
function requireLabel({ places: { stem } }: Operation, label: string): void {
  const why =
    label.trim() === ""
      ? "is empty"
      : label.length > LABEL_LENGTH
        ? `has ${label.length} characters, where ${LABEL_LENGTH} are the most`
        : /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]/u.test(label)
          ? "holds characters that cannot be shown"
          : label === "latest" || readName(stem, label) || readName(stem, `${stem}-${label}.sqlite`)
            ? "is how another backup may be called"
            : null;
  if (why === null) return;
  throw new HoldfastError({
    code: "SETTINGS_INVALID",
    message: `The label ${JSON.stringify(label.slice(0, LABEL_LENGTH))} ${why}; nothing was done.`,
    hint: 'Give it a short text, as in --label "before the import".',
    details: { label: label.slice(0, LABEL_LENGTH) },
  });
}

function foresee(op: Operation, stock: Stock, label: string | null, databaseId: string): ChangeReport {
  const { places } = op;
  const version = stock.database.self?.stamp?.appVersion ?? null;
  const { file } = nameFor(places, readIndex(places).index, { databaseId, version, label });
  return op.report("would-do", [
    { action: "back-up", reason: "manual", version, file: join(places.backups, file), certain: false },
  ]);
}

/** How often a backup of another process may come in between. */
const ATTEMPTS = 5;

async function take(op: Operation, label: string | null, databaseId: string): Promise<BackupOutcome> {
  const { settings } = op;
  const places = withOwnTemporaries(op.places);
  try {
    for (let attempt = 1; ; attempt++) {
      const order: BackupOrder = {
        places,
        databaseId,
        runningVersion: settings.appVersion,
        reason: "manual",
        label,
        retention: settings.backupRetention,
        quarantineRetention: settings.quarantineRetention,
        now: op.now().toISOString(),
        exclusive: false,
        patience: settings.lockTimeout,
      };
      try {
        return await runJob(op, "backup", order, (progress) => tellCopy(op, progress));
      } catch (error) {
        if (!wasOvertaken(error) || attempt === ATTEMPTS) throw error;
      }
    }
  } catch (error) {
    // A child that was killed could not clear up.
    await op.stopChild();
    clearTemporaries(places);
    throw error;
  }
}

/** Runs `task`, in which the child reads the live database, so that nothing is left beside it. */
async function readLive<Result>(op: Operation, alone: boolean, task: () => Promise<Result>): Promise<Result> {
  try {
    return await whileOpen(op, alone, async (db) => {
      // Only a connection that has read takes sidecars away.
      firstRead(op, () => db.prepare("SELECT count(*) FROM sqlite_schema").get());
      return await task();
    });
  } catch (error) {
    throw explained(op, error);
  }
}

/** What only a launch may do: a transaction that was cut off is rolled back alone with the database. */
function explained({ places: { database } }: Operation, error: unknown): unknown {
  const hot = error instanceof HoldfastError && error.details.cause === "SQLITE_READONLY_ROLLBACK";
  if (!hot) return error;
  return new HoldfastError(
    {
      code: "BACKUP_FAILED",
      message: `${database} is not backed up, for a program was cut off in the middle of a transaction that has to be rolled back first; nothing was changed.`,
      hint: "Let a launch see to it: holdfast boot",
      details: { path: database },
    },
    { cause: error },
  );
}
