/**
 * What everything that a person asks for by hand has in common: the settings, the tools, and the question before
 * anything is changed. How it gets hold of the database is in hold.ts.
 */
import { dirname } from "node:path";
import type { MigrationInput } from "../database/migration-files.ts";
import { checkRuntime, type Engine, loadEngine } from "../database/open.ts";
import { HoldfastError, toHoldfastError } from "../errors.ts";
import { type Places, placesIn, temporaryIn } from "../places.ts";
import { fs } from "../platform/builtins.ts";
import type { Child } from "../platform/child.ts";
import type { ActionReport, ProgressEvent } from "../report.ts";
import { loadSettings, type SettingsWithoutVersion } from "../settings.ts";
import type { SettingsInput } from "../settings-glance.ts";
import { startWorker, type WorkerOptions } from "../start-worker.ts";
import { aborted, type Toolbox } from "../toolbox.ts";

const { existsSync } = fs;

export interface OperationOptions extends WorkerOptions {
  /** The running version (semver); wins over `db-app-version`. */
  readonly appVersion?: string | undefined;
  /** Migrations in code, for bundled applications; wins over `db-migrations`. */
  readonly migrations?: readonly MigrationInput[] | undefined;
  /** Told of progress; what it throws is swallowed. */
  readonly onEvent?: ((event: ProgressEvent) => void) | undefined;
  /** Ends the work with ABORTED where nothing is left half-way; everything is as it was. */
  readonly signal?: AbortSignal | undefined;
  /** The clock. Default: the system's. */
  readonly now?: (() => Date) | undefined;
}

export interface ChangeOptions extends OperationOptions {
  /** Says what would be done, after the same checks, and does nothing. Default false. */
  readonly dryRun?: boolean | undefined;
  /**
   * Asked before anything is changed, with the report as it would be; when the answer is false, nothing is, and ABORTED
   * is thrown. Default: not asked.
   */
  readonly confirm?: ((plan: ChangeReport) => boolean | Promise<boolean>) | undefined;
}

/** What was done to which file, or, with `dryRun` and in `confirm`, would be. */
export interface ChangeReport {
  readonly outcome: "done" | "would-do";
  /** As on the command line: `restore`, `move` … */
  readonly operation: string;
  /** The path of what is changed, links resolved: the database, or with `target` the file that a restore makes. */
  readonly database: string;
  /** In their order; each says what is done, to which file, and why. */
  readonly actions: readonly ActionReport[];
  readonly warnings: readonly string[];
}

/** One run of an operation. */
export class Operation implements Toolbox {
  readonly name: string;
  readonly settings: SettingsWithoutVersion;
  readonly places: Places;
  readonly engine: Engine;
  readonly signal: AbortSignal | undefined;
  readonly now: () => Date;
  readonly onEvent: (event: ProgressEvent) => void;
  readonly actions: ActionReport[] = [];
  readonly warnings: string[] = [];
  /** The launch lock is held by this operation alone: see hold.ts. */
  alone = false;
  readonly #options: OperationOptions;
  #child: Child | undefined;

  constructor(name: string, settings: SettingsWithoutVersion, engine: Engine, options: OperationOptions) {
    const { onEvent } = options;
    this.name = name;
    this.settings = settings;
    this.places = placesIn(settings.path, settings.backupDir);
    this.engine = engine;
    this.signal = options.signal;
    this.now = options.now ?? (() => new Date());
    this.onEvent = (event) => {
      try {
        onEvent?.(event);
      } catch {
        // A progress bar must not be able to stop the work.
      }
    };
    this.#options = options;
  }

  child = (): Child => {
    if (!this.#child?.alive) this.#child = startWorker(this.#options);
    return this.#child;
  };

  async stopChild(): Promise<void> {
    await this.#child?.stop();
  }

  warn(...warnings: readonly string[]): void {
    for (const warning of warnings) if (!this.warnings.includes(warning)) this.warnings.push(warning);
  }

  /** A free name, for a look at `path` apart from what stands beside it. */
  scratchFor(path: string): string {
    const { places } = this;
    return temporaryIn(existsSync(places.backups) ? places.backups : dirname(path), places, "look");
  }

  report(outcome: ChangeReport["outcome"], actions: readonly ActionReport[] = this.actions): ChangeReport {
    const { name: operation, warnings } = this;
    return { outcome, operation, database: this.places.database, actions, warnings };
  }

  /**
   * Asks before anything is changed.
   *
   * @param plan what is going to be done
   * @param more what the operation's own report says beside it
   * @returns the report of a dry run, which goes no further; else null
   * @throws ABORTED when the answer is no
   */
  async ask(
    { dryRun, confirm }: ChangeOptions,
    plan: readonly ActionReport[],
    more = {},
  ): Promise<ChangeReport | null> {
    const foreseen = { ...this.report("would-do", plan), ...more };
    if (dryRun) return foreseen;
    if (confirm && !(await confirm(foreseen))) {
      throw new HoldfastError({
        code: "ABORTED",
        message: `The answer was no: ${this.name} has changed nothing.`,
        hint: "Give the command again whenever you like.",
      });
    }
    if (this.signal?.aborted) throw aborted(this.signal.reason, `holdfast ${this.name}`);
    return null;
  }
}

/** Loads the settings and runs `work`, and names what it throws. */
export async function operate<Result>(
  name: string,
  settings: string | SettingsInput,
  options: OperationOptions,
  work: (operation: Operation) => Promise<Result>,
): Promise<Result> {
  checkRuntime();
  const { appVersion, migrations, opener, signal } = options;
  const loaded = await loadSettings(settings, { appVersion, migrations, versionNeeded: false });
  const engine = await loadEngine(opener === undefined ? undefined : String(opener));
  const operation = new Operation(name, loaded, engine, options);
  try {
    return await work(operation);
  } catch (error) {
    if (error instanceof HoldfastError) throw error;
    if (signal?.aborted) throw aborted(signal.reason, `holdfast ${name}`);
    throw toHoldfastError(error, `holdfast ${name} was at work on ${operation.places.database}`) ?? error;
  } finally {
    await operation.stopChild();
  }
}
