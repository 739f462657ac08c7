/**
 * What a job of the child process may take. SQL inside a database that somebody made (a constraint, an index over an
 * expression, a computed column) runs while its pages are checked, and SQLite as it is built here can be neither
 * interrupted nor given less memory: better-sqlite3 omits the progress callback and the accounting of memory. So a
 * thread beside the work looks at the whole process, and ends it.
 *
 * Time is the processor's, which a slow medium, a machine that sleeps and a busy one do not spend, and the more the
 * larger the files are: about a hundred times what a check of them takes.
 */
import { totalmem } from "node:os";
import { Worker } from "node:worker_threads";

export interface WorkLimit {
  /** Processor time in milliseconds. */
  readonly time: number;
  /** Memory in bytes. */
  readonly memory: number;
}

const BASE_MS = 60_000;
const MS_PER_MEBIBYTE = 1000;
const GIBIBYTE = 1 << 30;

/** @param bytes of the files that the job has to do with */
export function limitFor(bytes: number): WorkLimit {
  return {
    time: BASE_MS + (bytes / (1 << 20)) * MS_PER_MEBIBYTE,
    // A file on a read-only medium may be read into memory.
    memory: Math.max(GIBIBYTE, Math.min(3 * GIBIBYTE, totalmem() / 2)) + Math.min(bytes, 2 * GIBIBYTE),
  };
}

/** Both the limits and the end of the parent are looked for by a thread, for the process itself may be busy. */
export class Watch {
  /** The processor time at which the process is ended, and the memory. */
  readonly #limits: Float64Array = new Float64Array(new SharedArrayBuffer(16)).fill(Number.POSITIVE_INFINITY);

  start(): void {
    new Worker(WATCH, { eval: true, stdin: false, workerData: this.#limits }).unref();
  }

  limit({ time, memory }: WorkLimit): void {
    const { user, system } = process.cpuUsage();
    this.#limits.set([(user + system) / 1000 + time, memory]);
  }

  release(): void {
    this.#limits.fill(Number.POSITIVE_INFINITY);
  }
}

/**
 * Standard input is held open by the parent, which never writes to it. The signal tells the parent why, see child.ts;
 * Windows has none that would. Pages of a mapped file are no memory of the process: where they cannot be told from its
 * own, which only Linux does, memory is not limited.
 */
const WATCH = `
const fs = require("node:fs");
const { workerData: limits } = require("node:worker_threads");
const windows = process.platform === "win32";
fs.read(0, Buffer.alloc(1), 0, 1, null, () => process.kill(process.pid, "SIGKILL"));
const text = Buffer.alloc(8192);
let status;
try {
  status = fs.openSync("/proc/self/status");
} catch {}
function memory() {
  if (status === undefined) return 0;
  const length = fs.readSync(status, text, 0, text.length, 0);
  return 1024 * Number(/^RssAnon:\\s+(\\d+)/m.exec(text.latin1Slice(0, length))?.[1] ?? 0);
}
setInterval(() => {
  const { user, system } = process.cpuUsage();
  if ((user + system) / 1000 > limits[0]) process.kill(process.pid, windows ? "SIGKILL" : "SIGVTALRM");
  if (memory() > limits[1]) process.kill(process.pid, windows ? "SIGKILL" : "SIGUSR2");
}, 100);
`;
