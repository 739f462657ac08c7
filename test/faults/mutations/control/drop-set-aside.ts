/** A loss on purpose: what was set aside is gone. */
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Sabotage } from "../trial.ts";

export const sabotage: Sabotage = (folder) => {
  const backups = join(folder, "backups");
  for (const file of readdirSync(backups)) if (file.includes("-corrupt")) rmSync(join(backups, file));
};
