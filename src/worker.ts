/**
 * The child process: what must not run in a process that has the database open, or takes long. It is started by
 * platform/child.ts, dies with its parent, and does one job at a time. Large work it spreads over threads, which
 * run this module too. Each job's code is loaded when the job comes, for the start of a launch waits for it.
 */
import { join } from "node:path";
import { isMainThread, parentPort } from "node:worker_threads";
import type { BehindOrder, workBehind } from "./backups/behind.ts";
import type { CheckFilesOrder, checkFiles } from "./backups/check-files.ts";
import type { findFiles } from "./backups/extra-files.ts";
import type { DigestOrder } from "./backups/own-digest.ts";
import type { ProveBytesOrder, proveBytes } from "./backups/prove-bytes.ts";
import type { stageBackup } from "./backups/stage.ts";
import type { surveyBackups } from "./backups/survey.ts";
import type { BackupOrder, takeBackup } from "./backups/take.ts";
import type { tellUpkeep, UpkeepOrder } from "./backups/upkeep.ts";
import type { VerifyOrder, verifyForRestore } from "./backups/verify.ts";
import type { CopyOutOrder, copyOut, FillOrder, fillOutput } from "./backups/write-output.ts";
import type { PartOrder, Tools } from "./database/check.ts";
import type { ExamineOrder, examine } from "./database/examine.ts";
import type { Inspection } from "./database/integrity.ts";
import { loadEngine } from "./database/open.ts";
import type { copySnapshot } from "./database/snapshot.ts";
import type { Places } from "./places.ts";
import type { copyDurably } from "./platform/atomic-file.ts";
import { fs } from "./platform/builtins.ts";
import { type Order, type Progress, type Reply, tell } from "./platform/child.ts";
import { Crew, LOADED } from "./platform/crew.ts";
import { limitFor, Watch } from "./platform/work-limit.ts";
import type { CountOrder, countAllRows } from "./recovery/count-rows.ts";
import type { countDemotedRows, DemotedRowsOrder } from "./recovery/demoted-rows.ts";
import type { SalvageOrder } from "./recovery/salvage/salvage.ts";
import type { salvageFile } from "./recovery/salvaged-file.ts";

const { readdirSync, statSync } = fs;

interface Job<Input, Work extends (...args: never[]) => unknown> {
  readonly input: Input;
  readonly result: Awaited<ReturnType<Work>>;
}

/** What the child can do: each job's input and result. */
export interface Jobs {
  survey: Job<{ places: Places }, typeof surveyBackups>;
  examine: Job<ExamineOrder, typeof examine>;
  verify: Job<VerifyOrder, typeof verifyForRestore>;
  stage: Job<Parameters<typeof stageBackup>[0], typeof stageBackup>;
  "stage-live": Job<{ from: string; to: string; patience: number }, typeof copySnapshot>;
  copy: Job<{ from: string; to: string }, typeof copyDurably>;
  backup: Job<BackupOrder, typeof takeBackup>;
  behind: Job<BehindOrder, typeof workBehind>;
  "keep-index": Job<UpkeepOrder & { dryRun: boolean }, typeof tellUpkeep>;
  "find-files": Job<{ folder: string }, typeof findFiles>;
  "copy-out": Job<CopyOutOrder, typeof copyOut>;
  "fill-output": Job<FillOrder, typeof fillOutput>;
  "prove-bytes": Job<ProveBytesOrder, typeof proveBytes>;
  "check-files": Job<CheckFilesOrder, typeof checkFiles>;
  "count-rows": Job<CountOrder, typeof countAllRows>;
  "demoted-rows": Job<DemotedRowsOrder, typeof countDemotedRows>;
  salvage: Job<SalvageOrder, typeof salvageFile>;
}

/** What its threads can do. */
interface ThreadJobs {
  "check-part": { readonly input: PartOrder; readonly result: Inspection };
  digest: { readonly input: DigestOrder; readonly result: string };
}

type OnProgress = (progress: Progress) => void;
type Handlers<All extends { [Name in keyof All]: { input: unknown; result: unknown } }> = {
  [Name in keyof All]: (
    tools: Tools,
    input: All[Name]["input"],
    onProgress: OnProgress,
  ) => All[Name]["result"] | Promise<All[Name]["result"]>;
};

