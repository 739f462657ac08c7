/**
 * Threads of the child process that work side by side, started when there is work for them. They run the same
 * worker module as the child, and end with it.
 */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { Child, type Order, type Reply, type RunOptions, retell } from "./child.ts";

/** Sent by a thread once SQLite is loaded, or cannot be. */
export const LOADED = "loaded";

interface Task {
  readonly job: string;
  readonly input: unknown;
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

/** Each reads the file through a cache of its own; beyond this the medium is the limit, not the processors. */
const MOST_THREADS = 8;

export class Crew {
  /** How many threads at most: one for each processor, or fewer for work that must leave some to others. */
  size: number = Math.min(availableParallelism(), MOST_THREADS);
  readonly #worker: URL;
  readonly #args: readonly string[];
  /** Each with what resolves once it has loaded what it needs, or is gone. */
  readonly #threads = new Map<Worker, Promise<void>>();
  readonly #idle: Worker[] = [];
  readonly #tasks: Task[] = [];
  readonly #busy = new Map<Worker, Task>();

  /** @param args handed to each thread as its `process.argv` from 2 on */
  constructor(worker: URL, args: readonly string[]) {
    this.#worker = worker;
    this.#args = args;
  }

  /** Begun in the order of the calls, as threads become free. */
  run<Result>(job: string, input: unknown): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      this.#tasks.push({ job, input, resolve: (result) => resolve(result as Result), reject });
      this.#next();
    });
  }

  /** A job of the child in a process of its own: it can be cut off without this one. */
  async runApart<Result>(job: string, input: unknown, options: RunOptions = {}): Promise<Result> {
    const child = new Child(this.#worker, this.#args);
    try {
      return await child.run<Result>(job, input, options);
    } finally {
      await child.stop();
    }
  }

  /** Ends the threads; what they have at hand fails. */
  async dismiss(): Promise<void> {
    const threads = [...this.#threads];
    for (const [thread] of threads) this.#drop(thread, cutOff());
    // A thread that is ended while it loads a native addon takes the whole process with it.
    await Promise.all(threads.map(([thread, loaded]) => loaded.then(() => thread.terminate())));
  }

  #next(): void {
    if (this.#tasks.length === 0) return;
    const thread = this.#idle.pop() ?? (this.#threads.size < this.size ? this.#start() : undefined);
    const task = thread && this.#tasks.shift();
    if (!task) return;
    this.#busy.set(thread, task);
    thread.postMessage({ id: 0, job: task.job, input: task.input } satisfies Order);
  }

  #start(): Worker {
    const thread = new Worker(this.#worker, { argv: [...this.#args], execArgv: [] });
    const { promise: loaded, resolve: setLoaded } = Promise.withResolvers<void>();
    this.#threads.set(thread, loaded);
    thread.on("message", (reply: Reply | typeof LOADED) => {
      if (reply === LOADED) return setLoaded();
      const task = this.#busy.get(thread);
      if (!task || "progress" in reply) return;
      this.#busy.delete(thread);
      this.#idle.push(thread);
      if ("error" in reply) task.reject(retell(reply.error));
      else task.resolve(reply.result);
      this.#next();
    });
    thread.on("error", (error) => this.#drop(thread, error));
    thread.on("exit", () => {
      setLoaded();
      this.#drop(thread, cutOff());
    });
    return thread;
  }

  #drop(thread: Worker, error: unknown): void {
    this.#threads.delete(thread);
    this.#idle.splice(0, this.#idle.length, ...this.#idle.filter((each) => each !== thread));
    this.#busy.get(thread)?.reject(error);
    this.#busy.delete(thread);
    // Without a thread left, what waits would wait for ever; a new one is started for it.
    this.#next();
  }
}

function cutOff(): Error {
  return new Error("a thread of Holdfast's child process ended before its work was done");
}
