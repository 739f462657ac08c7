import type { Inspection } from "./integrity.ts";
import type { Engine } from "./open.ts";
import { opening } from "./read-only-medium.ts";
import { describe } from "./stamp.ts";

/**
 * What a database says of itself that nobody touched since it was closed: only under the launch lock, held alone. It has no
 * sidecars to be read apart from, and a second name would change its ctime and so break its seal. A connection that may write
 * takes away again what it makes beside the file.
 *
 * @param free a free name beside it
 */
export function lookAtSealed(engine: Engine, path: string, free: string): Inspection {
  return opening(path, free, () => {
    const db = engine.openUntrusted(path, "readwrite");
    try {
      const wal = db.pragma("journal_mode", { simple: true }) === "wal";
      return { verdict: { kind: "sound", warnings: [] }, self: describe(db), journalMode: wal ? "wal" : "delete" };
    } finally {
      db.close();
    }
  });
}
