/** How fast a piece of work goes, and how long it will still take, told by its events. */
import type { ProgressEvent } from "../report.ts";
import { size } from "./render/page.ts";

/** Before that, a rate says more of the beginning than of the work. */
const TOLD_FROM_MS = 1000;

export class Work {
  readonly #now: () => number;
  #key = "";
  #begun = 0;
  #last = 0;
  #first = 0;
  #event: ProgressEvent = { kind: "wait", message: "" };

  /** @param now milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** @returns true where another piece of work has begun with it */
  follow(event: ProgressEvent): boolean {
    const { kind, unit = "", total = 0, done = 0 } = event;
    const key = `${kind} ${unit} ${total}`;
    this.#last = this.#now();
    const isNew = key !== this.#key || done < (this.#event.done ?? 0);
    if (isNew) {
      this.#key = key;
      this.#begun = this.#last;
      this.#first = done;
    }
    this.#event = event;
    return isNew;
  }

  /** The last one. */
  get event(): ProgressEvent {
    return this.#event;
  }

  /** Null where it is not known how far it is. */
  get percent(): number | null {
    const { done, total } = this.#event;
    return done === undefined || !total ? null : Math.min(100, (done / total) * 100);
  }

  /** `120,000 rows/s`; null where there is none to tell, or not yet. */
  get rate(): string | null {
    const rate = this.#perSecond();
    if (rate === null) return null;
    if (this.#event.unit === "bytes") return `${size(rate)}/s`;
    return `${Math.round(rate).toLocaleString("en")} ${this.#event.unit}/s`;
  }

  /** `0:12 left` */
  get left(): string | null {
    const rate = this.#perSecond();
    const { done, total } = this.#event;
    if (rate === null || done === undefined || !total) return null;
    const seconds = Math.ceil(Math.max(0, total - done) / rate);
    const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
    const clock = hours > 0 ? `${hours}:${twoDigits(minutes)}` : `${minutes}`;
    return `${clock}:${twoDigits(seconds % 60)} left`;
  }

  #perSecond(): number | null {
    const { done, unit } = this.#event;
    const ms = this.#last - this.#begun;
    if (done === undefined || unit === undefined || !EVEN.has(unit) || ms < TOLD_FROM_MS) return null;
    return done > this.#first ? ((done - this.#first) / ms) * 1000 : null;
  }
}

/** What takes about the same time for each. */
const EVEN: ReadonlySet<string> = new Set(["bytes", "rows", "pages", "files"]);

function twoDigits(number: number): string {
  return String(number).padStart(2, "0");
}
