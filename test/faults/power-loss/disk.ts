/**
 * A disk whose power can be cut: a file system in a file. What the kernel has not written to that file yet, because
 * nobody flushed it, is only in memory; a copy of the file is what a power loss would leave.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, renameSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const SIZE = 16 * 1024 * 1024;

/** How the file system may order what nobody flushed. */
export const KINDS = {
  /** The data of a file is written before the entry that makes it count. */
  ordered: { make: [], mount: "noatime,data=ordered" },
  /** A name may be there before the bytes are, and a rename over a file is no reason to write them. */
  writeback: { make: [], mount: "noatime,data=writeback,noauto_da_alloc" },
} as const;

export type Kind = keyof typeof KINDS;

export class Disk {
  /** Where it is mounted. */
  readonly folder: string;
  readonly #image: string;
  readonly #kind: Kind;

  /** @param image the file of the file system */
  constructor(image: string, folder: string, kind: Kind) {
    this.#image = image;
    this.folder = folder;
    this.#kind = kind;
    mkdirSync(folder, { recursive: true });
  }

  make(): void {
    writeFileSync(this.#image, "");
    truncateSync(this.#image, SIZE);
    const quick = ["-q", "-E", "lazy_itable_init=0,lazy_journal_init=0"];
    run("mkfs.ext4", ...quick, ...KINDS[this.#kind].make, this.#image);
  }

  mount(): void {
    run("mount", "-o", `loop,${KINDS[this.#kind].mount}`, this.#image, this.folder);
  }

  unmount(): void {
    run("umount", this.folder);
  }

  /** Cuts the power, and starts the machine anew. */
  cut(): void {
    const left = `${this.#image}-left`;
    copyFileSync(this.#image, left);
    this.unmount();
    renameSync(left, this.#image);
    this.mount();
  }
}

/** Which run of the machine it is, as the kernel tells everybody who looks from here on. */
export class Machine {
  readonly #file: string;
  #starts = 0;

  /** @param folder for the file that the kernel's own is hidden behind */
  constructor(folder: string) {
    this.#file = join(folder, "boot-id");
    this.start();
    run("mount", "--bind", this.#file, "/proc/sys/kernel/random/boot_id");
  }

  start(): void {
    this.#starts++;
    writeFileSync(this.#file, `00000000-0000-4000-8000-${String(this.#starts).padStart(12, "0")}\n`);
  }
}

/** Whether this machine lets us mount file systems of our own. */
export function canMount(): boolean {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return false;
  const attempt =
    'd=$(mktemp -d) && truncate -s 4M "$d/i" && mkfs.ext4 -q "$d/i" && mkdir "$d/m" && mount -o loop "$d/i" "$d/m" && umount "$d/m" && rm -r "$d"';
  return spawnSync("unshare", ["-m", "sh", "-c", attempt]).status === 0;
}

function run(command: string, ...args: string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${error?.message ?? stderr}`);
}
