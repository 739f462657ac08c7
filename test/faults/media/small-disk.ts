/** A file system of some megabytes that can be filled, emptied, and, where it is ext4, made read-only in mid-flow. */
import { execFileSync, spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export type DiskKind = "tmpfs" | "ext4";

const MIB = 1 << 20;
/** The smallest journal of ext4 takes 4 of them. */
const SIZE: Readonly<Record<DiskKind, number>> = { tmpfs: 8, ext4: 16 };
const CHUNK = Buffer.alloc(64 << 10, 0x66);
const PAGE = 4096;

export class SmallDisk {
  readonly kind: DiskKind;
  /** Where it is mounted. */
  readonly folder: string;
  /** What is tested stands here, and the file that takes the room beside it. */
  readonly data: string;
  /** Room elsewhere for the judge's copies. */
  readonly scratch: string;
  readonly #image: string;
  readonly #filler: string;

  /** @param folder an existing one, for the image and the mount point */
  constructor(kind: DiskKind, folder: string) {
    this.kind = kind;
    const root = mkdtempSync(join(folder, `${kind}-`));
    this.folder = join(root, "disk");
    this.data = join(this.folder, "data");
    this.scratch = join(root, "scratch");
    this.#image = join(root, "image");
    this.#filler = join(this.folder, "filler");
    mkdirSync(this.folder);
    if (kind === "ext4") {
      writeFileSync(this.#image, "");
      truncateSync(this.#image, SIZE.ext4 * MIB);
      run("mkfs.ext4", "-q", "-F", "-m", "0", "-b", "1024", this.#image);
    }
    this.#mount();
  }

  #mount(): void {
    if (this.kind === "tmpfs") run("mount", "-t", "tmpfs", "-o", `size=${SIZE.tmpfs}m`, "holdfast-test", this.folder);
    else run("mount", "-o", "loop,errors=remount-ro", this.#image, this.folder);
  }

  get free(): number {
    const { bavail, bsize } = statfsSync(this.folder);
    return bavail * bsize;
  }

  /** Takes all room but so many bytes, by whole pages; a second call takes what has become free since. */
  fill(leave: number): void {
    const fd = openSync(this.#filler, "a");
    try {
      let size = 0;
      for (const chunk of [CHUNK, CHUNK.subarray(0, PAGE)]) while (writes(fd, chunk)) size += chunk.length;
      if (leave > 0) ftruncateSync(fd, Math.max(0, size - Math.ceil(leave / PAGE) * PAGE));
    } finally {
      closeSync(fd);
    }
  }

  /** Gives the room back. */
  empty(): void {
    rmSync(this.#filler, { force: true });
  }

  /** For the next trial. */
  clear(): void {
    this.empty();
    rmSync(this.data, { recursive: true, force: true });
  }

  /** Everything that was written is on the disk. */
  flush(): void {
    run("sync", "-f", this.folder);
  }

  /** As the kernel does it when the medium fails: what was not flushed is lost, and nothing can be written any more. */
  turnReadOnly(): void {
    writeFileSync(`/sys/fs/ext4/${this.#device()}/trigger_fs_error`, "1");
  }

  #device(): string {
    const found = readdirSync("/sys/block").find((name) => {
      const backing = `/sys/block/${name}/loop/backing_file`;
      return existsSync(backing) && execFileSync("cat", [backing], { encoding: "utf8" }).trim() === this.#image;
    });
    if (found === undefined) throw new Error(`no loop device has ${this.#image}`);
    return found;
  }

  /** A repair and a fresh mount, as after a restart of the machine. */
  mend(): void {
    run("umount", this.folder);
    // 1: errors were corrected.
    const { status } = spawnSync("e2fsck", ["-fy", this.#image]);
    if (status !== 0 && status !== 1) throw new Error(`e2fsck ended with ${status}`);
    this.#mount();
  }

  remove(): void {
    if (spawnSync("umount", [this.folder]).status !== 0) spawnSync("umount", ["-l", this.folder]);
    rmSync(join(this.folder, ".."), { recursive: true, force: true });
  }
}

function writes(fd: number, chunk: Buffer): boolean {
  try {
    return writeSync(fd, chunk) === chunk.length;
  } catch (error) {
    if ((error as { code?: unknown }).code !== "ENOSPC") throw error;
    return false;
  }
}

function run(program: string, ...args: string[]): void {
  execFileSync(program, args, { stdio: ["ignore", "ignore", "pipe"] });
}

/** Why a disk of that kind cannot be mounted here; null when it can. */
export function whyNot(kind: DiskKind): string | null {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "only root on Linux may mount";
  let disk: SmallDisk | undefined;
  const folder = mkdtempSync(join(tmpdir(), "holdfast-mount-"));
  try {
    disk = new SmallDisk(kind, folder);
    if (kind === "ext4") disk.turnReadOnly();
    return null;
  } catch (error) {
    return String(error instanceof Error ? error.message : error);
  } finally {
    disk?.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}
