import { HoldfastError } from "../../errors.ts";
import { merge as mergeInto } from "../../manual.ts";
import type { MergeOptions, MergeReport } from "../../operations/merge.ts";
import type { OnConflict } from "../../recovery/findings.ts";
import type { Command, Given, OptionRow } from "../command.ts";
import { explainConflict, renderMerge } from "../render/merge.ts";
import { tablesIn } from "../tables-option.ts";

const ON_CONFLICT: readonly OnConflict[] = ["abort", "keep-current", "keep-incoming"];

export const MERGE_OPTIONS: readonly OptionRow[] = [
  ["--tables <names>", "only these tables, with commas between them (default: all that both have)"],
  [
    "--on-conflict <what>",
    "where both have a row with different values: abort (list them, and write nothing), keep-current or keep-incoming",
    "abort",
  ],
];

export const merge: Command<MergeReport> = {
  name: "merge",
  purpose: "Bring the rows of another database into this one, behind a restore point; no row is deleted.",
  example: "merge v1.4.0-demoted --on-conflict keep-current",
  arguments: [
    ["<source>", "an id or a label of holdfast list, latest, a database file, or a folder of backup --output"],
  ],
  options: MERGE_OPTIONS,
  asks: true,
  refused: "refused",
  run: (settings, options, { args: [source = ""], flags }) =>
    mergeInto(settings, source, { ...options, ...mergeOptions(flags) }),
  render: renderMerge,
  renderPlan: renderMerge,
  explain: explainConflict,
};

/** @throws SETTINGS_INVALID */
export function mergeOptions({ tables, onConflict }: Given["flags"]): Pick<MergeOptions, "tables" | "onConflict"> {
  const found = ON_CONFLICT.find((each) => each === onConflict);
  if (found === undefined) {
    throw new HoldfastError({
      code: "SETTINGS_INVALID",
      message: `--on-conflict does not know "${onConflict}"; nothing was changed.`,
      hint: `Give one of ${ON_CONFLICT.join(", ")}.`,
    });
  }
  return { onConflict: found, tables: tablesIn(tables) };
}
