import { backup as backUp } from "../../manual.ts";
import type { ChangeReport } from "../../operations/operation.ts";
import type { Command } from "../command.ts";
import { renderBackup } from "../render/change.ts";

export const backup: Command<ChangeReport> = {
  name: "backup",
  purpose: "Take a verified backup now, whether the application runs or not.",
  example: 'backup --label "before the import"',
  options: [
    ["--label <text>", "a name to restore it by: retention never removes it (default: none, the version's backup)"],
    [
      "--output <folder>",
      "write a folder of its own instead: database, db-extra, manifest.json (default: db-backup-dir)",
    ],
    ["--dry-run", "say what would be done, and do nothing (default: off)"],
  ],
  refused: "refused",
  run: (settings, options, { flags: { label, output, dryRun } }) =>
    backUp(settings, {
      ...options,
      ...(typeof label === "string" ? { label } : {}),
      ...(typeof output === "string" ? { output } : {}),
      dryRun: dryRun === true,
    }),
  render: renderBackup,
};
