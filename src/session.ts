/** An open database until it is closed: the work behind it, the close, and the seal at the end. */
import type { BehindOrder, BehindOutcome } from "./backups/behind.ts";
import type { Connection } from "./database/open.ts";
import { writeSeal } from "./database/seal.ts";
import type { Seal } from "./database/seal-record.ts";
import type { Places } from "./places.ts";
import { type FileIdentity, identify, sameIdentity } from "./platform/atomic-file.ts";
import type { Child } from "./platform/child.ts";
import type { FileLock } from "./platform/lock.ts";
import type { BackupReport, LaunchReport, OpenReport, ProgressEvent } from "./report.ts";

/** What a seal says of more than the file. */
export type SealContent = Omit<Seal, "file" | "boot" | "suspect" | "backups">;

/** What a launch, quiet or not, hands over. */
export interface Opened {
  readonly db: Connection;
  readonly report: OpenReport;
  readonly places: Places;
  /** Held shared; null where none can or need be made. */
  readonly lock: FileLock | null;
  /** What the seal is to say; null where none is to be given: a read-only launch, or a stamp that has to wait. */
  readonly seal: SealContent | null;
  /** The file as it was handed over; what was known of its backup holds until it is written to. */
  readonly file: FileIdentity | null;
  /** What is to be done behind the application, or why nothing is; asked for after the hand-over. */
  readonly findWork: () => BehindOrder | Pick<BackupReport, "result" | "reason">;
  /** The launch waits for the work behind. */
  readonly blocking: boolean;
  /** The child that is at work for it, started now where there is none. */
  readonly child: () => Child;
  /** Milliseconds since the call. */
  readonly elapsed: () => number;
  /** What else is to be done once the database is closed. */
  readonly afterClose: () => Promise<void>;
  /** Lets go of everything: the child, the lock, the place in the process-wide registry. */
  readonly release: () => Promise<void>;
}

/** An open, checked, migrated database. */
export interface Guarded extends AsyncDisposable {
  /**
   * Checks the cells of each page that it reads, and trusts its schema: triggers and views may call the application's
   * functions. Register with `directOnly` those that a file from somebody else must not call.
   */
  readonly db: Connection;
  /** What was found and done; the actions and warnings of the work behind join it when that has finished. */
  readonly report: LaunchReport;
  /** What became of this launch's backup; resolves always, never rejects. */
  readonly backup: Promise<BackupReport>;
  /** Closes the database, seals it and lets go of the lock. A second call does nothing. */
  close(options?: CloseOptions): Promise<void>;
}

export interface CloseOptions {
  /** `wait` for the backup that is under way, or `abandon` it: then nothing of it is left. Default `wait`. */
  readonly backup?: "wait" | "abandon";
}

export async function startSession(opened: Opened, onEvent: (event: ProgressEvent) => void): Promise<Guarded> {
  const { db, report, places, lock, blocking } = opened;
  let abandoned = false;
  let order: BehindOrder | null = null;
  let outcome: BehindOutcome | null = null;
  let child: Child | undefined;
  /** Somebody waits for the work behind: then it keeps this process alive. */
  let awaited: boolean = blocking;
  const backup = work();
  if (blocking) {
    await backup;
    report.blockedMs = opened.elapsed();
  }

  let closing: Promise<void> | undefined;
  const close = (options: CloseOptions = {}): Promise<void> => {
    // A connection that is still being iterated over refuses to close; it may be tried again.
    closing ??= closeOnce(options).catch((error) => {
      closing = undefined;
      throw error;
    });
    return closing;
  };
  return {
    db,
    report,
    get backup() {
      hold(true);
      return backup;
    },
    close,
    [Symbol.asyncDispose]: close,
  };

  async function work(): Promise<BackupReport> {
    if (!blocking) await handOver();
    const found = opened.findWork();
    if (!("places" in found)) return { ...found, actions: [], warnings: [] };
    order = found;
    // Whoever opens a database that nobody touched has no need of this.
    const { ABANDONED, orderBehind } = await import("./launch/behind.ts");
    if (abandoned) return ABANDONED;
    child = opened.child();
    hold(awaited);
    const done = await orderBehind(child, order, onEvent, () => abandoned);
    outcome = done.outcome;
    // It would keep a process alive that has nothing left to do.
    void child.stop();
    report.actions.push(...done.report.actions);
    report.warnings.push(...done.report.warnings.filter((warning) => !report.warnings.includes(warning)));
    return done.report;
  }

  function hold(alive: boolean): void {
    awaited = alive;
    if (child?.alive) child.hold(alive);
  }

  async function closeOnce({ backup: how = "wait" }: CloseOptions): Promise<void> {
    hold(true);
    if (how === "abandon") {
      abandoned = true;
      await child?.stop();
    }
    await backup;
    const content = describeForSeal();
    db.close();
    await opened.afterClose();
    try {
      if (lock && (content || child) && isLast(lock)) await concludeAlone(content);
    } catch {
      // Without a seal the next launch looks more closely, which is no reason to fail here.
    } finally {
      await opened.release();
    }
  }

  /** Nobody else has the database, and no launch can begin. */
  async function concludeAlone(content: SealContent | null): Promise<void> {
    if (child) {
      // It may have been abandoned, or have come to a bad end, and the next launch may be too quiet to look.
      const { clearTemporaries } = await import("./launch/temporaries.ts");
      clearTemporaries(places);
    }
    if (!content) return;
    const { entry, checked, scrubDue } = outcome ?? {};
    const now = identify(places.database);
    const untouched = sameIdentity(now, opened.file);
    await writeSeal(places, {
      ...content,
      checkedAt: checked === "sound" && order ? order.now : content.checkedAt,
      backedUp: entry ? sameIdentity(now, entry.source) : untouched && content.backedUp,
      scrubDue: outcome ? (scrubDue ?? null) : content.scrubDue,
    });
  }

  /** The stamp and the layout are what the launch left, unless somebody wrote over them. */
  function describeForSeal(): SealContent | null {
    const { seal } = opened;
    if (!seal || outcome?.suspect) return null;
    if (!db.open) return seal;
    try {
      // With synchronous=OFF nobody knows what is on the disk after a power loss.
      if (db.pragma("synchronous", { simple: true }) === 0) return null;
      const stamp = db.prepare("SELECT database_id AS id, app_version AS version, layout FROM _holdfast_stamp").get();
      const { id, version, layout } = stamp as { id: string; version: string; layout: string };
      const same = id === seal.databaseId && version === seal.stampVersion && layout === seal.layout;
      return same ? seal : null;
    } catch {
      return null;
    }
  }
}

/** Lets the application have its database first. */
function handOver(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** From shared to alone, where nobody else holds it. */
function isLast(lock: FileLock): boolean {
  if (lock.state !== "shared") return lock.state === "exclusive";
  lock.letGo();
  return lock.tryExclusive();
}
