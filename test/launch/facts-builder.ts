/** Builds the facts of a launch: by default a healthy, stamped database that is just what the application wants. */
import type { IndexEntry } from "../../src/backups/index-file.ts";
import { EMPTY_SURVEY, type Survey } from "../../src/backups/survey.ts";
import type { Verification } from "../../src/backups/verify.ts";
import type { DatabaseFiles, Sidecar } from "../../src/database/files.ts";
import type { Inspection, Verdict } from "../../src/database/integrity.ts";
import { fingerprint, type LayoutStep } from "../../src/database/layout.ts";
import type { LedgerEntry, SelfDescription } from "../../src/database/stamp.ts";
import type { Facts } from "../../src/launch/facts.ts";
import { indexEntry } from "../fixtures/index-entry.ts";

export const DATABASE = "/data/library.sqlite";
export const BACKUPS_FOLDER = "/data/backups";
export const DATABASE_ID = "library-id";
export const APP_VERSION = "1.3.0";
export const NOW = "2026-11-21T12:00:00.000Z";

export function step(name: string, parts: Partial<LedgerEntry> = {}): LedgerEntry {
  return {
    name,
    checksum: `sha256:${name}`,
    compatibleSince: null,
    appliedAt: "2026-11-01T08:00:00.000Z",
    appVersion: "1.0.0",
    down: null,
    ...parts,
  };
}

export const BOOKS: LedgerEntry = step("0001_books.sql");
export const LOANS: LedgerEntry = step("0002_loans.sql");
export const TAGS: LedgerEntry = step("0003_tags.sql");

/** What the application of these tests knows. */
export const APP_LAYOUT: readonly LedgerEntry[] = [BOOKS, LOANS];

export function files(
  parts: { size?: string; missing?: true; sidecars?: readonly (Sidecar | [Sidecar, string])[] } = {},
) {
  const sidecars = (parts.sidecars ?? []).map((each) => {
    const [ending, size] = typeof each === "string" ? [each, "4152"] : each;
    return [ending, { ino: `8${ending}`, size, mtime: "1" }] as const;
  });
  return {
    path: DATABASE,
    main: parts.missing ? null : { ino: "7", size: parts.size ?? "8192", mtime: "1" },
    sidecars: Object.fromEntries(sidecars),
  } satisfies DatabaseFiles;
}

export interface Contents {
  /** Of the stamp; null: no stamp. Default: the application's. */
  readonly version?: string | null;
  readonly id?: string;
  readonly layout?: readonly LedgerEntry[];
  /** The stamp's fingerprint. Default: that of `layout`. */
  readonly fingerprint?: string;
  readonly backup?: SelfDescription["backup"];
  readonly tables?: readonly string[];
}

export function self(contents: Contents = {}): SelfDescription {
  const { version = APP_VERSION, id = DATABASE_ID, layout = APP_LAYOUT, backup = null, tables = ["books"] } = contents;
  const stamp = {
    databaseId: id,
    appVersion: version ?? "",
    layout: contents.fingerprint ?? fingerprint(layout),
    changedAt: "2026-11-20T08:00:00.000Z",
  };
  return { stamp: version === null ? null : stamp, ledger: layout, backup, ownDigest: null, tables };
}

export function backupRow(sequence: number): NonNullable<SelfDescription["backup"]> {
  return {
    databaseId: DATABASE_ID,
    databasePath: "../library.sqlite",
    version: APP_VERSION,
    layout: fingerprint(APP_LAYOUT),
    sequence,
    createdAt: NOW,
    reason: "launch",
    label: null,
    content: "sha256:c",
    journalMode: "wal",
    fileMode: 0o600,
  };
}

export const SOUND: Verdict = { kind: "sound", warnings: [] };
export const corrupt = (...problems: string[]): Verdict => ({ kind: "corrupt", problems });
export const impossible = (reason: string): Verdict => ({ kind: "impossible", reason });

export function inspection(contents: Contents | null = {}, verdict: Verdict = SOUND): Inspection {
  return { verdict, self: contents === null ? null : self(contents), journalMode: "wal" };
}

/** The facts once the database has been examined: what it contains, and what the check said. */
export function examined(contents: Contents | null = {}, verdict: Verdict = SOUND): Pick<Facts, "whole" | "layout"> {
  return { whole: inspection(contents, verdict), layout: contents === null ? [] : (contents.layout ?? APP_LAYOUT) };
}

export function alone(contents: Contents | null, look: { checked: boolean; verdict?: Verdict }): Pick<Facts, "alone"> {
  return { alone: { ...inspection(contents, look.verdict ?? SOUND), checked: look.checked } };
}

export function survey(...backups: readonly IndexEntry[]): Survey {
  return { ...EMPTY_SURVEY, backups };
}

export const OLDER: IndexEntry = indexEntry({ version: "1.1.0", sequence: 3 });
export const NEWER: IndexEntry = indexEntry({ version: "1.2.0", sequence: 4 });

export function verified(
  ...outcomes: readonly [IndexEntry, "sound" | { fails: string }][]
): Pick<Facts, "verifications"> {
  const each = outcomes.map(([entry, outcome]): [string, Verification] => [
    entry.file,
    outcome === "sound"
      ? { ok: true, sha256: entry.sha256 ?? "", inspection: inspection() }
      : { ok: false, kind: "damaged", reason: outcome.fails },
  ]);
  return { verifications: new Map(each) };
}

export function app(
  parts: { version?: string; layout?: readonly LayoutStep[]; readonly?: boolean } = {},
): Pick<Facts, "app"> {
  return { app: { version: APP_VERSION, layout: APP_LAYOUT, readonly: false, ...parts } };
}

export function facts(...parts: readonly Partial<Facts>[]): Facts {
  const start: Facts = {
    now: NOW,
    ...app(),
    lock: "exclusive",
    waited: false,
    intent: null,
    files: files(),
    trust: { kind: "unknown", why: "there is no record of a clean close" },
    recordedId: null,
    checked: true,
    logKept: false,
    salvages: new Map(),
    lastCheck: null,
    backupsFolder: BACKUPS_FOLDER,
    moved: null,
    ...examined(),
    alone: null,
    survey: survey(),
    othersAlive: new Set(),
    verifications: new Map(),
    unfit: null,
    restorePoint: null,
    databaseId: DATABASE_ID,
    restoredFrom: null,
  };
  return Object.assign(start, ...parts);
}
