import { existsSync } from "node:fs";
import { recover as readOut } from "../../manual.ts";
import type { RecoverReport } from "../../operations/recover.ts";
import type { Command } from "../command.ts";
import { renderRecover } from "../render/recover.ts";

export const recover: Command<RecoverReport> = {
  name: "recover",
  purpose: "Read what can be read of a damaged database into a new file beside it; the damaged one is not changed.",
  example: "recover --output library-recovered.sqlite",
  arguments: [["[file]", "an id of holdfast list, or any SQLite file, guarded or not (default: the database)"]],
  options: [
    ["--output <file>", "where to write (default: beside it, as in library-recovered.sqlite)"],
    [
      "--donor <file>",
      "a file with the same tables, where the schema cannot be read (default: the newest backup, else what the migrations make)",
    ],
    ["--deleted", "read what was deleted and not yet overwritten as well (default: off)"],
    ["--dry-run", "only check, and say where the new file would go (default: off)"],
  ],
  refused: "refused",
  run(settings, options, { args: [source], flags: { output, donor, deleted, dryRun } }) {
    // Any file can be read, also where no application has settings.
    const unguarded = source !== undefined && !existsSync(settings) && existsSync(source);
    return readOut(unguarded ? { path: source, migrations: false } : settings, {
      ...options,
      ...(source === undefined ? {} : { source }),
      ...(typeof output === "string" ? { output } : {}),
      ...(typeof donor === "string" ? { donor } : {}),
      deleted: deleted === true,
      dryRun: dryRun === true,
    });
  },
  render: renderRecover,
};
