/**
 * Reads pages of a file with those beside them: most trees were written in the order in which they are read, and asking the
 * system for a page costs more than copying its neighbours.
 */
import { hasCode } from "../../errors.ts";
import { fs } from "../../platform/builtins.ts";

const { readSync } = fs;

const WINDOW = 1 << 15;
/** Tables, indexes and long values take turns. */
const WINDOWS = 8;

export class ReadAhead {
  readonly #fd: number;
  readonly #pageSize: number;
  readonly #perWindow: number;
  /** Which part of the file each window has; by its number, each part has its window. */
  readonly #parts = new Int32Array(WINDOWS).fill(-1);
  readonly #windows: Buffer[] = [];
  /** Parts with a sector that the medium cannot give: it should be asked for no page more often than needed. */
  readonly #broken = new Set<number>();

  constructor(fd: number, pageSize: number) {
    this.#fd = fd;
    this.#pageSize = pageSize;
    this.#perWindow = Math.max(1, WINDOW / pageSize);
  }

  /** False where the medium cannot give the page. */
  read(page: number, into: Buffer): boolean {
    const part = Math.floor((page - 1) / this.#perWindow);
    const window = this.#windowOf(part);
    if (!window) return readAt(this.#fd, into, (page - 1) * this.#pageSize);
    const at = (page - 1 - part * this.#perWindow) * this.#pageSize;
    window.copy(into, 0, at, at + this.#pageSize);
    return true;
  }

  #windowOf(part: number): Buffer | null {
    const place = part % WINDOWS;
    const size = this.#perWindow * this.#pageSize;
    this.#windows[place] ??= Buffer.allocUnsafeSlow(size);
    const window = this.#windows[place];
    if (this.#parts[place] === part) return window;
    if (this.#broken.has(part)) return null;
    this.#parts[place] = -1;
    if (!readAt(this.#fd, window, part * size)) {
      this.#broken.add(part);
      return null;
    }
    this.#parts[place] = part;
    return window;
  }
}

/** A sector that the medium cannot give is a page that is lost; other errors are the caller's. */
export function readAt(fd: number, into: Buffer, position: number): boolean {
  try {
    const got = readSync(fd, into, 0, into.length, position);
    if (got < into.length) into.fill(0, got);
    return true;
  } catch (error) {
    if (hasCode(error) && error.code === "EIO") return false;
    throw error;
  }
}
