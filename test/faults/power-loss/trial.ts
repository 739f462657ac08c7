/** One power loss: the flow runs on a disk of its own until it is cut off, and the machine is started anew. */
import { spawn } from "node:child_process";
import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { judgeAtOnce } from "../oracle.ts";
import type { Point } from "../points.ts";
import { callsOf } from "../strace.ts";
import { copyTemplate } from "../template.ts";
import { isReached, judgeRecovery, launch, type Place, remember, type Stage, type Verdict } from "../trial.ts";
import { Disk, type Kind, type Machine } from "./disk.ts";

/** A flow that is ready on a disk. */
export interface DiskStage {
  readonly stage: Stage;
  readonly kind: Kind;
  readonly image: string;
  /** The same for all trials, so that no path differs from those that were recorded. */
  readonly mountPoint: string;
}

export function putOnDisk(stage: Stage, kind: Kind): DiskStage {
  const image = join(stage.folder, `${kind}.img`);
  const mountPoint = join(stage.folder, "disk");
  const disk = new Disk(image, mountPoint, kind);
  disk.make();
  disk.mount();
  copyTemplate(stage.template, join(mountPoint, "data"));
  disk.unmount();
  return { stage, kind, image, mountPoint };
}

let trials = 0;

/** @param writeOutMs the disk writes everything by itself once, so long after the start; null: never */
export async function losePower(
  { stage, kind, image, mountPoint }: DiskStage,
  machine: Machine,
  point: Point,
  writeOutMs: number | null,
): Promise<Verdict> {
  const root = join(stage.folder, `loss-${process.pid}-${++trials}`);
  const place: Place = { root, data: join(mountPoint, "data"), scratch: join(root, "scratch") };
  mkdirSync(place.scratch, { recursive: true });
  const own = join(root, "disk.img");
  copyFileSync(image, own);
  const disk = new Disk(own, mountPoint, kind);
  disk.mount();
  try {
    const before = remember(stage.flow, place);
    const writeOut =
      writeOutMs === null ? null : spawn("sh", ["-c", `sleep ${writeOutMs / 1000}; sync -f "$0"`, mountPoint]);
    const over = writeOut && new Promise((resolve) => writeOut.once("close", resolve));
    const { run, tracing } = await launch(stage, place, 0, { roles: [point.role], point });
    await over;
    const reached = isReached(callsOf(tracing, point.role, place.data), point);
    disk.cut();
    machine.start();
    const faults = [...judgeAtOnce(place.data, before.good, place.scratch)];
    const after = await judgeRecovery(stage.flow, place, before);
    faults.push(...after.faults);
    const story = [...run.words.map((word) => JSON.stringify(word)), after.told];
    if (faults.length === 0 || !reached) rmSync(root, { recursive: true, force: true });
    return { reached, faults, folder: root, story };
  } finally {
    disk.unmount();
  }
}
