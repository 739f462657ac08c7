/** What Linux tells in /proc: the file system that a path is on, and who holds a lock. */

export interface FileSystem {
  /** Where it is mounted. */
  readonly point: string;
  /** As in `nfs4`. */
  readonly type: string;
  /**
   * `mounted`: as somebody asked; `always`: none of its kind can be written; `failed`: the kernel has turned it read-only
   * by itself; null: it can be written.
   */
  readonly readOnly: "mounted" | "always" | "failed" | null;
}

/**
 * The file system that `path` is on.
 *
 * @param mountinfo https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html
 */
export function fileSystemOf(path: string, mountinfo: string): FileSystem | null {
  let best: FileSystem | null = null;
  for (const line of mountinfo.split("\n")) {
    const [before, after] = line.split(" - ");
    const [, , , , written, options = ""] = before?.split(" ") ?? [];
    const [type, , ofAll = ""] = after?.split(" ") ?? [];
    if (written === undefined || type === undefined) continue;
    // Blanks and the like are written as octal numbers.
    const point = written.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    const above = point === "/" || path === point || path.startsWith(`${point}/`);
    // Of two on one point, the later one hides the earlier.
    if (above && point.length >= (best?.point.length ?? 0))
      best = { point, type, readOnly: howReadOnly(type, options.split(","), ofAll.split(",")) };
  }
  return best;
}

const ALWAYS_READ_ONLY: readonly string[] = ["iso9660", "squashfs", "erofs", "cramfs", "romfs"];

/** The kernel turns a file system read-only as a whole, and leaves the mounts of it as they are. */
function howReadOnly(type: string, ofMount: readonly string[], ofAll: readonly string[]): FileSystem["readOnly"] {
  if (ALWAYS_READ_ONLY.includes(type)) return "always";
  if (ofMount.includes("ro")) return "mounted";
  return ofAll.includes("ro") || ofAll.includes("emergency_ro") ? "failed" : null;
}

/** Where several machines may write one file, or its locks and its shared memory are not what SQLite relies on. */
const NETWORK =
  /^(nfs\d?|cifs|smb\d?|smbfs|9p|afs|ceph|lustre|beegfs|gfs2|ocfs2|glusterfs|davfs|virtiofs|vboxsf|prl_fs|vmhgfs|ncpfs|fuse\.(sshfs|glusterfs|ceph|davfs2?|rclone|s3fs|gcsfuse|goofys|vmhgfs-fuse|smbnetfs|curlftpfs|google-drive-ocamlfuse|onedriver))$/;

export function isNetwork(fileSystem: string): boolean {
  return NETWORK.test(fileSystem);
}

/** Its content is gone when the machine is started anew. */
export function isMemory(fileSystem: string): boolean {
  return fileSystem === "tmpfs" || fileSystem === "ramfs";
}

/**
 * The processes that hold a lock on a file.
 *
 * @param locks https://man7.org/linux/man-pages/man5/proc_locks.5.html
 * @param device as `stat` tells it; a file system that tells another there than here finds nobody
 */
export function lockHolders(locks: string, { device, inode }: { device: bigint; inode: bigint }): number[] {
  const hex = (number: bigint) => number.toString(16).padStart(2, "0");
  // As glibc takes a device number apart: gnu_dev_major and gnu_dev_minor.
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n);
  const minor = (device & 0xffn) | ((device >> 12n) & 0xffffff00n);
  const file = `${hex(major)}:${hex(minor)}:${inode}`;
  const pids = locks
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    // A line with an arrow is of one who waits.
    .filter((fields) => fields[1] === "POSIX" && fields[5] === file)
    .map((fields) => Number(fields[4]));
  return [...new Set(pids)].filter((pid) => pid > 0);
}
