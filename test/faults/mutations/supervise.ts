/** Runs many cases in processes of their own. One that hangs, or ends its process, is told by its name. */
import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Order, Word } from "./run-cases.ts";
import { type Case, nameOf, type Verdict } from "./trial.ts";

export interface Run {
  readonly folder: string;
  readonly jobs: number;
  readonly sabotage?: string;
  readonly onVerdict: (verdict: Verdict) => void;
  /** After so many milliseconds without an end a case hangs. */
  readonly patience?: number;
  /** No further case is begun. */
  readonly isOver?: () => boolean;
}

const PATIENCE = 30_000;
/** A process is given so many at a time: what one leaks does not add up. */
const A_BATCH = 100;

export async function superviseAll(cases: readonly Case[], run: Run): Promise<void> {
  const rest = [...cases];
  const work = async () => {
    while (rest.length > 0 && !run.isOver?.()) {
      let batch = rest.splice(0, A_BATCH);
      while (batch.length > 0) batch = await superviseBatch(batch, run);
    }
  };
  await Promise.all(Array.from({ length: run.jobs }, work));
}

/** @returns what is left after the case that hung or ended the process */
async function superviseBatch(
  batch: Case[],
  { folder, sabotage, onVerdict, isOver, patience = PATIENCE }: Run,
): Promise<Case[]> {
  const child = fork(fileURLToPath(new URL("./run-cases.ts", import.meta.url)), { execArgv: ["--no-warnings"] });
  let at: Case | null = null;
  let done = 0;
  let why = "";
  let begun = performance.now();
  const watch = setInterval(() => {
    if (performance.now() - begun > patience) why = end(child, `hung: not at its end after ${patience / 1000} s`);
    else if (isOver?.()) why = end(child, "over");
  }, 500);
  child.on("message", (word: Word) => {
    begun = performance.now();
    if ("begun" in word) at = word.begun;
    if (!("verdict" in word)) return;
    at = null;
    done++;
    onVerdict(word.verdict);
  });
  child.send({ folder, cases: batch, sabotage: sabotage ?? null } satisfies Order);
  const [status, signal] = await new Promise<[number | null, string | null]>((resolve) =>
    child.once("exit", (...how) => resolve(how)),
  );
  clearInterval(watch);
  if (done === batch.length || why === "over") return [];
  const culprit: Case | undefined = at ?? batch[done];
  if (!culprit) return [];
  const what = why === "" ? `ended its process: ${signal ?? `status ${status}`}` : why;
  onVerdict({
    ...culprit,
    end: why === "" ? "crashed" : "hung",
    damage: "",
    faults: [what],
    story: [],
    folder: join(folder, "cases", nameOf(culprit).replaceAll(":", "-")),
    ms: performance.now() - begun,
  });
  return batch.slice(done + 1);
}

function end(child: ChildProcess, why: string): string {
  child.kill("SIGKILL");
  return why;
}
