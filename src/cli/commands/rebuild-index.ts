import { rebuildIndex as rebuild } from "../../manual.ts";
import type { RebuildReport } from "../../operations/rebuild-index.ts";
import type { Command } from "../command.ts";
import { renderRebuild } from "../render/change.ts";

export const rebuildIndex: Command<RebuildReport> = {
  name: "rebuild-index",
  purpose: "Make the list of backups anew from the files, each of which is verified; no backup is removed.",
  example: "rebuild-index --dry-run",
  asks: true,
  refused: "refused",
  run: (settings, options) => rebuild(settings, options),
  render: renderRebuild,
};
