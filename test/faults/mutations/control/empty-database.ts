/** A loss on purpose: another database stands in the place of the one that was opened, as good as empty. */
import { join } from "node:path";
import Database from "better-sqlite3";
import type { Sabotage } from "../trial.ts";

export const sabotage: Sabotage = (folder, { outcome }) => {
  if (outcome !== "opened") return;
  const db = new Database(join(folder, "library.sqlite"));
  db.exec("DELETE FROM book WHERE id > 5");
  db.close();
};
