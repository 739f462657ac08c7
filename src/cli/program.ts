/** The commands and their options, and what all of them have in common: how a result is told. */
import { CommanderError, Command as Parser } from "commander";
import { HoldfastError, type Refusal } from "../errors.ts";
import type { ChangeReport } from "../operations/operation.ts";
import { ownVersion } from "../own-version.ts";
import type { Command, Given, OptionRow, Report, RunOptions } from "./command.ts";
import { backup } from "./commands/backup.ts";
import { boot } from "./commands/boot.ts";
import { demotedList, demotedMerge, demotedRemove, demotedRestore } from "./commands/demoted.ts";
import { diff } from "./commands/diff.ts";
import { doctor } from "./commands/doctor.ts";
import { list } from "./commands/list.ts";
import { merge } from "./commands/merge.ts";
import { move } from "./commands/move.ts";
import { plan } from "./commands/plan.ts";
import { prune } from "./commands/prune.ts";
import { rebuildIndex } from "./commands/rebuild-index.ts";
import { recover } from "./commands/recover.ts";
import { restore } from "./commands/restore.ts";
import { status } from "./commands/status.ts";
import { verify } from "./commands/verify.ts";
import { exitStatusOf, OK, STATUS_OF, USAGE } from "./exit-status.ts";
import { interruptible } from "./interrupt.ts";
import { type Progress, progressBar, progressLines } from "./progress.ts";
import { askOnTerminal } from "./question.ts";
import { renderChange } from "./render/change.ts";
import { renderRefusal, renderWarning } from "./render-error.ts";

const COMMANDS: readonly Command<Report>[] = [
  boot,
  plan,
  status,
  doctor,
  list,
  backup,
  verify,
  restore,
  demotedList,
  demotedRestore,
  demotedMerge,
  demotedRemove,
  merge,
  diff,
  recover,
  move,
  prune,
  rebuildIndex,
];

interface Options {
  readonly settings: string;
  readonly appVersion?: string;
  readonly json?: true;
  readonly quiet?: true;
  readonly yes?: true;
  readonly dryRun?: true;
}

/** Every command has these. */
const OPTIONS: readonly OptionRow[] = [
  ["--settings <file>", "the application's TOML settings file", "settings.toml"],
  ["--app-version <version>", 'the running version, as in 1.3.0 (default: "db-app-version" of the settings)'],
  ["--json", "print one object for programs, and nothing else (default: text)"],
  ["--quiet", "print warnings and errors only, on standard error (default: off)"],
];

/** Those that change something have these as well. */
const ASKING: readonly OptionRow[] = [
  ["--yes", "do not ask (default: ask on a terminal, and refuse where nobody can be asked)"],
  ["--dry-run", "say what would be done, and do nothing (default: off)"],
];

/** @returns the exit status */
export async function run(args: readonly string[]): Promise<number> {
  let exitStatus = OK;
  const parser = new Parser("holdfast")
    .description("Guards an application's SQLite database at launch.")
    .version(ownVersion() ?? "unknown", "--version", "print the version of Holdfast")
    .exitOverride()
    .showHelpAfterError()
    .configureOutput({ outputError: (message, write) => write(message.replace(/^error:/, "Error:")) });
  for (const command of commandsFor(args)) {
    const words = command.name.split(" ");
    const sub = groupOf(parser, words)
      .command(words.at(-1) ?? "")
      .description(command.purpose)
      .addHelpText("after", `\nExample:\n  $ holdfast ${command.example}`)
      .action(async () => {
        const args = (command.arguments ?? []).map((_, at) => sub.args[at]);
        exitStatus = await perform(command, sub.opts(), { args, flags: sub.opts() });
      });
    for (const [name, meaning] of command.arguments ?? []) sub.argument(name, meaning);
    for (const option of [...(command.options ?? []), ...(command.asks ? ASKING : []), ...OPTIONS])
      sub.option(...option);
  }
  try {
    await parser.parseAsync(args, { from: "user" });
    return exitStatus;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return OK;
    const hint = "holdfast --help names the commands, and holdfast COMMAND --help its options.";
    if (args.includes("--json")) printUsage("refused", { message: error.message.replace(/^error: /, ""), hint });
    return USAGE;
  }
}

/** What was given is none of Holdfast's codes for errors: it is told like them all the same, with one of its own. */
function printUsage(outcome: string, { message, hint }: Pick<Refusal, "message" | "hint">): void {
  const error = { code: "USAGE", message, hint, details: {} };
  process.stdout.write(`${JSON.stringify({ outcome, error }, null, 2)}\n`);
}

/** The one that is named, for the options of all of them take longer than many a command; all of them where none is. */
function commandsFor(args: readonly string[]): readonly Command<Report>[] {
  const named = COMMANDS.find(({ name }) => name.split(" ").every((word, at) => args[at] === word));
  return named ? [named] : COMMANDS;
}

/** `demoted` for `demoted restore`; a group is made with its first command. */
function groupOf(parser: Parser, words: readonly string[]): Parser {
  const [group] = words.length > 1 ? words : [];
  if (group === undefined) return parser;
  return (
    parser.commands.find((each) => each.name() === group) ?? parser.command(group).description(GROUPS[group] ?? "")
  );
}

const GROUPS: Readonly<Record<string, string>> = {
  demoted: "Bring back, merge or remove databases that were set aside for a newer version.",
};

async function perform(command: Command<Report>, options: Options, given: Given): Promise<number> {
  const { settings, appVersion, json = false, quiet = false, yes = false, dryRun = false } = options;
  const silent = json || quiet;
  const canAsk = process.stdin.isTTY && process.stderr.isTTY;
  if (command.asks && !yes && !dryRun && !canAsk) {
    const message = `holdfast ${command.name} changes something, and nobody can be asked here; nothing was changed.`;
    const told = { message, hint: "--dry-run says what would be done, and --yes does it." };
    if (json) printUsage(command.refused, told);
    process.stderr.write(renderRefusal(told));
    return USAGE;
  }
  const progress = silent ? null : progressOn(process.stderr);
  const interruption = interruptible(() => {
    progress?.clear();
    if (!silent) process.stderr.write("Stopping where nothing is lost; press Ctrl-C again to stop at once.\n");
  });
  const { signal } = interruption;
  const confirm = (plan: ChangeReport) => {
    progress?.clear();
    return askOnTerminal((command.renderPlan ?? renderChange)(plan), signal);
  };
  const result = await resultOf(
    command,
    settings,
    {
      ...(appVersion === undefined ? {} : { appVersion }),
      ...(command.asks ? { dryRun } : {}),
      ...(command.asks && !yes ? { confirm } : {}),
      signal,
      // Counting for nobody to see would take time.
      ...(progress ? { onEvent: progress.show } : {}),
    },
    given,
  ).finally(() => {
    progress?.clear();
    interruption.end();
  });
  if (json) process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  else tell(command, result, quiet);
  return signal.aborted ? STATUS_OF.ABORTED : exitStatusOf(result.error);
}

function progressOn(stream: typeof process.stderr): Progress {
  return stream.isTTY ? progressBar(stream) : progressLines(stream);
}

/** A refusal before there was anything to report. */
interface Refused {
  readonly outcome: Command<Report>["refused"];
  readonly error: Refusal;
}

async function resultOf(
  command: Command<Report>,
  settings: string,
  options: RunOptions,
  given: Given,
): Promise<Report | Refused> {
  try {
    return await command.run(settings, options, given);
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
  if (result.error && !quiet) process.stdout.write(command.explain?.(result.error) ?? "");
  if (result.error) process.stderr.write(renderRefusal(result.error));
}
