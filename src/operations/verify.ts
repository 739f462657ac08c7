/** Whether what there is to go back to is sound. Nothing is changed, but when each backup was verified. */
import { join } from "node:path";
import type { IndexEntry } from "../backups/index-file.ts";
import { noteVerified } from "../backups/scrub.ts";
import type { LayoutRelation } from "../database/layout.ts";
import { HoldfastError, type Refusal, toHoldfastError } from "../errors.ts";
import { fs } from "../platform/builtins.ts";
import type { SettingsInput } from "../settings-glance.ts";
import { type Operation, type OperationOptions, operate } from "./operation.ts";
import { findSource, keptSources, type Source } from "./source.ts";
import { type Stock, takeStock } from "./take-stock.ts";
import { CHANGED, relationTo, type Verified, verifySource } from "./verify-source.ts";

const { existsSync } = fs;

export interface VerifyOptions extends OperationOptions {
  /** An id, a label, `latest`, or the path of a file or folder. Default: every backup. */
  readonly source?: string | undefined;
  /** The demoted databases as well. Default false. */
  readonly all?: boolean | undefined;
}

export interface VerifiedFile {
  /** What commands call it; the path of what lies elsewhere. */
  readonly id: string;
  /** The whole path; of a folder, of the database in it. */
  readonly path: string;
  readonly kind: Source["kind"];
  readonly ok: boolean;
  /** What is amiss, in words; null where it is sound. */
  readonly problem: string | null;
  /** It could not be judged: that is no sign of damage. */
  readonly unknown: boolean;
  /** The app version in its stamp; null without one. */
  readonly version: string | null;
  /** How its layout stands to this application's; null where either is not known. */
  readonly layout: LayoutRelation | null;
  /** Whether its bytes are those that were recorded; `none` where nothing was, null where they were not read. */
  readonly checksum: "matches" | "differs" | "none" | null;
  /** When it was last found sound; ISO 8601, UTC. */
  readonly verifiedAt: string | null;
}

/** What `verify()` returns and `holdfast verify --json` prints. */
export interface VerifyReport {
  readonly outcome: "sound" | "damaged" | "unknown";
  /** The database's path, links resolved. */
  readonly database: string;
  readonly files: readonly VerifiedFile[];
  readonly warnings: readonly string[];
  /** DB_CORRUPT where one is damaged; CHECK_IMPOSSIBLE where one could not be judged. */
  readonly error?: Refusal;
}

export async function verify(
  settings: string | SettingsInput,
  { source, all = false, ...options }: VerifyOptions = {},
): Promise<VerifyReport> {
  return await operate("verify", settings, options, async (op) => {
    const stock = await takeStock(op);
    const sources = source === undefined ? sourcesOf(op, stock, all) : [findSource(op, stock, source)];
    const files: VerifiedFile[] = [];
    for (const each of sources) {
      const file = await verifyOne(op, stock, each);
      if (file) files.push(file);
    }
    return reportOf(op, files);
  });
}

function sourcesOf(op: Operation, stock: Stock, all: boolean): Source[] {
  const kept = keptSources(op, stock).filter(({ kind }) => kind === "backup" || (all && kind === "demoted"));
  // A backup that cannot even say whose it is would otherwise be passed over.
  const nameless = stock.survey.unidentified.map((file): Source => {
    const path = join(op.places.backups, file);
    return { kind: "file", id: path, path };
  });
  return [...kept, ...nameless];
}

/** Null for a backup that was retired meanwhile. */
async function verifyOne(op: Operation, stock: Stock, source: Source): Promise<VerifiedFile | null> {
  const verified = await orProblem(() => verifySource(op, source));
  if (source.kind !== "backup") return describe(op, stock, source, verified);
  const { entry } = source;
  if (verified.ok) {
    const verifiedAt = await note(op, entry);
    return { ...describe(op, stock, source, verified), verifiedAt };
  }
  // Replaced while it was read, it is another backup than the one that the index listed before.
  const now = keptSources(op, await takeStock(op)).find(({ path }) => path === source.path);
  if (now?.kind !== "backup" && !existsSync(source.path)) return null;
  const replaced = now?.kind === "backup" && now.entry.sequence !== entry.sequence;
  return replaced ? await verifyOne(op, stock, now) : describe(op, stock, source, verified);
}

/** The verification goes on after one that cannot be judged. */
async function orProblem(task: () => Promise<Verified>): Promise<Verified> {
  try {
    return await task();
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code === "ABORTED") throw error;
    return { ok: false, reason: error.message, unknown: true, differs: false };
  }
}

function describe(op: Operation, { known }: Stock, source: Source, verified: Verified): VerifiedFile {
  const { id, path, kind } = source;
  const entry = source.kind === "backup" ? source.entry : null;
  const common = { id, path, kind, verifiedAt: entry?.verifiedAt ?? null };
  if (verified.ok && verified.checksum !== "differs") {
    const { self, warnings, checksum } = verified;
    op.warn(...warnings.map((warning) => `${path}: ${warning}`));
    const version = self?.stamp?.appVersion ?? null;
    return { ...common, ok: true, problem: null, unknown: false, version, layout: relationTo(known, self), checksum };
  }
  return {
    ...common,
    ok: false,
    problem: verified.ok ? CHANGED : verified.reason,
    unknown: !verified.ok && verified.unknown,
    version: entry?.version ?? null,
    layout: null,
    checksum: verified.ok || verified.differs ? "differs" : null,
  };
}

/** @returns when it was */
async function note(op: Operation, entry: IndexEntry): Promise<string> {
  const now = op.now().toISOString();
  try {
    await noteVerified(op.engine.openPlain, op.places, entry, now);
  } catch (error) {
    const failed = toHoldfastError(error, `writing the index ${op.places.index}`);
    if (!failed) throw error;
    op.warn(`That ${entry.file} is sound could not be noted in the index. ${failed.message}`);
  }
  return now;
}

function reportOf(op: Operation, files: readonly VerifiedFile[]): VerifyReport {
  const { warnings } = op;
  const { database } = op.places;
  const damaged = files.filter(({ ok, unknown }) => !ok && !unknown);
  const unknown = files.filter((file) => file.unknown);
  const [first] = damaged.length > 0 ? damaged : unknown;
  if (!first) return { outcome: "sound", database, files, warnings };
  const outcome = damaged.length > 0 ? "damaged" : "unknown";
  const count = outcome === "damaged" ? damaged.length : unknown.length;
  // Of the only one there is nothing to count.
  const counted = `${count} of ${files.length} files`;
  const which = (rest: string) =>
    files.length === 1 ? `${first.id} ${rest}` : `${counted} ${rest}, first ${first.id}`;
  const error: Refusal =
    outcome === "damaged"
      ? {
          code: "DB_CORRUPT",
          message: `${which(`${count === 1 ? "is" : "are"} damaged`)}: ${first.problem}. Nothing was changed.`,
          hint:
            first.kind === "backup"
              ? "Take a sound one while the database is: holdfast backup"
              : "Verify another copy of it, and keep this one: what is in it may be read yet.",
        }
      : {
          code: "CHECK_IMPOSSIBLE",
          message: `${which("could not be judged")}: ${first.problem}`,
          hint: "Clear what stands in the way, then verify again; that is no sign of damage.",
        };
  const paths = (outcome === "damaged" ? damaged : unknown).map(({ path }) => path);
  return { outcome, database, files, warnings, error: { ...error, details: { paths } } };
}
