import { list as listFiles } from "../../manual.ts";
import type { ListReport } from "../../operations/list.ts";
import type { Command } from "../command.ts";
import { renderList } from "../render/list.ts";

export const list: Command<ListReport> = {
  name: "list",
  purpose: "List the backups, the demoted databases and what was quarantined, each with the name to call it by.",
  example: "list --rows",
  options: [["--rows", "count the rows of each table, beside those of the database (default: off)"]],
  refused: "refused",
  run: (settings, options, { flags }) => listFiles(settings, { ...options, rows: flags.rows === true }),
  render: renderList,
};
