import { prune as retire } from "../../manual.ts";
import type { PruneReport } from "../../operations/prune.ts";
import type { Command } from "../command.ts";
import { renderPrune } from "../render/change.ts";

export const prune: Command<PruneReport> = {
  name: "prune",
  purpose: "Remove what is beyond retention now, with a reason for each file, removed or kept.",
  example: "prune --dry-run",
  asks: true,
  refused: "refused",
  run: (settings, options) => retire(settings, options),
  render: renderPrune,
};
