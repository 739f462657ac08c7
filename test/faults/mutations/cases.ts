import type { Kind } from "./kind.ts";
import type { Case } from "./trial.ts";

/** So many cases in all, of each kind as many as of any other; the kinds take turns, so that a part is a fair one. */
export function spread(kinds: readonly Kind[], count: number, seed: number): readonly Case[] {
  return Array.from({ length: count }, (_, n) => {
    const kind = kinds[n % kinds.length]?.name ?? "";
    return { kind, seed, index: Math.floor(n / kinds.length) };
  });
}
