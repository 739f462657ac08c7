/** One case: a copy of the beginning, the damage, the launch, and the judgement. */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { copyTemplate } from "../template.ts";
import { cutSwapOff } from "./beginnings.ts";
import { Draw } from "./draw.ts";
import { judge } from "./judge.ts";
import { type Kind, siteOf } from "./kind.ts";
import { type Ended, launchOnce } from "./play.ts";
import type { Ready } from "./ready.ts";
import { type State, stateOf } from "./state.ts";

export interface Case {
  readonly kind: string;
  readonly seed: number;
  readonly index: number;
}

export interface Verdict extends Case {
  /** `opened`, `restored`, `healed`, or the code of the refusal. */
  readonly end: string;
  readonly damage: string;
  readonly faults: readonly string[];
  readonly story: readonly string[];
  /** Kept when something is wrong. */
  readonly folder: string;
  readonly ms: number;
}

/** Something that is done between a launch and its judgement, for the control. */
export type Sabotage = (folder: string, ended: Ended) => void;

export function nameOf({ kind, seed, index }: Case): string {
  return `${kind}:${seed}:${index}`;
}

export async function attempt(ready: Ready, kind: Kind, each: Case, sabotage?: Sabotage): Promise<Verdict> {
  const begun = performance.now();
  const root = join(ready.folder, "cases", nameOf(each).replaceAll(":", "-"));
  const folder = join(root, "data");
  const scratch = join(root, "scratch");
  rmSync(root, { recursive: true, force: true });
  mkdirSync(scratch, { recursive: true });
  const { stage, pages, good, held } = ready.beginning(kind.on);
  copyTemplate(stage.folder, folder);
  if (kind.target === "swap") await cutSwapOff(stage, folder);
  const damage = kind.damage(siteOf(stage, folder, pages), new Draw(nameOf(each)), each.index);

  let before: State = stateOf(folder, scratch);
  let ended = await launchOnce(folder);
  const story = [JSON.stringify(ended)];
  if (ended.outcome === "opened" && ended.suspect) {
    // What the application was told of is found again, and mended, by the next launch.
    before = stateOf(folder, scratch);
    ended = { ...(await launchOnce(folder)), suspect: false };
    story.push(JSON.stringify(ended));
  }
  sabotage?.(folder, ended);
  const after = stateOf(folder, scratch);
  const faults = judge({ kind, folder, scratch, good, held, before, after, ended });
  if (faults.length === 0) rmSync(root, { recursive: true, force: true });
  const did = (action: string) => ended.outcome === "opened" && ended.actions.some((each) => each.action === action);
  const end = did("salvage") ? "healed" : did("restore") || did("finish-swap") ? "restored" : ended.outcome;
  return { ...each, end, damage, faults, story, folder: root, ms: performance.now() - begun };
}
