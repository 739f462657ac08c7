/** The one call: lock, launch, hand over the open database, and work on behind it. */
import { checkRuntime } from "./database/open.ts";
import { HoldfastError, namedAsync } from "./errors.ts";
import type { GuardOptions } from "./guard-options.ts";
import type * as Full from "./launch/full.ts";
import type { FullBeginning } from "./launch/full.ts";
import { type Beginning, foreseeQuietly, launchQuietly } from "./launch/quiet.ts";
import { printable } from "./printable.ts";
import type { LaunchReport, ProgressEvent } from "./report.ts";
import { type Guarded, startSession } from "./session.ts";
import type { SettingsInput } from "./settings-glance.ts";
import { startWorker } from "./start-worker.ts";

/**
 * Carries out the whole launch of an application's database.
 *
 * @param settings the application's TOML file, or the same settings as an object
 * @throws HoldfastError when the database is refused, with everything untouched; its `report` says what was found
 */
export async function guard(settings: string | SettingsInput, options: GuardOptions = {}): Promise<Guarded> {
  const beginning = begin(settings, options);
  try {
    const opened =
      (await launchQuietly(beginning)) ?? (await fully(beginning, (full, complete) => full.launchFully(complete)));
    const guarded = await startSession(opened, beginning.onEvent);
    tellLogger(options.logger, guarded.report);
    return guarded;
  } catch (error) {
    if (error instanceof HoldfastError && error.report) tellLogger(options.logger, error.report);
    throw error;
  }
}

/** The dry run: the same look and the same decisions, and nothing is changed. Refusals are in the report. */
export async function plan(settings: string | SettingsInput, options: GuardOptions = {}): Promise<LaunchReport> {
  const beginning = begin(settings, options);
  const report =
    (await foreseeQuietly(beginning)) ?? (await fully(beginning, (full, complete) => full.foreseeLaunch(complete)));
  tellLogger(options.logger, report);
  return report;
}

function begin(settings: string | SettingsInput, options: GuardOptions): Beginning {
  const begun = performance.now();
  checkRuntime();
  const onEvent = (event: ProgressEvent) => {
    try {
      options.onEvent?.(event);
    } catch {
      // A progress bar must not be able to stop a launch.
    }
  };
  return { settings, options, begun, onEvent, startChild: () => startWorker(options) };
}

/** The child starts while the code of the full launch is loaded, which takes about as long. */
async function fully<Result>(
  beginning: Beginning,
  go: (full: typeof Full, beginning: FullBeginning) => Promise<Result>,
): Promise<Result> {
  const child = beginning.startChild();
  try {
    const full = await namedAsync("loading Holdfast", () => import("./launch/full.ts"));
    return await go(full, { ...beginning, child });
  } catch (error) {
    await child.stop();
    throw error;
  }
}

/** A logger may well be the console. */
function tellLogger(logger: GuardOptions["logger"], report: LaunchReport): void {
  if (!logger) return;
  for (const { action, reason, file } of report.actions)
    logger.info(printable(`holdfast: ${action}${file ? ` ${file}` : ""} (${reason})`));
  for (const warning of report.warnings) logger.warn(printable(`holdfast: ${warning}`));
  if (!report.error) return;
  const { code, message, hint } = report.error;
  logger.error(printable(`holdfast: ${code}: ${message} ${hint}`));
}
