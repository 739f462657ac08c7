export type { LayoutRelation, LayoutStep } from "./database/layout.ts";
export type { MigrationInput } from "./database/migration-files.ts";
export type { Connection, Opener } from "./database/open.ts";
export { type ErrorCode, type ErrorDetails, HoldfastError, type Refusal } from "./errors.ts";
export { guard, plan } from "./guard.ts";
export type { GuardOptions } from "./guard-options.ts";
export type { NamedLayout } from "./launch/context.ts";
export {
  backup,
  diff,
  doctor,
  list,
  listDemoted,
  merge,
  mergeDemoted,
  move,
  prune,
  rebuildIndex,
  recover,
  removeDemoted,
  restore,
  restoreDemoted,
  verify,
} from "./manual.ts";
export type { BackupOptions } from "./operations/backup.ts";
export type { ComparedFile, DiffOptions, DiffReport } from "./operations/diff.ts";
export type { DoctorReport, Finding, FindingState } from "./operations/doctor.ts";
export type { ListedFile, ListOptions, ListReport, TableRows } from "./operations/list.ts";
export type { MergeOptions, MergeReport } from "./operations/merge.ts";
export type { MoveOptions, MoveReport } from "./operations/move.ts";
export type { ChangeOptions, ChangeReport, OperationOptions } from "./operations/operation.ts";
export type { PruneReport } from "./operations/prune.ts";
export type { RebuildReport } from "./operations/rebuild-index.ts";
export type { RecoverOptions, RecoverReport } from "./operations/recover.ts";
export type { RestoreOptions } from "./operations/restore.ts";
export type { VerifiedFile, VerifyOptions, VerifyReport } from "./operations/verify.ts";
export type {
  ActionName,
  ActionReport,
  BackupReport,
  Found,
  FoundState,
  LaunchReport,
  ProgressEvent,
  RecoveredTable,
  Saved,
} from "./report.ts";
export type { CloseOptions, Guarded } from "./session.ts";
export type { SettingsInput } from "./settings-glance.ts";
export type { WorkerOptions } from "./start-worker.ts";
export {
  type BackupStatus,
  type DatabaseState,
  type DemotedStatus,
  type FileStatus,
  type Holder,
  type SetAsideStatus,
  type StatusOptions,
  type StatusReport,
  status,
} from "./status.ts";
