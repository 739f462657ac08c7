/** A wrong order on purpose, loaded before Holdfast: before it is asked how much room there is, the old backups go. */
import fs from "node:fs";
import { join } from "node:path";

const { statfsSync } = fs;
fs.statfsSync = ((folder: string) => {
  for (const file of fs.readdirSync(folder)) if (/^library-v.*\.sqlite$/.test(file)) fs.rmSync(join(folder, file));
  return statfsSync(folder);
}) as typeof fs.statfsSync;
