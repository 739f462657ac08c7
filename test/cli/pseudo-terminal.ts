/** The command line as somebody at a terminal meets it: behind a real pseudo-terminal, made by util-linux's script(1). */
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import type { Workspace } from "../fixtures/workspace.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

export const CTRL_C = "\u{3}";

/** Why there is no pseudo-terminal here; null where there is one. */
export function whyNoTerminal(): string | null {
  try {
    const said = execFileSync("script", ["--version"], { encoding: "utf8" });
    return said.includes("util-linux") ? null : "script(1) is not that of util-linux";
  } catch {
    return "there is no script(1)";
  }
}

export class PseudoTerminal {
  readonly #script: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<number | null>;
  /** Everything that was shown so far, with what moves the cursor. */
  shown = "";
  #look: () => void = () => {};

  constructor(app: Workspace, ...args: readonly string[]) {
    const { FORCE_COLOR: _, ...environment } = process.env;
    const command = [process.execPath, MAIN, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
    this.#script = spawn("script", ["-qec", command, "/dev/null"], {
      cwd: app.folder,
      env: { ...environment, NO_COLOR: "1", SHELL: "/bin/sh" },
    });
    this.#script.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.shown += text;
      this.#look();
    });
    this.#script.stdin.on("error", () => {});
    this.#ended = new Promise((resolve) => this.#script.once("close", resolve));
    onTestFinished(() => void this.#script.kill("SIGKILL"));
  }

  /** Waits until this is shown. */
  async sees(text: string | RegExp): Promise<void> {
    const isThere = () => (typeof text === "string" ? this.shown.includes(text) : text.test(this.shown));
    await Promise.race([
      new Promise<void>((resolve) => {
        this.#look = () => isThere() && resolve();
        this.#look();
      }),
      this.#ended.then((status) => {
        if (!isThere()) throw new Error(`it ended with ${status} and never showed ${text}: ${this.shown}`);
      }),
    ]);
  }

  type(text: string): void {
    this.#script.stdin.write(text);
  }

  /** Nothing more will ever be typed. */
  hangUp(): void {
    this.#script.stdin.end();
  }

  /** The exit status. */
  async ended(): Promise<number | null> {
    return await this.#ended;
  }

  /** What is left to be read when it is over: each line as it was last written. */
  get screen(): string {
    return this.shown
      .split("\n")
      .map((line) => line.replaceAll("\r", "").split("\u{1B}[1G\u{1B}[2K").at(-1) ?? "")
      .join("\n");
  }
}
