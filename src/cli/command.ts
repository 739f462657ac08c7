/** What a command is: its words for the help, what it does, and how its result reads. */
import type { Refusal } from "../errors.ts";
import type { GuardOptions } from "../guard-options.ts";
import type { LaunchReport } from "../report.ts";

export type RunOptions = Pick<GuardOptions, "appVersion"> & Required<Pick<GuardOptions, "signal" | "onEvent">>;

/** The object that `--json` prints. */
export interface Report {
  readonly warnings: readonly string[];
  readonly error?: Refusal;
}

export interface Command<Result extends Report> {
  readonly name: string;
  /** One line, for the help. */
  readonly purpose: string;
  /** What follows `holdfast` in the help's example. */
  readonly example: string;
  /** The outcome in JSON when it is refused before there is anything to report. */
  readonly refused: LaunchReport["outcome"];
  /** @throws HoldfastError */
  run(settings: string, options: RunOptions): Promise<Result>;
  /** For a person to read. */
  render(result: Result): string;
}
