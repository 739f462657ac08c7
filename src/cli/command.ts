/** What a command is: its words for the help, what it does, and how its result reads. */
import type { Refusal } from "../errors.ts";
import type { GuardOptions } from "../guard-options.ts";
import type { ChangeOptions, ChangeReport } from "../operations/operation.ts";

export type RunOptions = Pick<GuardOptions, "appVersion" | "onEvent"> &
  Required<Pick<GuardOptions, "signal">> &
  Pick<ChangeOptions, "dryRun" | "confirm">;

/** The object that `--json` prints. */
export interface Report {
  readonly warnings: readonly string[];
  readonly error?: Refusal;
}

/** Flags, what they mean, and the default. */
export type OptionRow = readonly [flags: string, meaning: string, byDefault?: string];

/** What was given beside the options that every command has. */
export interface Given {
  /** One for each of the command's `arguments`, in their order; undefined where an optional one was left out. */
  readonly args: readonly (string | undefined)[];
  /** By name, as in `onConflict` for `--on-conflict`. */
  readonly flags: Readonly<Record<string, string | boolean | undefined>>;
}

export interface Command<Result extends Report> {
  /** Of two words for one that belongs to a group, as in `demoted restore`. */
  readonly name: string;
  /** One line, for the help. */
  readonly purpose: string;
  /** What follows `holdfast` in the help's example. */
  readonly example: string;
  /** `<file>` for one that is needed, `[file]` for one that is not, with what it means. */
  readonly arguments?: readonly (readonly [name: string, meaning: string])[];
  readonly options?: readonly OptionRow[];
  /** It changes something: it says what, and asks on a terminal; `--yes` answers, `--dry-run` only says. */
  readonly asks?: true;
  /** The outcome in JSON when it is refused before there is anything to report. */
  readonly refused: "refused" | "would-refuse";
  /** @throws HoldfastError */
  run(settings: string, options: RunOptions, given: Given): Promise<Result>;
  /** For a person to read. */
  render(result: Result): string;
  /** What is asked about. Default: as the result of any change. */
  renderPlan?(plan: ChangeReport): string;
  /** What a person has to see of a refusal, beside its message and what helps. */
  explain?(error: Refusal): string;
}
