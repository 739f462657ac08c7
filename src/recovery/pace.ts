/** Long synchronous work that leaves the event loop its turns, tells how far it is, and can be stopped. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { HoldfastError, messageOf } from "../errors.ts";

/** How far a comparison or a merge is. Rows are counted over all tables. */
export interface RowProgress {
  readonly table: string;
  readonly done: number;
  readonly total: number;
}

export interface PaceOptions {
  /** Stops the work with ABORTED; nothing is written then. */
  readonly signal?: AbortSignal | undefined;
  /** Called some times a second. Counting the rows for it costs a read of the tables. What it throws is swallowed. */
  readonly onProgress?: ((progress: RowProgress) => void) | undefined;
}

const ROWS_A_LOOK = 64;
const TURN_MS = 20;
const TOLD_MS = 100;

export class Pace {
  readonly #options: PaceOptions;
  readonly #what: string;
  readonly #total: number;
  #table = "";
  #done = 0;
  #looks = 0;
  #turned: number = performance.now();
  #told = 0;

  /** @param what as in "The merge" */
  constructor(what: string, total: () => number, options: PaceOptions) {
    this.#what = what;
    this.#options = options;
    this.#total = options.onProgress ? total() : 0;
  }

  /** @throws ABORTED */
  begin(table: string): void {
    this.#table = table;
    this.stopIfAborted();
  }

  /** Counts a row that is done with; true as {@link look}. */
  step(): boolean {
    this.#done++;
    return this.look();
  }

  /** Rows that need not be looked at. */
  skip(rows: number): void {
    this.#done += rows;
  }

  /** True when it is time to {@link rest}: waiting after each row would cost more than the row. */
  look(): boolean {
    this.#looks++;
    return this.#looks % ROWS_A_LOOK === 0 && performance.now() - this.#turned > TURN_MS;
  }

  /** @throws ABORTED */
  async rest(): Promise<void> {
    this.#tell();
    await nextTurn();
    this.#turned = performance.now();
    this.stopIfAborted();
  }

  /** @throws ABORTED */
  stopIfAborted(): void {
    const { signal } = this.#options;
    if (!signal?.aborted) return;
    throw new HoldfastError(
      {
        code: "ABORTED",
        message: `${this.#what} was aborted: ${messageOf(signal.reason)}`,
        hint: "Start it again; nothing was written.",
      },
      { cause: signal.reason },
    );
  }

  #tell(): void {
    const now = performance.now();
    if (now - this.#told < TOLD_MS) return;
    this.#told = now;
    try {
      this.#options.onProgress?.({ table: this.#table, done: Math.min(this.#done, this.#total), total: this.#total });
    } catch {
      // A progress bar must not be able to stop the work.
    }
  }
}
