/** Whether a backup is what it says: a regular file, the bytes of its checksum, sound pages, its own row. */
import { join } from "node:path";
import { checkFully, type Tools } from "../database/check.ts";
import { type Inspection, inspect } from "../database/integrity.ts";
import type { Layout } from "../database/layout.ts";
import { sha256Of } from "../database/read-raw.ts";
import { clipped, messageOf, toHoldfastError } from "../errors.ts";
import { type Places, temporaryIn } from "../places.ts";
import { fs } from "../platform/builtins.ts";
import { type Progress, wasCutOff, whyCutOff } from "../platform/child.ts";
import type { WorkLimit } from "../platform/work-limit.ts";
import { usability } from "./choose.ts";
import { type IndexEntry, isPlainName } from "./index-file.ts";
import { holdsOwnDigest } from "./own-digest.ts";

const { lstatSync } = fs;

export type Verification =
  | { readonly ok: true; readonly sha256: string; readonly inspection: Inspection }
  /**
   * `unfit`: sound perhaps, but of a layout that the app cannot use. `unreadable`: sound perhaps, but it could not be
   * judged: by a medium that fails, for want of permission or of a function.
   */
  | {
      readonly ok: false;
      readonly kind: "damaged" | "unfit" | "unreadable";
      readonly reason: string;
      /** Its bytes are not those that were recorded. */
      readonly differs?: true;
    };

/** Of the bytes that are read for the checksum, then, with names, of the tables that are checked. */
type OnProgress = (progress: Progress) => void;

/** @throws DISK_FULL where a look needs room, which says nothing of the backup */
async function verifyBackup(
  tools: Tools,
  places: Places,
  entry: Pick<IndexEntry, "file" | "sha256" | "databaseId">,
  onProgress?: OnProgress,
): Promise<Verification> {
  const refused = (reason: string): Verification => ({ ok: false, kind: "damaged", reason });
  try {
    const folder = places.backups;
    const unfit = unfitName(folder, entry.file);
    if (unfit) return refused(unfit);
    const path = join(folder, entry.file);
    const { size: total } = lstatSync(path);
    const sha256 = sha256Of(path, (done) => onProgress?.({ done, total }));
    if (entry.sha256 !== null && sha256 !== entry.sha256) {
      return { ok: false, kind: "damaged", reason: "its bytes do not match its checksum", differs: true };
    }
    const inspection = await checkFully(tools, path, {
      scope: "alone",
      scratch: temporaryIn(folder, places, "look"),
      onProgress,
    });
    const { verdict, self } = inspection;
    if (verdict.kind === "corrupt") return refused(`it is corrupt: ${clipped(verdict.problems[0] ?? "")}`);
    if (verdict.kind === "impossible")
      return { ok: false, kind: "unreadable", reason: `it could not be checked: ${verdict.reason}` };
    if (!self?.backup) return refused("it does not say that it is a backup");
    if (self.backup.databaseId !== entry.databaseId) return refused("it belongs to another database");
    // What an opener writes may be encrypted, with no place for a digest that is to be found again.
    if (entry.sha256 === null && !tools.engine.custom) {
      const proven = self.ownDigest !== null && holdsOwnDigest(path, self.ownDigest);
      const reason = "it has no checksum beside it, and its bytes are not those that it tells of itself";
      if (!proven) return { ok: false, kind: "damaged", reason, differs: true };
    }
    return { ok: true, sha256, inspection };
  } catch (error) {
    return whyUnverified(error, entry.file);
  }
}

function whyUnverified(error: unknown, file: string): Verification {
  const known = toHoldfastError(error, `verifying ${file}`);
  if (known?.code === "DISK_FULL") throw known;
  return { ok: false, kind: known ? "unreadable" : "damaged", reason: messageOf(error) };
}

/** The same for a backup that nobody has verified yet: what it was made to do must not keep others from being taken. */
export async function verifyApart({ crew }: Tools, order: VerifyOrder, limit?: WorkLimit): Promise<Verification> {
  return await unlessCutOff(crew.runApart("verify", order, limit ? { limit } : {}));
}

/** One that was made to be checked for ever is none to rely on, and must not keep the next from being tried. */
export async function unlessCutOff(verifying: Promise<Verification>): Promise<Verification> {
  try {
    return await verifying;
  } catch (error) {
    if (!wasCutOff(error)) throw error;
    return { ok: false, kind: "damaged", reason: whyCutOff(error) };
  }
}

export interface VerifyOrder {
  readonly places: Places;
  readonly entry: IndexEntry;
  /** The app that is to open it; null where a migrator of its own knows what fits. */
  readonly app: { readonly layout: Layout; readonly version: string } | null;
}

/** A backup that does not fit the app is turned down by its ledger, before all of its bytes are read. */
export async function verifyForRestore(
  tools: Tools,
  order: VerifyOrder,
  onProgress?: OnProgress,
): Promise<Verification> {
  const { places, entry, app } = order;
  const folder = places.backups;
  if (app && unfitName(folder, entry.file) === null) {
    try {
      const path = join(folder, entry.file);
      const { self } = inspect(tools.engine, path, {
        check: "none",
        scope: "alone",
        scratch: temporaryIn(folder, places, "look"),
      });
      const { usable, relation } = usability(self?.ledger ?? [], app.layout, app.version);
      if (!usable)
        return {
          ok: false,
          kind: "unfit",
          reason: `its layout is ${relation === "ahead" ? "ahead of" : "another than"} this app's`,
        };
    } catch (error) {
      return whyUnverified(error, entry.file);
    }
  }
  return await verifyBackup(tools, places, entry, onProgress);
}

/** Why `file` must not even be opened, or null. Links and devices could lead anywhere. */
export function unfitName(folder: string, file: string): string | null {
  if (!isPlainName(file)) return "its name is not a plain file name";
  const found = lstatSync(join(folder, file), { throwIfNoEntry: false });
  if (!found) return "the file is gone";
  if (found.isSymbolicLink()) return "it is a link";
  if (!found.isFile()) return "it is not a regular file";
  return null;
}
