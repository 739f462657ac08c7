import { verify as check } from "../../manual.ts";
import type { VerifyReport } from "../../operations/verify.ts";
import type { Command } from "../command.ts";
import { renderVerify } from "../render/verify.ts";

export const verify: Command<VerifyReport> = {
  name: "verify",
  purpose:
    "Read all of each backup, or of one file or folder, and say whether it is sound; the exit status says it too.",
  example: "verify --all",
  arguments: [
    [
      "[source]",
      "an id or a label of holdfast list, a database file, or a folder of backup --output (default: every backup)",
    ],
  ],
  options: [["--all", "the demoted databases as well (default: backups only)"]],
  refused: "refused",
  run: (settings, options, { args: [source], flags: { all } }) =>
    check(settings, { ...options, ...(source === undefined ? {} : { source }), all: all === true }),
  render: renderVerify,
};
