/** What the doctor knows before it judges: values alone, so that each finding can be told without a file. */
import type { IndexEntry } from "../../backups/index-file.ts";
import type { SetAside, Survey } from "../../backups/survey.ts";
import type { Moved } from "../../database/moved.ts";
import type { Trust } from "../../database/seal.ts";
import type { SwapState } from "../../database/swap.ts";
import type { Refusal } from "../../errors.ts";
import type { DemotedRows } from "../../launch/demoted-rows.ts";
import type { DatabaseState, Holder, StatusReport } from "../../status.ts";
import type { CutOffRestore } from "../restore-record.ts";
import type { FileSystem } from "./proc.ts";
import type { SyncedFolder } from "./synced-folder.ts";

export interface DoctorFacts {
  /** ISO 8601, UTC. */
  readonly now: string;
  readonly platform: NodeJS.Platform;
  readonly runtime: { readonly node: string; readonly arch: string };
  readonly sqlite: string;
  /** The application brings its own way to open the database: a key, functions, another build. */
  readonly opener: boolean;
  readonly settings: SettingsFacts;
  readonly database: DatabaseFacts;
  readonly layout: StatusReport["layout"];
  /** Every migration beyond the application's declares itself compatible with the running version. */
  readonly compatible: boolean;
  readonly trust: Trust;
  /** When all pages were last found sound; ISO 8601. */
  readonly lastCheck: string | null;
  readonly holder: Holder;
  /** Who holds the lock, where the system tells it. */
  readonly holders: readonly Process[];
  /** Who has the database open without Holdfast, where the system tells it. */
  readonly strangers: readonly Process[];
  /** The database's folder, then the backup folder. */
  readonly folders: readonly [FolderFacts, FolderFacts];
  readonly survey: Survey;
  /** The backups of this database, the newest first. */
  readonly own: readonly IndexEntry[];
  readonly demotedRows: readonly DemotedRows[];
  readonly extra: readonly {
    readonly name: string;
    readonly path: string;
    readonly is: "folder" | "other" | "missing";
  }[];
  /** One that replaces folders as well, and has not come to its end. */
  readonly restoring: CutOffRestore | null;
  readonly temporaries: { readonly count: number; readonly size: number };
  /** Of a move, or of a backup to a folder, that was cut off; a move may be at work as well. */
  readonly leftFolders: readonly string[];
  /** When this Holdfast was made; ISO 8601, null where its file does not tell. */
  readonly builtAt: string | null;
}

export interface Process {
  readonly pid: number;
  readonly name: string;
}

export interface SettingsFacts {
  readonly origin: string;
  readonly appVersion: string | null;
  /** How many migrations the application knows; a refusal where they cannot be read. */
  readonly migrations: number | Refusal;
  readonly backupRetention: number;
  /** In milliseconds, as the next two. */
  readonly integrityInterval: number;
  readonly scrubInterval: number;
  readonly onCorruption: "heal" | "restore" | "refuse";
  readonly onMissing: "restore" | "create" | "refuse";
}

export interface DatabaseFacts {
  readonly path: string;
  readonly state: DatabaseState;
  readonly problem: string | null;
  readonly journalMode: "wal" | "delete" | null;
  /** Bytes of the main file, and of the log beside it. */
  readonly size: number;
  readonly logSize: number;
  readonly modifiedAt: string | null;
  /** In its stamp. */
  readonly version: string | null;
  readonly access: Access | null;
  readonly moved: Moved | null;
  readonly swap: SwapState | null;
}

export interface Access {
  readonly readable: boolean;
  readonly writable: boolean;
  /** Permission bits; null where the system has none. */
  readonly mode: number | null;
}

export interface FolderFacts {
  readonly path: string;
  /** False where it is yet to be made: then the rest is said of the folder that it would be made in. */
  readonly exists: boolean;
  readonly access: Access;
  /** Tells whether two folders are on one file system; null with what follows where the system cannot tell. */
  readonly device: string | null;
  readonly free: number | null;
  /** Null where it cannot be told. */
  readonly fileSystem: FileSystem | null;
  readonly synced: SyncedFolder | null;
}

/** Of one kind, with the room that they take. */
export function setAsideOf({ survey }: DoctorFacts, kind: SetAside["kind"]): { sets: SetAside[]; size: number } {
  const sets = survey.setAside.filter((each) => each.kind === kind);
  return { sets, size: sets.reduce((sum, each) => sum + each.size, 0) };
}
