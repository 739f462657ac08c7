/**
 * The dry run: looking is done for real, and of everything else it is assumed that it will succeed. What only
 * acting could tell is marked as not certain.
 */
import { join } from "node:path";
import { freeName } from "../backups/set-aside.ts";
import { presentSidecars } from "../database/files.ts";
import { fingerprint } from "../database/layout.ts";
import { demotedName, quarantineName } from "../places.ts";
import { act } from "./act.ts";
import type { Context } from "./context.ts";
import type { Action } from "./decide.ts";
import { type Facts, stampOf } from "./facts.ts";

/** @returns the facts as they would be; null when nothing can be said of what follows */
export async function foresee(context: Context, facts: Facts, decision: Action): Promise<Facts | null> {
  const { actions, places } = context;
  const { reason } = decision;
  const certain = false;
  switch (decision.do) {
    case "examine":
      // What is known of it suffices to say what follows; reading all of it is for the launch.
      if (decision.check === "full" && facts.whole?.verdict.kind === "sound" && facts.trust.kind === "sealed") {
        actions.push({ action: "check", reason, file: places.database, certain });
        return { ...facts, checked: true };
      }
      return await act(context, facts, decision);
    case "wait":
    case "verify":
      return await act(context, facts, decision);
    case "finish-swap":
      actions.push({ action: "finish-swap", reason: `${reason}; what follows is decided then`, file: places.database });
      return null;
    case "quarantine-sidecars": {
      const aside = freeName(places.backups, quarantineName(places.stem, facts.now));
      actions.push({ action: "quarantine", reason, file: aside + (presentSidecars(facts.files)[0] ?? "") });
      return {
        ...facts,
        files: { ...facts.files, sidecars: {} },
        whole: facts.alone,
        alone: null,
        layout: facts.alone?.self?.ledger ?? [],
      };
    }
    case "keep-log": {
      const aside = freeName(places.backups, quarantineName(places.stem, facts.now));
      actions.push({ action: "quarantine", reason, file: `${aside}-wal` });
      return { ...facts, logKept: true };
    }
    case "restore": {
      const { backup, cause } = decision;
      actions.push({
        action: "restore",
        reason,
        file: join(places.backups, backup.file),
        version: backup.version,
        certain,
      });
      if (cause !== "missing") {
        const version = stampOf(facts)?.appVersion ?? null;
        const name = cause === "downgrade" ? demotedName(places.stem, version) : quarantineName(places.stem, facts.now);
        const action = cause === "downgrade" ? "demote" : "quarantine";
        actions.push({
          action,
          reason: "it is kept, whatever happens",
          file: freeName(places.backups, name),
          version,
          certain,
        });
      }
      const verified = facts.verifications.get(backup.file);
      const self = verified?.ok ? verified.inspection.self : null;
      const ledger = self?.ledger ?? [];
      const restored = { ...facts, databaseId: backup.databaseId, restoredFrom: backup.file };
      return upToDate(context, restored, ledger.length, self?.stamp?.appVersion);
    }
    case "salvage": {
      const { backup } = decision;
      actions.push({ action: "salvage", reason, file: places.database, certain });
      const aside = freeName(places.backups, quarantineName(places.stem, facts.now));
      actions.push({ action: "quarantine", reason: "it is kept, whatever happens", file: aside, certain });
      const self = facts.whole?.self ?? null;
      const ledger = self?.ledger ?? [];
      const databaseId = self?.stamp?.databaseId ?? backup?.databaseId ?? facts.databaseId;
      const healed = { ...facts, databaseId, restoredFrom: aside };
      // What it says of itself when all of it is read cannot be known before.
      const version = self?.stamp?.appVersion ?? context.settings.appVersion;
      return upToDate(context, healed, ledger.length || facts.app.layout.length, version);
    }
    case "create":
      actions.push({ action: "create", reason, file: places.database, certain });
      return upToDate(context, facts, 0);
    case "restore-point":
      actions.push({
        action: "back-up",
        reason: "restore-point",
        version: stampOf(facts)?.appVersion ?? null,
        certain,
      });
      return { ...facts, restorePoint: { file: "" } };
    case "migrate":
      return upToDate(context, facts, facts.layout.length);
    case "stamp":
      actions.push({ action: "stamp", reason, version: context.settings.appVersion });
      return stamped(context, facts);
  }
}

/** As if what is pending beyond `applied` steps had been migrated, and the stamp written. */
function upToDate(context: Context, facts: Facts, applied: number, version?: string): Facts {
  const pending = facts.app.layout.slice(applied).map((step) => step.name);
  if (pending.length > 0) {
    const reason = `${pending.length} migration${pending.length === 1 ? " is" : "s are"} pending`;
    context.actions.push({ action: "migrate", reason, applied: pending, certain: false });
  }
  const { appVersion } = context.settings;
  if (pending.length > 0 || version !== appVersion) {
    context.actions.push({ action: "stamp", reason: "version and layout", version: appVersion, certain: false });
  }
  return stamped(context, facts);
}

function stamped(context: Context, facts: Facts): Facts {
  const { appVersion } = context.settings;
  const { layout } = facts.app;
  const stamp = { databaseId: facts.databaseId, appVersion, layout: fingerprint(layout), changedAt: facts.now };
  const ledger = layout.map((step) => ({
    name: step.name,
    checksum: step.checksum,
    compatibleSince: step.compatibleSince ?? null,
    appliedAt: facts.now,
    appVersion,
    down: null,
  }));
  return {
    ...facts,
    files: { ...facts.files, main: facts.files.main ?? { ino: "", size: "", mtime: "0" }, sidecars: {} },
    alone: null,
    layout: ledger,
    whole: {
      verdict: { kind: "sound", warnings: [] },
      self: { stamp, ledger, backup: null, ownDigest: null, tables: [] },
      journalMode: "wal",
    },
  };
}