const jobs: Handlers<Jobs> = {
  survey: async ({ engine }, { places }) => (await import("./backups/survey.ts")).surveyBackups(engine, places),
  examine: async (tools, order, onProgress) =>
    (await import("./database/examine.ts")).examine(tools, order, onProgress),
  verify: async (tools, order, onProgress) =>
    (await import("./backups/verify.ts")).verifyForRestore(tools, order, onProgress),
  stage: async (_, order, onProgress) => (await import("./backups/stage.ts")).stageBackup(order, onProgress),
  "stage-live": async ({ engine }, { from, to, patience }) =>
    (await import("./database/snapshot.ts")).copySnapshot(engine, from, to, { exclusive: true, patience }),
  copy: async (_, { from, to }) => (await import("./platform/atomic-file.ts")).copyDurably(from, to),
  backup: async (tools, order, onProgress) => (await import("./backups/take.ts")).takeBackup(tools, order, onProgress),
  behind: async (tools, order, onProgress) =>
    (await import("./backups/behind.ts")).workBehind(tools, order, onProgress),
  "keep-index": async (tools, order) => (await import("./backups/upkeep.ts")).tellUpkeep(tools, order),
  "find-files": async (_, order) => (await import("./backups/extra-files.ts")).findFiles(order),
  "copy-out": async (tools, order, onProgress) =>
    (await import("./backups/write-output.ts")).copyOut(tools, order, onProgress),
  "fill-output": async (_, order, onProgress) =>
    (await import("./backups/write-output.ts")).fillOutput(order, onProgress),
  "prove-bytes": async (_, order) => (await import("./backups/prove-bytes.ts")).proveBytes(order),
  "check-files": async (_, order, onProgress) =>
    (await import("./backups/check-files.ts")).checkFiles(order, onProgress),
  "count-rows": async ({ engine }, order, onProgress) =>
    (await import("./recovery/count-rows.ts")).countAllRows(engine, order, onProgress),
  "demoted-rows": async ({ engine }, order) =>
    (await import("./recovery/demoted-rows.ts")).countDemotedRows(engine, order),
  salvage: async ({ engine }, order, onProgress) =>
    (await import("./recovery/salvaged-file.ts")).salvageFile(engine, order, onProgress),
};

const threadJobs: Handlers<ThreadJobs> = {
  "check-part": async ({ engine }, { path, options }) =>
    (await import("./database/integrity.ts")).inspect(engine, path, options),
  digest: async (_, order) => (await import("./backups/own-digest.ts")).digestOf(order),
};

function serve(
  handlers: Handlers<Record<string, { input: unknown; result: unknown }>>,
  send: (reply: Reply) => void,
  { watch, onLoaded = () => {} }: { watch?: Watch; onLoaded?: () => void } = {},
) {
  const [opener] = process.argv.slice(2);
  const tools = loadEngine(opener).then((engine) => {
    // Loads SQLite itself, which its package puts off until something is opened.
    void engine.sqliteVersion;
    return { engine, crew: new Crew(new URL(import.meta.url), opener === undefined ? [] : [opener]) };
  });
  let queue: Promise<unknown> = tools.catch(() => {}).then(onLoaded);
  return ({ id, job, input, limit }: Order) => {
    queue = queue.then(async () => {
      try {
        watch?.limit(limit ?? limitFor(bytesOf(input as Partial<Touched>)));
        const handle = handlers[job];
        if (!handle) throw new Error(`there is no job "${job}"`);
        send({ id, result: await handle(await tools, input, (progress) => send({ id, progress })) });
      } catch (error) {
        send({ id, error: tell(error) });
      } finally {
        watch?.release();
      }
    });
  };
}

/** What the input of a job says of the files that it touches. */
interface Touched {
  readonly path: string;
  readonly from: string;
  readonly places: Places;
  readonly files: readonly { readonly size: number }[];
}

function bytesOf({ path, from, places, files = [] }: Partial<Touched>): number {
  const databases = [path, from, places?.database].flatMap((file) => (file === undefined ? [] : [file, `${file}-wal`]));
  const sizes = [...databases, ...(places ? filesIn(places.backups) : [])].map(
    (file) => statSync(file, { throwIfNoEntry: false })?.size ?? 0,
  );
  return [...sizes, ...files.map(({ size }) => size)].reduce((sum, size) => sum + size, 0);
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => join(folder, name));
  } catch {
    return [];
  }
}

/** At once, whatever the threads are at. */
function end(): void {
  process.kill(process.pid, "SIGKILL");
}

if (!isMainThread && parentPort) {
  const port = parentPort;
  port.on(
    "message",
    serve(threadJobs as never, (reply) => port.postMessage(reply), { onLoaded: () => port.postMessage(LOADED) }),
  );
} else if (process.send) {
  // Ctrl-C in a terminal reaches the whole group; it is the parent who decides what becomes of the work.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
  const watch = new Watch();
  // Nobody is left to be told that the application was killed while it was answered.
  const send = (reply: Reply) => void process.send?.(reply, (error: unknown) => error && end());
  const take = serve(jobs as never, send, { watch });
  // The first job of most launches, loaded while it is still on its way.
  import("./database/examine.ts").catch(() => {});
  // Started with the first job, when the parent has done its own loading and waits.
  process.once("message", () => watch.start());
  process.on("message", take);
  // The other thread would keep the process from ending, and its parent waiting for ever.
  process.on("uncaughtException", (error) => {
    console.error(error);
    end();
  });
  process.on("disconnect", end);
}
