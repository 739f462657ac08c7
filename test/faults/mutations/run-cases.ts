/** The process that runs cases one after the other. It is watched from outside: a case may hang or end it. */
import { kindNamed } from "./kinds.ts";
import { keepChildren } from "./lasting-child.ts";
import { Ready } from "./ready.ts";
import { attempt, type Case, type Sabotage, type Verdict } from "./trial.ts";

export interface Order {
  readonly folder: string;
  readonly cases: readonly Case[];
  /** URL of a module whose `sabotage` spoils what each launch leaves, for the control. */
  readonly sabotage: string | null;
}

export type Word = { readonly begun: Case } | { readonly verdict: Verdict } | { readonly done: true };

/** So many of the launches in a row share Holdfast's child process; the next has its own, as each has in real life. */
const SHARING = 8;

process.once("message", async ({ folder, cases, sabotage }: Order) => {
  const ready = new Ready(folder);
  const spoil = sabotage === null ? undefined : ((await import(sabotage)) as { sabotage: Sabotage }).sabotage;
  let letGo: (() => void) | null = null;
  for (const [n, each] of cases.entries()) {
    if (n % SHARING === 0) {
      letGo?.();
      letGo = null;
    } else letGo ??= keepChildren();
    say({ begun: each });
    say({ verdict: await attempt(ready, kindNamed(each.kind), each, spoil) });
  }
  letGo?.();
  say({ done: true });
  process.disconnect();
});

function say(word: Word): void {
  process.send?.(word);
}
