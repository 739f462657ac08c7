/** Whether a folder is one that a program copies to other machines, told by its path and by what such programs leave. */
import { dirname, join } from "node:path";

export interface SyncedFolder {
  readonly service: string;
  /** The folder or file that tells it. */
  readonly evidence: string;
}

/** By a folder's name anywhere on the path. */
const NAMES: readonly (readonly [pattern: RegExp, service: string])[] = [
  [/^Dropbox( \(.+\))?$/i, "Dropbox"],
  [/^OneDrive( - .+)?$/i, "OneDrive"],
  [/^(Google ?Drive|GoogleDrive-.+)$/i, "Google Drive"],
  [/^(iCloud ?Drive|com~apple~CloudDocs|Mobile Documents)$/i, "iCloud Drive"],
  [/^Nextcloud( .+|-.+)?$/i, "Nextcloud"],
  [/^ownCloud( .+|-.+)?$/i, "ownCloud"],
  [/^(MEGA|MEGAsync)$/, "MEGA"],
  [/^(pCloudDrive|pCloud Drive|pCloud Sync)$/i, "pCloud"],
  // Where macOS keeps the folders of all of them: the next part names the service.
  [/^CloudStorage$/, "a cloud service"],
];

/** By a file or folder in it, or in one above it. */
const MARKERS: readonly (readonly [pattern: RegExp, service: string])[] = [
  [/^\.dropbox\.cache$/, "Dropbox"],
  [/^\.stfolder$/, "Syncthing"],
  [/^\.tmp\.drive(down|up)load$/, "Google Drive"],
  [/^\.849C9593-D756-4E56-8D6E-42412F2A707B$/, "OneDrive"],
  [/^(\._?sync_[0-9a-f]+\.db|\.(nextcloud|owncloud)sync\.log)$/, "Nextcloud or ownCloud"],
];

/**
 * @param folder a whole path
 * @param namesIn what is in a folder; empty where it cannot be listed
 */
export function syncedFolder(folder: string, namesIn: (folder: string) => readonly string[]): SyncedFolder | null {
  const parts = folder.split(/[\\/]/);
  for (const [place, part] of parts.entries()) {
    const found = NAMES.find(([pattern]) => pattern.test(part));
    if (found)
      return { service: found[1], evidence: parts.slice(0, place + 1).join(folder.includes("\\") ? "\\" : "/") };
  }
  for (let at = folder; ; at = dirname(at)) {
    const names = namesIn(at);
    for (const [pattern, service] of MARKERS) {
      const marker = names.find((name) => pattern.test(name));
      if (marker !== undefined) return { service, evidence: join(at, marker) };
    }
    if (dirname(at) === at) return null;
  }
}
