/**
 * A child process that does what must not run in the application's own: reading a live database's file,
 * checks that take long, copies. It can be killed at any moment, and it dies with its parent.
 */
import type { ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { HoldfastError, hasCode, messageOf, type Refusal } from "../errors.ts";
import type { WorkLimit } from "./work-limit.ts";

export interface Progress {
  readonly done: number;
  readonly total: number;
  /** What was done last, where the parts have names. */
  readonly what?: string;
}

/** Sent to the child. */
export interface Order {
  readonly id: number;
  readonly job: string;
  readonly input: unknown;
  /** Default: by the size of the files that the input names. */
  readonly limit?: WorkLimit;
}

/** An error as it crosses between processes. */
export interface Told {
  readonly refusal?: Refusal;
  readonly message: string;
  readonly code?: string;
  readonly stack?: string | undefined;
}

/** Sent by the child. */
export type Reply =
  | { readonly id: number; readonly progress: Progress }
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: Told };

interface Waiting {
  readonly job: string;
  readonly onProgress: ((progress: Progress) => void) | undefined;
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

export interface RunOptions {
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** What the job may take; see {@link Order}. */
  readonly limit?: WorkLimit;
}

/**
 * A child lives beside the application: what jobs make is short-lived, and V8 would let the room for it grow to a large part
 * of what a child holds. https://nodejs.org/api/cli.html#--max-semi-space-sizesize-in-mib
 */
export const CHILD_FLAGS: readonly string[] = ["--optimize-for-size", "--max-semi-space-size=2"];

export class Child {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #ended: string | undefined;
  readonly #gone: Promise<void>;

  /** @param args handed to the child on its command line */
  constructor(worker: URL, args: readonly string[] = []) {
    // Loaded here, for a launch that needs no child should not wait for it.
    const { fork } = process.getBuiltinModule("node:child_process");
    // Its standard input is a lifeline: nothing is ever written, and its end tells the child that we are gone.
    this.#process = fork(fileURLToPath(worker), args, {
      stdio: ["pipe", "ignore", "inherit", "ipc"],
      serialization: "advanced",
      execArgv: [...CHILD_FLAGS],
      env: { ...process.env, ELECTRON_RUN_AS_NODE: "1" },
    });
    this.#process.stdin?.on("error", () => {});
    this.#process.on("message", (reply: Reply) => this.#hear(reply));
    this.#process.on("error", (error) => this.#end(messageOf(error)));
    this.#process.on("exit", (status, signal) => this.#end(signal ?? `exit status ${status}`));
    this.#gone = new Promise((resolve) => this.#process.once("close", resolve));
  }

  get alive(): boolean {
    return this.#ended === undefined;
  }

  /**
   * @throws what the job threw; CHECK_IMPOSSIBLE when it took more than it may; IO_FAILED when the child died over it, or
   *   DISK_FULL where that may be why; the signal's reason when aborted
   */
  async run<Result>(job: string, input: unknown, options: RunOptions = {}): Promise<Result> {
    const { onProgress, signal, limit } = options;
    signal?.throwIfAborted();
    const stop = () => void this.stop();
    signal?.addEventListener("abort", stop, { once: true });
    try {
      return await new Promise<Result>((resolve, reject) => {
        if (this.#ended !== undefined) throw lost(job, this.#ended);
        const id = ++this.#lastId;
        this.#waiting.set(id, { job, onProgress, resolve: (result) => resolve(result as Result), reject });
        const order: Order = { id, job, input, ...(limit ? { limit } : {}) };
        this.#process.send(order, (error) => {
          if (error) this.#end(messageOf(error));
        });
      });
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  }

  /** Kills it; resolves when it is gone, and its open files with it. */
  async stop(): Promise<void> {
    this.#end("stopped");
    if (this.#process.exitCode !== null || this.#process.signalCode !== null || this.#process.pid === undefined) return;
    this.hold(true);
    this.#process.kill("SIGKILL");
    await this.#gone;
  }

  /** Whether a running job keeps this process alive. */
  hold(alive: boolean): void {
    const method = alive ? "ref" : "unref";
    this.#process[method]();
    this.#process.channel?.[method]();
    (this.#process.stdin as { ref?(): void; unref?(): void } | null)?.[method]?.();
  }

  #hear(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id);
    if (!waiting) return;
    if ("progress" in reply) {
      waiting.onProgress?.(reply.progress);
      return;
    }
    this.#waiting.delete(reply.id);
    if ("error" in reply) waiting.reject(retell(reply.error));
    else waiting.resolve(reply.result);
  }

  #end(why: string): void {
    if (this.#ended !== undefined) return;
    this.#ended = why;
    for (const waiting of this.#waiting.values()) waiting.reject(lost(waiting.job, why));
    this.#waiting.clear();
  }
}

/** A medium that fails under memory-mapping, or a want of memory, kills the child; that is no corruption. */
function lost(job: string, why: string): HoldfastError {
  const limit = ENDED_FOR[why];
  if (limit !== undefined) return cutOff(job, limit);
  // What SQLite shares between processes is mapped into memory, and where no block is left for it, touching it is fatal.
  if (why === "SIGBUS")
    return new HoldfastError({
      code: "DISK_FULL",
      message: `The disk was full, or failed, during "${job}" (SIGBUS).`,
      hint: "Free some space and start again; if it happens again, check the medium.",
      details: { job, why },
    });
  return new HoldfastError({
    code: "IO_FAILED",
    message: `Holdfast's child process ended (${why}) before it had finished "${job}".`,
    hint: "Start again; if it happens again, check the medium and the free memory.",
    details: { job, why },
  });
}

/** The signals by which the child ends itself when a job took more than it may: see work-limit.ts. */
const ENDED_FOR: Readonly<Record<string, "time" | "memory">> = { SIGVTALRM: "time", SIGUSR2: "memory" };

function cutOff(job: string, limit: string): HoldfastError {
  return new HoldfastError({
    code: "CHECK_IMPOSSIBLE",
    message: `It was cut off ("${job}"), since it took far more ${limit === "time" ? "processor time" : "memory"} than files of this size need: SQL inside of them may have been made to run without an end. That is no sign of damage; nothing was touched.`,
    hint: "If the file came from somebody else, do not use it. If it is your own, look at its constraints, computed columns and indexes over expressions.",
    details: { job, limit },
  });
}

/** Whether a job was ended for what it took; see work-limit.ts. */
export function wasCutOff(error: unknown): error is HoldfastError {
  return error instanceof HoldfastError && error.details.limit !== undefined;
}

/** Why a backup is none to rely on whose check was cut off. */
export function whyCutOff(error: HoldfastError): string {
  return `its check was cut off, for it took far too much ${error.details.limit}`;
}

export function tell(error: unknown): Told {
  return {
    ...(error instanceof HoldfastError ? { refusal: error.toJSON() } : {}),
    ...(hasCode(error) ? { code: error.code } : {}),
    message: messageOf(error),
    stack: error instanceof Error ? error.stack : undefined,
  };
}

export function retell(told: Told): Error {
  if (told.refusal) return new HoldfastError(told.refusal);
  const error = new Error(told.message);
  if (told.stack !== undefined) error.stack = told.stack;
  return told.code === undefined ? error : Object.assign(error, { code: told.code });
}
