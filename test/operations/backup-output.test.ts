import {
  appendFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Manifest } from "../../src/backups/manifest.ts";
import { backup, doctor, restore, type SettingsInput, verify } from "../../src/index.ts";
import { AppProcess } from "../fixtures/app-process.ts";
import { refused } from "../fixtures/refusal.ts";
import { hashOf, query, Workspace } from "../fixtures/workspace.ts";

const options = { appVersion: "1.0.0" } as const;

/** An application that keeps its covers in a folder of their own. */
class Library extends Workspace {
  readonly media: string = join(this.folder, "media");
  readonly output: string = join(this.folder, "out");

  override settings(more: Partial<SettingsInput> = {}): SettingsInput {
    return super.settings({ extra: [this.media], ...more });
  }

  write(path: string, text: string): this {
    mkdirSync(join(this.media, path, ".."), { recursive: true });
    writeFileSync(join(this.media, path), text);
    return this;
  }

  manifest(): Manifest {
    return JSON.parse(readFileSync(join(this.output, "manifest.json"), "utf8"));
  }

  /** What is left of a folder under way. */
  underWay(): string[] {
    return readdirSync(this.folder).filter((name) => name.endsWith(".tmp"));
  }
}

async function library(): Promise<Library> {
  const app = new Library();
  app.release(1).write("emma.jpg", "a cover").write("large/villette.jpg", "another cover");
  await app.launch("1.0.0", ["Emma"]);
  return app;
}

