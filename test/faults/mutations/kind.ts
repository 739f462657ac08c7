/** One way to damage what Holdfast finds at a launch. */
import { join } from "node:path";
import { type Places, placesOf } from "../../../src/places.ts";
import type { BeginningName, Stage } from "./beginnings.ts";
import type { Draw } from "./draw.ts";
import type { PageMap } from "./pages.ts";

/** What was damaged, and so what must not suffer from it. */
export type Target = "database" | "sidecar" | "backup" | "record" | "swap" | "settings";

export interface Site {
  readonly folder: string;
  readonly stage: Stage;
  readonly places: Places;
  /** Of the database as it was before. */
  readonly pages: PageMap | null;
}

export interface Kind {
  readonly name: string;
  readonly on: BeginningName;
  readonly target: Target;
  /** What SQLite does not read any more stands in the file all the same. */
  readonly hides?: boolean;
  /** Refusals in which the launch may end. */
  readonly refusals?: readonly string[];
  /** @returns what it did, in words */
  readonly damage: (site: Site, draw: Draw, index: number) => string;
}

export function siteOf(stage: Stage, folder: string, pages: PageMap | null): Site {
  return { folder, stage, pages, places: placesOf(join(folder, "library.sqlite"), undefined) };
}

export type Damage = Kind["damage"];

/** The kinds of a family, each named after what it is done to. */
export function family(
  on: BeginningName,
  target: Target,
  damages: Readonly<Record<string, Damage>>,
  more: Pick<Kind, "refusals" | "hides"> = {},
): readonly Kind[] {
  return Object.entries(damages).map(([name, damage]) => ({ name: `${on}.${name}`, on, target, damage, ...more }));
}
