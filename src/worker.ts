/**
 * The child process: what must not run in a process that has the database open, or takes long. It is started by
 * platform/child.ts, dies with its parent, and does one job at a time.
 */
import { Worker } from "node:worker_threads";
import { type StageOrder, stageBackup } from "./backups/stage.ts";
import { surveyBackups } from "./backups/survey.ts";
import { type BackupOrder, takeBackup } from "./backups/take.ts";
import { type VerifyOrder, verifyForRestore } from "./backups/verify.ts";
import { type ExamineOrder, examine } from "./database/examine.ts";
import { type Engine, loadEngine } from "./database/open.ts";
import { copySnapshot } from "./database/snapshot.ts";
import { HoldfastError } from "./errors.ts";
import type { Places } from "./places.ts";
import { copyDurably } from "./platform/atomic-file.ts";
import { type Order, type Progress, type Reply, tell } from "./platform/child.ts";
import { FileLock, poll } from "./platform/lock.ts";

/** What the child can do: each job's input and result. */
export interface Jobs {
  survey: { input: { places: Places }; result: ReturnType<typeof surveyBackups> };
  examine: { input: ExamineOrder; result: Awaited<ReturnType<typeof examine>> };
  verify: { input: VerifyOrder; result: ReturnType<typeof verifyForRestore> };
  stage: { input: StageOrder; result: ReturnType<typeof stageBackup> };
  "stage-live": { input: { from: string; to: string }; result: Awaited<ReturnType<typeof copySnapshot>> };
  copy: { input: { from: string; to: string }; result: ReturnType<typeof copyDurably> };
  backup: { input: BackupOrder; result: Awaited<ReturnType<typeof takeBackup>> };
}

type Job = keyof Jobs;
type Handlers = {
  [Name in Job]: (
    engine: Engine,
    input: Jobs[Name]["input"],
    onProgress: (progress: Progress) => void,
  ) => Jobs[Name]["result"] | Promise<Jobs[Name]["result"]>;
};

const handlers: Handlers = {
  survey: (engine, { places }) => surveyBackups(engine, places),
  examine: (engine, order) => examine(engine, order),
  verify: (engine, order) => verifyForRestore(engine, order),
  stage: (_, order) => stageBackup(order),
  "stage-live": (engine, { from, to }) => copySnapshot(engine, from, to, { exclusive: true }),
  copy: (_, { from, to }) => copyDurably(from, to),
  backup: (engine, order, onProgress) =>
    order.exclusive ? takeBackup(engine, order, onProgress) : besideTheApp(engine, order, onProgress),
};

/** Behind a running application: should that be killed, the next launch waits until this process is gone too. */
async function besideTheApp(
  engine: Engine,
  order: BackupOrder,
  onProgress: (progress: Progress) => void,
): Promise<Awaited<ReturnType<typeof takeBackup>>> {
  const { workerLock, database } = order.places;
  const lock = new FileLock(engine.openPlain, workerLock, database);
  try {
    if (!(await poll(() => lock.tryShared(), LOCK_PATIENCE_MS)) || !process.connected) throw locked(workerLock);
    return await takeBackup(engine, order, onProgress);
  } finally {
    lock.release();
  }
}

const LOCK_PATIENCE_MS = 5000;

function locked(lock: string): HoldfastError {
  return new HoldfastError({
    code: "DB_LOCKED",
    message: `A launch has held ${lock} for ${LOCK_PATIENCE_MS / 1000} s, so no backup was taken.`,
    hint: "The next launch takes it.",
    details: { lock },
  });
}

const send = (reply: Reply): void => {
  process.send?.(reply);
};

async function perform(engine: Engine, order: Order): Promise<void> {
  const { id, job, input } = order;
  try {
    const handle = handlers[job as Job] as (
      engine: Engine,
      input: unknown,
      onProgress: (progress: Progress) => void,
    ) => unknown;
    send({ id, result: await handle(engine, input, (progress) => send({ id, progress })) });
  } catch (error) {
    send({ id, error: tell(error) });
  }
}

/**
 * A check or a copy keeps this thread busy for seconds, in which it would not notice that the parent is gone.
 * A second thread waits for the end of standard input, which the parent holds open and never writes to.
 */
function dieWithParent(): void {
  const watch = `require("node:fs").read(0, Buffer.alloc(1), 0, 1, null, () => process.kill(process.pid, "SIGKILL"));`;
  new Worker(watch, { eval: true, stdin: false }).unref();
}

if (process.send) {
  dieWithParent();
  // Ctrl-C in a terminal reaches the whole group; it is the parent who decides what becomes of the work.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
  const [opener] = process.argv.slice(2);
  const engine = loadEngine(opener);
  let queue: Promise<unknown> = engine.catch(() => {});
  process.on("message", (order: Order) => {
    queue = queue.then(async () => {
      try {
        await perform(await engine, order);
      } catch (error) {
        send({ id: order.id, error: tell(error) });
      }
    });
  });
  process.on("disconnect", () => process.exit());
}
