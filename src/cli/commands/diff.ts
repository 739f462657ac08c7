import { HoldfastError } from "../../errors.ts";
import { diff as compare } from "../../manual.ts";
import type { DiffReport } from "../../operations/diff.ts";
import type { Command } from "../command.ts";
import { renderDiff } from "../render/diff.ts";
import { tablesIn } from "../tables-option.ts";

export const diff: Command<DiffReport> = {
  name: "diff",
  purpose:
    'Say what one database has that another has not: in the schema, and row by row. The exit status is 0 either way; "equal" in JSON says which.',
  example: "diff v1.4.0-demoted",
  arguments: [
    ["<left>", "an id or a label of holdfast list, latest, a database file, or a folder of backup --output"],
    ["[right]", "the same; without it, <left> is compared with the database"],
  ],
  options: [
    ["--tables <names>", "only these tables, with commas between them (default: all)"],
    ["--samples <number>", "how many rows of each kind are shown for each table", "5"],
  ],
  refused: "refused",
  run: (settings, options, { args: [left = "", right], flags: { tables, samples } }) =>
    compare(settings, left, right, { ...options, tables: tablesIn(tables), samples: numberOf(samples) }),
  render: renderDiff,
};

function numberOf(samples: string | boolean | undefined): number {
  const number = Number(samples);
  if (/^\d+$/.test(String(samples)) && Number.isSafeInteger(number)) return number;
  throw new HoldfastError({
    code: "SETTINGS_INVALID",
    message: `--samples is to be a whole number, not "${samples}".`,
    hint: "Give a whole number, as in --samples 20.",
  });
}
