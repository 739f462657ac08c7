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
 * @throws NO_USABLE_BACKUP, DB_CORRUPT where it is not sound
 */
export async function requireSound(op: Operation, source: Source, done: string): Promise<Sound> {
  const verified = await verifySource(op, source);
  if (verified.ok) {
    op.warn(...verified.warnings);
    return verified;
  }
  throw new HoldfastError({
    code: source.kind === "backup" ? "NO_USABLE_BACKUP" : "DB_CORRUPT",
    message: `${source.path} cannot be ${done}: ${verified.reason}. Nothing was changed.`,
    hint: "Name another one: holdfast list",
    details: { path: source.path, reason: verified.reason },
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
    return { ok: true, sha256: found.sha256, ...describe(found.inspection) };
  }
  if (source.kind === "folder") {
    const { folder, manifest } = source;
    const problems = await runJob(op, "check-files", { folder, files: manifest.files }, ({ done, total, what }) =>
      op.onEvent({ kind: "verify", message: `verifying ${basename(folder)}: ${what}`, done, total, unit: "bytes" }),
    );
    const [first] = problems;
    if (first) {
      const more = problems.length > 1 ? `, and ${problems.length - 1} more files are not as listed` : "";
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
  return { ok: true, sha256: null, ...describe(inspection) };
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
