/** The commands and their options, and what all of them have in common: how a result is told. */
import { CommanderError, Command as Parser } from "commander";
import { HoldfastError, type Refusal } from "../errors.ts";
import { fs } from "../platform/builtins.ts";
import type { LaunchReport } from "../report.ts";
import type { Command, Report, RunOptions } from "./command.ts";
import { boot } from "./commands/boot.ts";
import { plan } from "./commands/plan.ts";
import { status } from "./commands/status.ts";
import { exitStatusOf, OK, STATUS_OF, USAGE } from "./exit-status.ts";
import { interruptible } from "./interrupt.ts";
import { NO_PROGRESS, progressLine } from "./progress.ts";
import { renderRefusal, renderWarning } from "./render-error.ts";

const { readFileSync } = fs;

const COMMANDS: readonly Command<Report>[] = [boot, plan, status];

interface Options {
  readonly settings: string;
  readonly appVersion?: string;
  readonly json?: true;
  readonly quiet?: true;
}

/** Every command has these: flags, what they mean, and the default. */
const OPTIONS: readonly (readonly [flags: string, meaning: string, byDefault?: string])[] = [
  ["--settings <file>", "the application's TOML settings file", "settings.toml"],
  ["--app-version <version>", 'the running version, as in 1.3.0 (default: "db-app-version" of the settings)'],
  ["--json", "print one object for programs, and nothing else (default: text)"],
  ["--quiet", "print warnings and errors only, on standard error (default: off)"],
];

/** @returns the exit status */
export async function run(args: readonly string[]): Promise<number> {
  let exitStatus = OK;
  const parser = new Parser("holdfast")
    .description("Guards an application's SQLite database at launch.")
    .version(ownVersion(), "--version", "print the version of Holdfast")
    .exitOverride()
    .showHelpAfterError()
    .configureOutput({ outputError: (message, write) => write(message.replace(/^error:/, "Error:")) });
  for (const command of COMMANDS) {
    const sub = parser
      .command(command.name)
      .description(command.purpose)
      .addHelpText("after", `\nExample:\n  $ holdfast ${command.example}`)
      .action(async (options: Options) => {
        exitStatus = await perform(command, options);
      });
    for (const option of OPTIONS) sub.option(...option);
  }
  try {
    await parser.parseAsync(args, { from: "user" });
    return exitStatus;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? OK : USAGE;
  }
}

function ownVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL(import.meta.resolve("holdfast/package.json")), "utf8")) as {
    version: string;
  };
  return version;
}

async function perform(command: Command<Report>, options: Options): Promise<number> {
  const { settings, appVersion, json = false, quiet = false } = options;
  const silent = json || quiet;
  const progress = process.stderr.isTTY && !silent ? progressLine(process.stderr) : NO_PROGRESS;
  const interruption = interruptible(() => {
    progress.clear();
    if (!silent) process.stderr.write("Stopping where nothing is lost; press Ctrl-C again to stop at once.\n");
  });
  const { signal } = interruption;
  const result = await resultOf(command, settings, {
    ...(appVersion === undefined ? {} : { appVersion }),
    signal,
    onEvent: progress.show,
  }).finally(() => {
    progress.clear();
    interruption.end();
  });
  if (json) process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  else tell(command, result, quiet);
  return signal.aborted ? STATUS_OF.ABORTED : exitStatusOf(result.error);
}

/** A refusal before there was anything to report. */
interface Refused {
  readonly outcome: LaunchReport["outcome"];
  readonly error: Refusal;
}

async function resultOf(command: Command<Report>, settings: string, options: RunOptions): Promise<Report | Refused> {
  try {
    return await command.run(settings, options);
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    return error.report ?? { outcome: command.refused, error: error.toJSON() };
  }
}

function tell(command: Command<Report>, result: Report | Refused, quiet: boolean): void {
  if ("warnings" in result) {
    if (quiet) for (const warning of result.warnings) process.stderr.write(renderWarning(warning));
    else process.stdout.write(command.render(result));
  }
  if (result.error) process.stderr.write(renderRefusal(result.error));
}
