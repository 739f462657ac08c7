/** Whether the bytes of a file are those that were recorded of it, beside it or in it; in the child process. */
import { sha256Of } from "../database/read-raw.ts";
import { readChecksums } from "./checksum-file.ts";
import { holdsOwnDigest } from "./own-digest.ts";

export interface ProveBytesOrder {
  readonly path: string;
  /** What it says of itself; null where it says nothing. */
  readonly ownDigest: string | null;
}

/** `none`: nothing was recorded. */
export function proveBytes({ path, ownDigest }: ProveBytesOrder): "matches" | "differs" | "none" {
  const beside = readChecksums(path);
  if (beside.length > 0 && !beside.includes(sha256Of(path))) return "differs";
  if (ownDigest !== null && !holdsOwnDigest(path, ownDigest)) return "differs";
  return beside.length === 0 && ownDigest === null ? "none" : "matches";
}
