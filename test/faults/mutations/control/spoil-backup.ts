/** A loss on purpose: a backup that was good is not any more. */
import { join } from "node:path";
import { edit } from "../bytes.ts";
import type { Sabotage } from "../trial.ts";

export const sabotage: Sabotage = (folder) =>
  edit(join(folder, "backups", "library-v1.0.0.sqlite"), (bytes) => void bytes.writeUInt8(0xa5, 5000));