describe("backup to a folder of its own", () => {
  test("writes the database, the files that belong to it, and a manifest of all of them", async () => {
    const app = await library();
    const before = app.snapshot();
    const { output } = app;
    const report = await backup(app.settings(), { ...options, output, label: "for the attic" });
    expect(report).toMatchObject({
      outcome: "done",
      operation: "backup",
      actions: [
        { action: "write", file: join(output, "library.sqlite"), version: "1.0.0" },
        { action: "write", file: join(output, "extra", "media"), reason: `2 files of ${app.media}` },
        { action: "write", file: join(output, "manifest.json") },
      ],
      warnings: [],
    });
    const manifest = app.manifest();
    expect(manifest).toMatchObject({
      format: 1,
      tool: expect.stringMatching(/^holdfast \d+\.\d+\.\d+/),
      appVersion: "1.0.0",
      label: "for the attic",
      database: "library.sqlite",
      extra: [{ name: app.media, path: "extra/media" }],
    });
    expect(manifest.files.map(({ path }) => path)).toEqual([
      "library.sqlite",
      "extra/media/emma.jpg",
      "extra/media/large/villette.jpg",
    ]);
    for (const { path, size, sha256 } of manifest.files) {
      expect([path, statSync(join(output, path)).size, hashOf(join(output, path))]).toEqual([path, size, sha256]);
      expect([path, statSync(join(output, path)).mode & 0o777]).toEqual([path, 0o600]);
    }
    expect(statSync(join(output, "extra", "media")).mode & 0o777).toBe(0o700);
    expect(readdirSync(output).sort()).toEqual(["extra", "library.sqlite", "manifest.json"]);
    expect(app.titles(join(output, "library.sqlite"))).toEqual(["Emma"]);
    expect(query(join(output, "library.sqlite"), (db) => db.pragma("journal_mode", { simple: true }))).toBe("delete");
    expect(app.snapshot()).toEqual(before);
    expect(app.underWay()).toEqual([]);
    expect((await app.launch("1.0.0")).actions.map(({ action }) => action)).not.toContain("check");
  });

  test("is verified as a folder", async () => {
    const app = await library();
    await backup(app.settings(), { ...options, output: app.output });
    const sound = await verify(app.settings(), { ...options, source: app.output });
    expect(sound).toMatchObject({
      outcome: "sound",
      files: [{ kind: "folder", checksum: "matches", layout: "equal" }],
    });
    rmSync(join(app.output, "extra/media/emma.jpg"));
    const damaged = await verify(app.settings(), { ...options, source: app.output });
    expect(damaged.files).toMatchObject([
      { ok: false, checksum: "differs", problem: "extra/media/emma.jpg: it is gone" },
    ]);
  });

  test("has what a running application has committed", async () => {
    const app = await library();
    const running = new AppProcess(app, "1.0.0");
    expect(await running.hear()).toMatchObject({ ok: true });
    await running.order({ exec: "INSERT INTO book (title) VALUES ('Villette')" });
    await backup(app.settings(), { ...options, output: app.output });
    expect(app.titles(join(app.output, "library.sqlite"))).toEqual(["Emma", "Villette"]);
    expect(await running.order("close")).toMatchObject({ ok: true });
  });

  test("says with dryRun what it would write, and writes nothing", async () => {
    const app = await library();
    const report = await backup(app.settings(), { ...options, output: app.output, dryRun: true });
    expect(report).toMatchObject({ outcome: "would-do", actions: [{}, {}, {}] });
    expect(existsSync(app.output)).toBe(false);
  });

  test.each(["a folder", "an empty folder", "a file", "a link that leads nowhere"])(
    "refuses where %s is",
    async (what) => {
      const app = await library();
      if (what.endsWith("folder")) mkdirSync(app.output);
      if (what === "a folder") writeFileSync(join(app.output, "notes.txt"), "a person's");
      if (what === "a file") writeFileSync(app.output, "a person's");
      if (what.startsWith("a link")) {
        mkdirSync(join(app.folder, "there"));
        symlinkSync(join(app.folder, "there"), app.output);
      }
      const error = await refused(backup(app.settings(), { ...options, output: app.output }));
      expect(error).toMatchObject({ code: "IO_FAILED", message: expect.stringContaining("exists already") });
      if (what === "a folder") expect(readdirSync(app.output)).toEqual(["notes.txt"]);
    },
  );

  test("refuses where there is nothing to write in, and inside of what it is to hold", async () => {
    const app = await library();
    const missing = await refused(backup(app.settings(), { ...options, output: join(app.folder, "usb", "out") }));
    expect(missing.message).toContain("there is no folder");
    const inside = await refused(backup(app.settings(), { ...options, output: join(app.media, "out") }));
    expect(inside.message).toContain("which it is to hold");
    const taken = await refused(backup(app.settings(), { ...options, output: app.media }));
    expect(taken.hint).toContain("Name a folder that is yet to be made");
    expect(app.underWay()).toEqual([]);
  });

  test("leaves nothing behind when it is aborted", async () => {
    const app = await library();
    for (const when of ["back-up", "copy"]) {
      const controller = new AbortController();
      const onEvent = ({ kind, done }: { kind: string; done?: number }) => {
        if (kind === when && done !== undefined) controller.abort(new Error("enough"));
      };
      const { signal } = controller;
      const error = await refused(backup(app.settings(), { ...options, output: app.output, signal, onEvent }));
      expect(error.code).toBe("ABORTED");
      expect([existsSync(app.output), app.underWay()]).toEqual([false, []]);
    }
  });
});

describe("what a kill leaves of it", () => {
  const folderOf = (app: Library, name: string, pid: number) =>
    join(app.folder, `.${name}-backup-${pid}-0123456789ab.tmp`);
  /** No process has it: Linux gives none so high a number. */
  const DEAD = 2 ** 30;

  test("is told of by doctor, and removed by the next one to the same place", async () => {
    const app = await library();
    const left = folderOf(app, "out", DEAD);
    mkdirSync(join(left, "extra"), { recursive: true });
    writeFileSync(join(left, "extra", "emma.jpg"), "half a cov");
    const found = (await doctor(app.settings(), options)).findings.find(({ name }) => name === "left folders");
    expect(found).toMatchObject({ state: "note", message: expect.stringContaining(left) });
    await backup(app.settings(), { ...options, output: app.output });
    expect(app.underWay()).toEqual([]);
    expect((await doctor(app.settings(), options)).findings.map(({ name }) => name)).not.toContain("left folders");
  });

  test("is left alone where it is of another place, or of a process that is at work", async () => {
    const app = await library();
    const others = [folderOf(app, "other", DEAD), folderOf(app, "out", process.ppid)];
    for (const path of others) mkdirSync(path);
    await backup(app.settings(), { ...options, output: app.output });
    for (const path of others) expect(existsSync(path)).toBe(true);
  });

  test("has the name by which it is known", async () => {
    const app = await library();
    const names = new Set<string>();
    const onEvent = () => {
      for (const name of app.underWay()) names.add(name);
    };
    await backup(app.settings(), { ...options, output: app.output, onEvent });
    expect([...names]).toEqual([expect.stringMatching(`^\\.out-backup-${process.pid}-[0-9a-f]{12}\\.tmp$`)]);
  });
});

