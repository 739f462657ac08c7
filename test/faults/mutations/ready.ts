/** The beginnings, prepared once in a folder and used by every process of a run. */
import { copyFileSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { NEWEST, OLDER } from "./backup-kinds.ts";
import { type BeginningName, prepareAll, type Stage, stageAt } from "./beginnings.ts";
import { contentOf } from "./content.ts";
import { mapPages, type PageMap } from "./pages.ts";
import { DATABASE, isSound, type State, stateOf } from "./state.ts";

export interface Beginning {
  readonly stage: Stage;
  readonly pages: PageMap | null;
  readonly good: State;
  /** The rows in each backup, by its name. */
  readonly held: ReadonlyMap<string, ReadonlySet<string>>;
}

export class Ready {
  readonly folder: string;
  readonly #known = new Map<BeginningName, Beginning>();

  constructor(folder: string) {
    this.folder = folder;
  }

  async prepare(): Promise<this> {
    mkdirSync(this.folder, { recursive: true });
    await prepareAll(this.folder);
    return this;
  }

  beginning(name: BeginningName): Beginning {
    const known = this.#known.get(name) ?? this.#look(name);
    this.#known.set(name, known);
    return known;
  }

  #look(name: BeginningName): Beginning {
    const stage = stageAt(name, this.folder);
    const scratch = join(this.folder, `scratch-${process.pid}`);
    const good = stateOf(stage.folder, scratch);
    const database = join(stage.folder, DATABASE);
    const copy = join(scratch, "pages.sqlite");
    // Beside a journal the main file alone is in the middle of something; it is mapped as it is rolled back.
    const journaled = !isSound(good.alone) && isSound(good.whole);
    for (const ending of journaled ? ["", "-journal"] : [""])
      if (existsSync(database + ending)) copyFileSync(database + ending, copy + ending);
    const pages = isSound(good.alone) || journaled ? mapPages(copy) : null;
    const held = new Map(
      [NEWEST, OLDER].map((file) => [file, contentOf(join(stage.folder, "backups", file), scratch).rows]),
    );
    rmSync(scratch, { recursive: true, force: true });
    return { stage, pages, good, held };
  }
}
