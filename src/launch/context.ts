/** What a launch works with: the application's wishes, the tools, and what it has told so far. */
import type { Layout } from "../database/layout.ts";
import type { Migration } from "../database/migrations.ts";
import type { Connection, Engine } from "../database/open.ts";
import { HoldfastError, messageOf } from "../errors.ts";
import type { Places } from "../places.ts";
import { type Child, type Progress, wasCutOff } from "../platform/child.ts";
import { elapsedSince } from "../platform/elapsed.ts";
import type { FileLock } from "../platform/lock.ts";
import type { ActionReport, ProgressEvent } from "../report.ts";
import type { Settings } from "../settings.ts";
import type { Jobs } from "../worker.ts";

/** What an application's own migrator says of a database: what is applied in it, and what the app knows. */
export interface NamedLayout {
  readonly applied: Layout;
  readonly known: Layout;
}

export interface OwnMigrator {
  /** Must not write. */
  readonly layout: (db: Connection) => NamedLayout;
  readonly migrate: (db: Connection) => unknown;
}

export interface Context {
  readonly settings: Settings;
  /** `performance.now()` at the call. */
  readonly begun: number;
  readonly places: Places;
  readonly engine: Engine;
  readonly migrations: readonly Migration[];
  readonly own: OwnMigrator | null;
  readonly readonly: boolean;
  /** Look and decide, but change nothing. */
  readonly dryRun: boolean;
  /** Null where no lock file can or need be made. */
  readonly lock: FileLock | null;
  readonly signal: AbortSignal | undefined;
  readonly now: () => Date;
  readonly onEvent: (event: ProgressEvent) => void;
  /** The child process that is at work for this launch, or a new one when it died. */
  readonly child: () => Child;
  readonly actions: ActionReport[];
  readonly warnings: string[];
}

export async function runJob<Name extends keyof Jobs>(
  context: Context,
  job: Name,
  input: Jobs[Name]["input"],
  onProgress?: (progress: Progress) => void,
): Promise<Jobs[Name]["result"]> {
  try {
    return await context.child().run(job, input, { onProgress, signal: context.signal });
  } catch (error) {
    throw wasCutOff(error) ? aboutFile(error, "path" in input ? input.path : context.places.database) : error;
  }
}

function aboutFile(error: HoldfastError, path: string): HoldfastError {
  const { code, hint, details } = error;
  return new HoldfastError({ code, message: `${path}: ${error.message}`, hint, details: { ...details, path } });
}

/** @throws ABORTED when the caller's signal says so */
export function stopIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw aborted(signal.reason);
}

export function aborted(reason: unknown): HoldfastError {
  return new HoldfastError(
    {
      code: "ABORTED",
      message: `The launch was aborted: ${messageOf(reason)}`,
      hint: "Start again; the database is as it was.",
    },
    { cause: reason },
  );
}

/** Adds what was done to the report, with its time. */
export function reporter(context: Context): (action: ActionReport) => void {
  const begun = performance.now();
  return (action) => context.actions.push({ ...action, ms: elapsedSince(begun) });
}

/** Copies the live file through a child: its descriptors must not be opened and closed in this process. */
export function copier(context: Context): (from: string, to: string) => Promise<void> {
  return async (from, to) => {
    await runJob(context, "copy", { from, to });
  };
}
