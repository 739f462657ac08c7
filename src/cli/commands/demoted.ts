/** What can be done with the databases that were set aside for a newer version. */
import { listDemoted, mergeDemoted, removeDemoted, restoreDemoted } from "../../manual.ts";
import type { ListReport } from "../../operations/list.ts";
import type { MergeReport } from "../../operations/merge.ts";
import type { ChangeReport } from "../../operations/operation.ts";
import type { Command } from "../command.ts";
import { renderChange } from "../render/change.ts";
import { renderDemoted } from "../render/list.ts";
import { explainConflict, renderMerge } from "../render/merge.ts";
import { MERGE_OPTIONS, mergeOptions } from "./merge.ts";

const ID = ["<id>", "as holdfast demoted list has it"] as const;

export const demotedList: Command<ListReport> = {
  name: "demoted list",
  purpose: "List the demoted databases.",
  example: "demoted list --rows",
  options: [["--rows", "count the rows of each table, beside those of the database (default: off)"]],
  refused: "refused",
  run: (settings, options, { flags }) => listDemoted(settings, { ...options, rows: flags.rows === true }),
  render: renderDemoted,
};

export const demotedRestore: Command<ChangeReport> = {
  name: "demoted restore",
  purpose: "Put a demoted database back in its place; what stands there is set aside first.",
  example: "demoted restore v1.4.0-demoted",
  arguments: [ID],
  options: [["--force", "also one that this application cannot read (default: refuse)"]],
  asks: true,
  refused: "refused",
  run: (settings, options, { args: [id = ""], flags }) =>
    restoreDemoted(settings, id, { ...options, force: flags.force === true }),
  render: renderChange,
};

export const demotedMerge: Command<MergeReport> = {
  name: "demoted merge",
  purpose: "Bring the rows of a demoted database into the present one, behind a restore point.",
  example: "demoted merge v1.4.0-demoted --on-conflict keep-current",
  arguments: [ID],
  options: MERGE_OPTIONS,
  asks: true,
  refused: "refused",
  run: (settings, options, { args: [id = ""], flags }) =>
    mergeDemoted(settings, id, { ...options, ...mergeOptions(flags) }),
  render: renderMerge,
  renderPlan: renderMerge,
  explain: explainConflict,
};

export const demotedRemove: Command<ChangeReport> = {
  name: "demoted remove",
  purpose: "Delete a demoted database for good.",
  example: "demoted remove v1.4.0-demoted",
  arguments: [ID],
  asks: true,
  refused: "refused",
  run: (settings, options, { args: [id = ""] }) => removeDemoted(settings, id, options),
  render: renderChange,
};
