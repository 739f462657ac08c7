/** Whether what a person named is sound, and whether this application can read it. */
import { basename } from "node:path";
import { usability } from "../backups/choose.ts";
import { unlessCutOff } from "../backups/verify.ts";
import type { Inspection } from "../database/integrity.ts";
import { type Layout, type LayoutRelation, relate } from "../database/layout.ts";
import type { SelfDescription } from "../database/stamp.ts";
import { clipped, HoldfastError } from "../errors.ts";
import { runJob } from "../toolbox.ts";
import { checkFile } from "./check-file.ts";
import type { Operation } from "./operation.ts";
import type { Source } from "./source.ts";

export type Verified =
  | {
      readonly ok: true;
      /** Null for a file that may have sidecars. */
      readonly sha256: string | null;
      readonly self: SelfDescription | null;
      /** What is amiss with the application's data, which is no damage. */
      readonly warnings: readonly string[];
      /** Whether its bytes are those that were recorded; only a file that lies elsewhere may differ and be sound all the same. */
      readonly checksum: "matches" | "differs" | "none";
    }
  | {
      readonly ok: false;
      readonly reason: string;
      /** It could not be judged: that is no sign of damage. */
      readonly unknown: boolean;
      /** Its bytes are not those that were recorded. */
      readonly differs: boolean;
    };

export type Sound = Extract<Verified, { ok: true }>;

/**
 * @param done what does not become of it otherwise, as in "restored"
 * @param force what is sound is taken though it is not as it was recorded
 * @throws NO_USABLE_BACKUP, DB_CORRUPT where it is not sound; CHECK_IMPOSSIBLE where that cannot be told
 */
export async function requireSound(op: Operation, source: Source, done: string, force = false): Promise<Sound> {
  const verified = await verifySource(op, source);
  if (verified.ok && verified.checksum === "differs" && !force) throw changed(source, done);
  if (verified.ok) {
    if (verified.checksum === "differs") op.warn(`${source.path}: ${CHANGED}.`);
    op.warn(...verified.warnings);
    return verified;
  }
  const { reason, unknown, differs } = verified;
  const { path } = source;
  throw new HoldfastError({
    code: unknown ? "CHECK_IMPOSSIBLE" : source.kind === "backup" ? "NO_USABLE_BACKUP" : "DB_CORRUPT",
    message: `${path} cannot be ${done}: ${reason.replace(/\.$/, "")}. Nothing was changed.`,
    hint: unknown
      ? "That is no sign of damage: clear what stands in the way, then give the command again."
      : differs
        ? "Name another one of holdfast list. If there is none, copy this one elsewhere: where its pages are sound, restore takes that copy with --force."
        : `Name another one of holdfast list. What can be read of this one goes to a new file with: holdfast recover "${path}"`,
    details: { path, reason },
  });
}

export const CHANGED = "its bytes are not those that were recorded of it";

function changed({ path }: Source, done: string): HoldfastError {
  return new HoldfastError({
    code: "DB_CORRUPT",
    message: `${path} cannot be ${done}: ${CHANGED}, beside it or in it. Nothing was changed.`,
    hint: `Name another copy of it. If you changed it on purpose: holdfast restore "${path}" ${done === "restored" ? "--force" : `--target <folder> --force makes a database of it that can be ${done}`}`,
    details: { path, reason: CHANGED },
  });
}

/** Reads all of it: its checksums, where it has some, and its pages. */
export async function verifySource(op: Operation, source: Source): Promise<Verified> {
  const { places } = op;
  const message = `verifying ${basename(source.path)}`;
  op.onEvent({ kind: "verify", message });
  if (source.kind === "backup") {
    const order = { places, entry: source.entry, app: null };
    const found = await unlessCutOff(
      runJob(op, "verify", order, ({ done, total, what }) =>
        op.onEvent(
          what === undefined
            ? { kind: "verify", message, done, total, unit: "bytes" }
            : { kind: "verify", message: `${message}: ${what}`, done, total, unit: "tables" },
        ),
      ),
    );
    if (!found.ok) {
      const { reason, kind, differs = false } = found;
      return { ok: false, reason, unknown: kind === "unreadable", differs };
    }
    const checksum = source.entry.sha256 === null && op.engine.custom ? "none" : "matches";
    return { ok: true, sha256: found.sha256, ...describe(found.inspection), checksum };
  }
  if (source.kind === "folder") {
    const { folder, manifest } = source;
    const problems = await runJob(op, "check-files", { folder, files: manifest.files }, ({ done, total, what }) =>
      op.onEvent({ kind: "verify", message: `verifying ${basename(folder)}: ${what}`, done, total, unit: "bytes" }),
    );
    const [first] = problems;
    if (first) {
      const others = problems.length - 1;
      const more = others === 0 ? "" : `, and ${others} more ${others === 1 ? "file is" : "files are"} not as listed`;
      return { ok: false, reason: `${first.path}: ${first.problem}${more}`, unknown: false, differs: true };
    }
  }
  const inspection = await checkFile(op, { path: source.path, scope: "whole", kind: "verify", message });
  const { verdict } = inspection;
  if (verdict.kind === "corrupt") {
    const reason = `it is corrupt: ${clipped(verdict.problems[0] ?? "")}`;
    return { ok: false, reason, unknown: false, differs: false };
  }
  if (verdict.kind === "impossible") {
    return { ok: false, reason: `it could not be checked: ${verdict.reason}`, unknown: true, differs: false };
  }
  return { ok: true, sha256: null, ...describe(inspection), checksum: await proven(op, source, inspection) };
}

/** Of what the index does not list. The files of a folder were held against its manifest already. */
async function proven(op: Operation, { kind, path }: Source, { self }: Inspection): Promise<Sound["checksum"]> {
  if (kind === "folder") return "matches";
  // What an opener writes may be encrypted, with no place for a digest that is to be found again.
  const ownDigest = self?.backup && !op.engine.custom ? self.ownDigest : null;
  return await runJob(op, "prove-bytes", { path, ownDigest });
}

function describe({ self, verdict }: Inspection): { self: SelfDescription | null; warnings: readonly string[] } {
  return { self, warnings: verdict.kind === "sound" ? verdict.warnings : [] };
}

/** How what was verified stands to this application; null where either layout is not known. */
export function relationTo(known: Layout | null, self: SelfDescription | null): LayoutRelation | null {
  return known && self ? relate(self.ledger, known) : null;
}

/** @throws DOWNGRADE_REFUSED, MIGRATION_DRIFT where this application cannot read it */
export function requireReadable(
  op: Operation,
  known: Layout | null,
  source: Source,
  self: SelfDescription | null,
): void {
  if (!known || !self) return;
  const { usable, relation } = usability(self.ledger, known, op.settings.appVersion ?? "0.0.0");
  if (usable) return;
  const version = self.stamp?.appVersion;
  const ahead = relation === "ahead";
  throw new HoldfastError({
    code: ahead ? "DOWNGRADE_REFUSED" : "MIGRATION_DRIFT",
    message: `${source.path} is of ${version === undefined ? "another version" : `version ${version}`}, and its layout is ${ahead ? "ahead of" : "not one of"} this application's, which cannot read it; nothing was changed.`,
    hint: `${ahead && version !== undefined ? `Install version ${version} or later` : "Name another backup: holdfast list"}, or put it there all the same with --force.`,
    details: { path: source.path, version: version ?? null, relation },
  });
}
