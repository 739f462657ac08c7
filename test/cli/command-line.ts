/** The command line as its users meet it: another process, in the folder of an application. */
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import type { LaunchReport, StatusReport } from "../../src/index.ts";
import { Workspace } from "../fixtures/workspace.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

export interface Outcome {
  readonly exitStatus: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class CommandLine extends Workspace {
  /** @param settings lines of the settings file, beside the path of the database */
  constructor(...settings: readonly string[]) {
    super();
    this.release(2);
    this.write("settings.toml", 'db-path = "library.sqlite"', ...settings);
  }

  write(file: string, ...lines: readonly string[]): void {
    writeFileSync(join(this.folder, file), `${lines.join("\n")}\n`);
  }

  start(args: readonly string[], environment: Record<string, string> = {}): ChildProcess {
    const { FORCE_COLOR: _, NO_COLOR: __, HOLDFAST_DEBUG: ___, ...rest } = process.env;
    const started = spawn(process.execPath, [MAIN, ...args], {
      cwd: this.folder,
      env: { ...rest, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    onTestFinished(() => void started.kill("SIGKILL"));
    return started;
  }

  async run(args: readonly string[], environment: Record<string, string> = {}): Promise<Outcome> {
    return await outcomeOf(this.start(args, environment));
  }

  async json<Report = LaunchReport>(...args: readonly string[]): Promise<Report & { exitStatus: number | null }> {
    const { exitStatus, stdout } = await this.run([...args, "--json"]);
    return { ...(JSON.parse(stdout) as Report), exitStatus };
  }

  async status(...args: readonly string[]): Promise<StatusReport & { exitStatus: number | null }> {
    return await this.json<StatusReport>("status", ...args);
  }

  /** Every file below the folder with the hash of its bytes. */
  everything(): Record<string, string> {
    const files = readdirSync(this.folder, { recursive: true, encoding: "utf8" }).sort();
    return Object.fromEntries(
      files
        .filter((file) => statSync(join(this.folder, file)).isFile())
        .map((file) => [
          file,
          createHash("sha256")
            .update(readFileSync(join(this.folder, file)))
            .digest("hex"),
        ]),
    );
  }
}

export async function outcomeOf(started: ChildProcess): Promise<Outcome> {
  const { stdout, stderr } = started;
  if (!stdout || !stderr) throw new Error("its output is not piped");
  const [exitStatus, out, err] = await Promise.all([
    new Promise<number | null>((resolve) => started.once("exit", resolve)),
    text(stdout),
    text(stderr),
  ]);
  return { exitStatus, stdout: out, stderr: err };
}
