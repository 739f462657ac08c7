/**
 * Holdfast starts a child process for each launch and kills it in the end, which takes as long as all else together.
 * A run of thousands of launches keeps one alive instead, as long as it has nothing left to do when it is killed.
 */
import type { ChildProcess, fork } from "node:child_process";
import { EventEmitter } from "node:events";

type Fork = typeof fork;

const nodeChildProcess = process.getBuiltinModule("node:child_process") as { fork: Fork };
const realFork: Fork = nodeChildProcess.fork;
const idle: ChildProcess[] = [];

/** @returns what undoes it */
export function keepChildren(): () => void {
  nodeChildProcess.fork = ((...args: Parameters<Fork>) => new Lent(idle.pop() ?? realFork(...args))) as unknown as Fork;
  return () => {
    nodeChildProcess.fork = realFork;
    for (const child of idle.splice(0)) child.kill("SIGKILL");
  };
}

/** Stands for a child process as long as one launch has it. */
class Lent extends EventEmitter {
  exitCode: number | null = null;
  signalCode: NodeJS.Signals | null = null;
  readonly #child: ChildProcess;
  readonly #open = new Set<number>();

  constructor(child: ChildProcess) {
    super();
    this.#child = child;
    child.on("message", this.#hear);
    child.on("exit", this.#end);
    this.ref();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get stdin(): ChildProcess["stdin"] {
    return this.#child.stdin;
  }

  get channel(): ChildProcess["channel"] {
    return this.#child.channel;
  }

  send(order: { id: number }, done: (error: Error | null) => void): boolean {
    this.#open.add(order.id);
    return this.#child.send(order, done);
  }

  ref(): void {
    this.#child.ref();
  }

  unref(): void {
    this.#child.unref();
  }

  kill(signal: NodeJS.Signals): boolean {
    if (this.#open.size > 0) return this.#child.kill(signal);
    this.#child.off("message", this.#hear);
    this.#child.off("exit", this.#end);
    this.#child.unref();
    this.#child.channel?.unref?.();
    idle.push(this.#child);
    process.nextTick(() => this.#end(null, signal));
    return true;
  }

  readonly #hear = (reply: { id: number }): void => {
    if ("result" in reply || "error" in reply) this.#open.delete(reply.id);
    this.emit("message", reply);
  };

  readonly #end = (status: number | null, signal: NodeJS.Signals | null): void => {
    this.exitCode = status;
    this.signalCode = signal;
    this.emit("exit", status, signal);
    this.emit("close", status, signal);
  };
}
