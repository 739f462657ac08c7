/**
 * The calls that change the disk, and where each of them stands in a recorded run: a point at which a fault can be
 * put. strace counts the calls of a thread by their names, so that a point is a role, a name and a number.
 */

/** `main` is the application's own process, `child` is Holdfast's. All that they write is written by their first threads. */
export const ROLES = ["main", "child"] as const;
export type Role = (typeof ROLES)[number];
/** `EPERM`: a file system without links says so. */
export type Fault = "KILL" | "EIO" | "ENOSPC" | "EPERM";

export interface Point {
  readonly role: Role;
  readonly call: string;
  /** How many calls of this name the thread has made by then, this one included. */
  readonly nth: number;
  /** Relative to the flow's folder, with what is drawn by lot replaced by `*`. */
  readonly path: string;
  readonly fault: Fault;
  /** From that call on all of its name fail, as on a disk that stays full. */
  readonly lasting?: true;
}

export const CALLS = [
  ...["rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat", "open", "openat"],
  ...["write", "pwrite64", "writev", "pwritev", "pwritev2", "ftruncate", "truncate", "fallocate"],
  ...["fsync", "fdatasync", "mkdir", "mkdirat", "rmdir", "copy_file_range", "sendfile", "symlink"],
  ...["chmod", "fchmod", "fchmodat", "chown", "fchown", "utimensat"],
] as const;

/** What takes room, and can find none. */
const NEEDS_ROOM = /^(rename|link|open|p?write|ftruncate|fallocate|fsync|fdatasync|mkdir|copy_file_range|sendfile)/;

export interface RecordedCall {
  readonly call: string;
  readonly nth: number;
  /** Null where it is not about a file of the flow, or changes nothing. */
  readonly path: string | null;
  readonly injected: boolean;
}

/** @param log what `strace -y` wrote of one thread */
export function readCalls(log: string, folder: string): readonly RecordedCall[] {
  const seen = new Map<string, number>();
  return log.split("\n").flatMap((line) => {
    const [, call, args = "", result = ""] = /^(\w+)\((.*)\)\s+= (.*)$/.exec(line) ?? [];
    if (call === undefined) return [];
    const nth = (seen.get(call) ?? 0) + 1;
    seen.set(call, nth);
    return [{ call, nth, path: pathOf(call, args, folder), injected: result === "?" || result.includes("(INJECTED)") }];
  });
}

function pathOf(call: string, args: string, folder: string): string | null {
  if (/^open/.test(call) && !args.includes("O_CREAT")) return null;
  const ofDescriptors = /^(p?write|f(truncate|allocate|sync|datasync|chmod|chown)$|copy_file_range|sendfile)/.test(
    call,
  );
  const found = ofDescriptors ? [...args.matchAll(/\d+<([^>]*)>/g)] : [...args.matchAll(/"((?:[^"\\]|\\.)*)"/g)];
  const named = ofDescriptors && call !== "copy_file_range" ? found.slice(0, 1) : found.slice(-1);
  const path = named[0]?.[1]?.replace(/\(deleted\)$/, "");
  if (path === undefined || !(path === folder || path.startsWith(`${folder}/`))) return null;
  return path
    .slice(folder.length + 1)
    .replaceAll(/-[0-9a-f]{8}-([a-z]+)-[0-9a-f]{12}\.tmp/g, "-*-$1-*.tmp")
    .replaceAll(/-backup-\d+-[0-9a-f]{12}\.tmp/g, "-backup-*.tmp")
    .replaceAll(/\d{8}T\d{6}Z/g, "*");
}

/** Every fault that can be put into a recorded run. */
export function pointsIn(role: Role, calls: readonly RecordedCall[]): readonly Point[] {
  return calls.flatMap(({ call, nth, path }) => {
    if (path === null) return [];
    const faults: Fault[] = ["KILL", "EIO"];
    if (NEEDS_ROOM.test(call)) faults.push("ENOSPC");
    if (call.startsWith("link")) faults.push("EPERM");
    return faults.map((fault) => ({ role, call, nth, path, fault }));
  });
}

export function describePoint({ role, call, nth, path, fault, lasting }: Point): string {
  return `${role}:${call}:${nth}:${fault}${lasting ? "+" : ""} (${path})`;
}
