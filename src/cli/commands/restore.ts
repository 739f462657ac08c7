import { restore as bringBack } from "../../manual.ts";
import type { ChangeReport } from "../../operations/operation.ts";
import type { Command } from "../command.ts";
import { renderChange } from "../render/change.ts";

export const restore: Command<ChangeReport> = {
  name: "restore",
  purpose: "Put a backup, or another file, in the database's place; what stands there is set aside first.",
  example: "restore latest",
  arguments: [
    ["<source>", "an id or a label of holdfast list, latest, a database file, or a folder of backup --output"],
  ],
  options: [
    ["--target <folder>", "restore into this folder instead (default: in the database's place)"],
    [
      "--force",
      "also what this application cannot read, what is of another database, or a sound file that is not as its checksum has it (default: refuse)",
    ],
  ],
  asks: true,
  refused: "refused",
  run: (settings, options, { args: [source = ""], flags: { target, force } }) =>
    bringBack(settings, source, {
      ...options,
      ...(typeof target === "string" ? { target } : {}),
      force: force === true,
    }),
  render: renderChange,
};
