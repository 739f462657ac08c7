/** A restore of a folder replaces folders and the database in several steps; here it is killed between them. */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { backup, doctor, restore, status } from "../../src/index.ts";
import { CommandLine } from "../cli/command-line.ts";

const PRELOAD = pathToFileURL(join(import.meta.dirname, "../fixtures/killed-at-rename.ts")).href;
const options = { appVersion: "1.0.0" } as const;

class Library extends CommandLine {
  readonly file: string = join(this.folder, "settings.toml");
  readonly media: string = join(this.folder, "media");
  readonly output: string = join(this.folder, "out");

  constructor() {
    super('db-app-version = "1.0.0"', 'db-extra = ["media"]');
    mkdirSync(this.media);
  }

  cover(text: string): this {
    writeFileSync(join(this.media, "emma.jpg"), text);
    return this;
  }

  covers(): string {
    return readFileSync(join(this.media, "emma.jpg"), "utf8");
  }

  async restoreCutOff(at: string, when: "before" | "after"): Promise<void> {
    const environment = { NODE_OPTIONS: `--import=${PRELOAD}`, KILLED_AT: at, KILLED: when };
    expect((await this.run(["restore", this.output, "--yes"], environment)).exitStatus).toBe(null);
  }

  async finding(): Promise<{ state: string; message: string; remedy: string | null } | undefined> {
    return (await doctor(this.file)).findings.find(({ name }) => name === "restore");
  }

  /** The old folder, kept. */
  replaced(): string {
    const [name] = readdirSync(this.folder).filter((each) => each.endsWith("-replaced"));
    return join(this.folder, String(name));
  }

  left(): string[] {
    return readdirSync(this.folder).filter((each) => each.startsWith(".media-restore"));
  }
}

/** A folder with the old state; database and folder have gone on since. */
async function library(): Promise<Library> {
  const app = new Library().cover("old");
  await app.launch("1.0.0", ["Emma"]);
  await backup(app.file, { ...options, output: app.output });
  await app.launch("1.0.0", ["Shirley"]);
  return app.cover("new");
}

describe("a restore that is killed", () => {
  test("before any folder was renamed leaves copies, which are told of and removed by the next one", async () => {
    const app = await library();
    await app.restoreCutOff("-replaced$", "before");
    expect(app.covers()).toBe("new");
    expect(app.left()).toHaveLength(1);
    const finding = await app.finding();
    expect(finding?.state).toBe("warning");
    expect(finding?.message).toContain(`${app.media} is as it was. Copies that took no place: ${app.folder}`);
    await restore(app.file, app.output);
    expect([app.covers(), app.titles(), app.left()]).toEqual(["old", ["Emma"], []]);
    expect(await app.finding()).toBeUndefined();
  });

  test("between two renames says where the old files are", async () => {
    const app = await library();
    await app.restoreCutOff("-replaced$", "after");
    const finding = await app.finding();
    expect(finding?.message).toContain(`${app.media} is not there, and what was in it is in ${app.replaced()}`);
    expect(finding?.remedy).toBe(`holdfast restore "${app.output}"`);
    await restore(app.file, app.output);
    expect([app.covers(), app.titles(), app.left()]).toEqual(["old", ["Emma"], []]);
    expect(readFileSync(join(app.replaced(), "emma.jpg"), "utf8")).toBe("new");
  });

  test("between the folders and the database says that they may not belong together", async () => {
    const app = await library();
    await app.restoreCutOff("/media$", "after");
    await app.launch("1.0.0");
    expect([app.covers(), app.titles()]).toEqual(["old", ["Emma", "Shirley"]]);
    const told = `${app.media} has the files of the backup, and what was in it before is in ${app.replaced()}`;
    expect((await app.finding())?.message).toContain(told);
    const { warnings } = await status(app.file);
    expect(warnings).toEqual([
      expect.stringMatching(/^A restore of .* was cut off .* To go on: holdfast restore "[^"]+"$/),
    ]);
    await restore(app.file, "latest");
    expect((await app.finding())?.message).toContain(told);
    await restore(app.file, app.output);
    expect([app.covers(), app.titles()]).toEqual(["old", ["Emma"]]);
    expect(await app.finding()).toBeUndefined();
  });

  test("is forgotten when its folder was put back by hand", async () => {
    const app = await library();
    await app.restoreCutOff("/media$", "after");
    rmSync(app.media, { recursive: true });
    renameSync(app.replaced(), app.media);
    expect(await app.finding()).toBeUndefined();
    expect((await status(app.file)).warnings).toEqual([]);
  });

  test("in the swap of the database is completed by the next launch, and nothing is left to say", async () => {
    const app = await library();
    await app.restoreCutOff("/library\\.sqlite$", "before");
    await app.launch("1.0.0");
    expect([app.covers(), app.titles()]).toEqual(["old", ["Emma"]]);
    expect(await app.finding()).toBeUndefined();
    await restore(app.file, "latest");
    expect(readdirSync(app.backups).filter((name) => name.includes("restoring"))).toEqual([]);
  });

  test("leaves no record where it was refused", async () => {
    const app = await library();
    const controller = new AbortController();
    const onEvent = ({ message }: { message: string }) => {
      if (message.includes("emma.jpg")) controller.abort(new Error("enough"));
    };
    await expect(restore(app.file, app.output, { onEvent, signal: controller.signal })).rejects.toThrow("enough");
    expect(app.covers()).toBe("new");
    expect(readdirSync(app.backups).filter((name) => name.includes("restoring"))).toEqual([]);
    expect(app.left()).toEqual([]);
  });
});