describe("the folders of db-extra", () => {
  test("are left out with a warning where they are missing, and restored to nothing then", async () => {
    const app = await library();
    rmSync(app.media, { recursive: true });
    const { warnings } = await backup(app.settings(), { ...options, output: app.output });
    expect(warnings).toEqual([expect.stringContaining(`there is no folder ${app.media}`)]);
    expect(app.manifest().extra).toEqual([]);
  });

  test("are known by their own names, or by numbers where two have the same", async () => {
    const app = await library();
    const other = join(app.folder, "other", "Media");
    mkdirSync(other, { recursive: true });
    writeFileSync(join(other, "song.mp3"), "a song");
    await backup(app.settings({ extra: [app.media, other] }), { ...options, output: app.output });
    expect(app.manifest().extra).toEqual([
      { name: app.media, path: "extra/media" },
      { name: other, path: "extra/1" },
    ]);
    expect(readFileSync(join(app.output, "extra/1/song.mp3"), "utf8")).toBe("a song");
  });

  test("are copied without following links, sockets and what cannot be named elsewhere", async () => {
    const app = await library();
    writeFileSync(join(app.folder, "secret"), "not to be copied");
    symlinkSync(join(app.folder, "secret"), join(app.media, "link"));
    symlinkSync(app.folder, join(app.media, "loop"));
    app.write("back\\slash", "x");
    const server = createServer().listen(join(app.media, "socket"));
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once("listening", resolve));
    const { warnings } = await backup(app.settings(), { ...options, output: app.output });
    expect(warnings).toEqual([
      `Left out of the backup: ${join(app.media, "back\\slash")}: its name has a backslash, which other systems take for a folder's end.`,
      `Left out of the backup: ${join(app.media, "link")}, ${join(app.media, "loop")}: it is a link.`,
      `Left out of the backup: ${join(app.media, "socket")}: it is no regular file.`,
    ]);
    expect(readdirSync(join(app.output, "extra/media")).sort()).toEqual(["emma.jpg", "large"]);
  });

  test("may be changed meanwhile: the copy's bytes are those of the manifest, and a warning names the file", async () => {
    const app = await library();
    app.write("log.txt", "x".repeat(20_000_000));
    const timer = setInterval(() => appendFileSync(join(app.media, "log.txt"), "y"), 1);
    onTestFinished(() => clearInterval(timer));
    const { warnings } = await backup(app.settings(), { ...options, output: app.output });
    clearInterval(timer);
    expect(warnings).toEqual([expect.stringMatching(/log\.txt went on changing while it was copied/)]);
    expect((await verify(app.settings(), { ...options, source: app.output })).outcome).toBe("sound");
  });
});

