import { status as look, type StatusReport } from "../../status.ts";
import type { Command } from "../command.ts";
import { renderStatus } from "../render/status.ts";

export const status: Command<StatusReport> = {
  name: "status",
  purpose: "Show the database, its backups and what was set aside; nothing is changed.",
  example: "status --json",
  refused: "refused",
  run: look,
  render: renderStatus,
};
