import { move as relocate } from "../../manual.ts";
import type { MoveReport } from "../../operations/move.ts";
import type { Command } from "../command.ts";
import { renderMove } from "../render/change.ts";

export const move: Command<MoveReport> = {
  name: "move",
  purpose: "Relocate the database with its backups; the settings stay as they are, and what to change in them is said.",
  example: "move /mnt/data/library",
  arguments: [["<folder>", "where to; what exists there is never replaced"]],
  options: [["--keep", "leave the old files where they are (default: remove them once the copies are verified)"]],
  asks: true,
  refused: "refused",
  run: (settings, options, { args: [folder = ""], flags }) =>
    relocate(settings, folder, { ...options, keep: flags.keep === true }),
  render: renderMove,
};