describe("restore from such a folder", () => {
  async function changedSince(): Promise<Library> {
    const app = await library();
    await backup(app.settings(), { ...options, output: app.output });
    await app.launch("1.0.0", ["by mistake"]);
    rmSync(join(app.media, "large"), { recursive: true });
    app.write("emma.jpg", "scribbled over").write("new.jpg", "a new cover");
    return app;
  }

  test("brings database and folders back, and keeps what stood there", async () => {
    const app = await changedSince();
    const report = await restore(app.settings(), app.output, options);
    expect(app.titles()).toEqual(["Emma"]);
    expect(readFileSync(join(app.media, "emma.jpg"), "utf8")).toBe("a cover");
    expect(readFileSync(join(app.media, "large/villette.jpg"), "utf8")).toBe("another cover");
    expect(existsSync(join(app.media, "new.jpg"))).toBe(false);
    const aside = report.actions.find(({ action }) => action === "move")?.file ?? "";
    expect(aside).toMatch(/media-\d{8}T\d{6}Z-replaced$/);
    expect(readdirSync(aside).sort()).toEqual(["emma.jpg", "new.jpg"]);
    const launched = await app.guard("1.0.0");
    expect(launched.report.outcome).toBe("opened");
    expect(launched.db.pragma("journal_mode", { simple: true })).toBe("wal");
    await launched.close();
  });

  test("follows a link to where the folder really is, and leaves the link", async () => {
    const app = await library();
    const disk = join(app.folder, "other-disk");
    renameSync(app.media, disk);
    symlinkSync(disk, app.media);
    await backup(app.settings(), { ...options, output: app.output });
    app.write("emma.jpg", "another cover now");
    const { actions } = await restore(app.settings(), app.output, options);
    expect(lstatSync(app.media).isSymbolicLink()).toBe(true);
    expect(readFileSync(join(disk, "emma.jpg"), "utf8")).toBe("a cover");
    const aside = actions.find(({ action }) => action === "move")?.file;
    expect(aside).toMatch(`${disk}-`);
    expect(readFileSync(join(String(aside), "emma.jpg"), "utf8")).toBe("another cover now");
  });

  test("is refused where a link leads to the database", async () => {
    const app = await library();
    await backup(app.settings(), { ...options, output: app.output });
    renameSync(app.media, join(app.folder, "media-before"));
    symlinkSync(app.folder, app.media);
    const before = app.snapshot();
    expect(await refused(restore(app.settings(), app.output, options))).toMatchObject({ code: "SETTINGS_INVALID" });
    expect(app.snapshot()).toEqual(before);
  });

  test("brings both elsewhere, and leaves what is here alone", async () => {
    const app = await changedSince();
    const target = join(app.folder, "elsewhere");
    await restore(app.settings(), app.output, { ...options, target });
    expect(app.titles(join(target, "library.sqlite"))).toEqual(["Emma"]);
    expect(readFileSync(join(target, "media/large/villette.jpg"), "utf8")).toBe("another cover");
    expect(app.titles()).toEqual(["Emma", "by mistake"]);
    expect(readFileSync(join(app.media, "emma.jpg"), "utf8")).toBe("scribbled over");
  });

  test.each<[string, (app: Library) => void]>([
    ["a file of it was changed", (app) => writeFileSync(join(app.output, "extra/media/emma.jpg"), "A cover")],
    ["a file of it is gone", (app) => rmSync(join(app.output, "extra/media/large/villette.jpg"))],
    ["its database was changed", (app) => appendFileSync(join(app.output, "library.sqlite"), "x")],
    [
      "a link stands in the place of one of its folders",
      (app) => {
        rmSync(join(app.output, "extra/media"), { recursive: true });
        symlinkSync(app.media, join(app.output, "extra/media"));
      },
    ],
    ["its manifest leads out of it", (app) => rewrite(app, /extra\/media\/emma/, "../media/emma")],
    ["its manifest names a whole path", (app) => rewrite(app, /"extra\/media\/emma.jpg"/, '"/etc/passwd"')],
    ["its manifest is torn", (app) => writeFileSync(join(app.output, "manifest.json"), '{ "format": 1')],
  ])("is refused where %s", async (_, damage) => {
    const app = await changedSince();
    damage(app);
    const before = app.snapshot();
    const error = await refused(restore(app.settings(), app.output, options));
    expect(["DB_CORRUPT", "INDEX_INVALID"]).toContain(error.code);
    expect(app.snapshot()).toEqual(before);
    expect(readdirSync(app.media).sort()).toEqual(["emma.jpg", "new.jpg"]);
  });

  function rewrite(app: Library, from: RegExp, to: string): void {
    const file = join(app.output, "manifest.json");
    const text = readFileSync(file, "utf8");
    expect(text).toMatch(from);
    writeFileSync(file, text.replace(from, to));
  }
});
