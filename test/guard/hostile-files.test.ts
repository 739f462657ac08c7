/** What somebody may have put where Holdfast looks for its own files: none of it may hold a launch up or lead it away. */
import { execFileSync } from "node:child_process";
import {
  closeSync,
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Places, placesOf, temporaryIn } from "../../src/places.ts";
import { AppProcess, type Outcome } from "../fixtures/app-process.ts";
import { outcomeWithin } from "../fixtures/outcome-within.ts";
import { Workspace } from "../fixtures/workspace.ts";

/** A guarded database with a backup, closed cleanly, and somebody's file outside of everything. */
class Scene extends Workspace {
  readonly places: Places;
  readonly outside: string = join(this.folder, "elsewhere", "precious.txt");

  constructor() {
    super();
    this.places = placesOf(join(realpathSync(this.folder), "library.sqlite"), undefined);
    mkdirSync(join(this.folder, "elsewhere"));
    writeFileSync(this.outside, "precious");
  }

  static async guarded(): Promise<Scene> {
    const scene = new Scene();
    await scene.release(1).launch("1.0.0", ["Emma"]);
    await scene.launch("1.0.0");
    return scene;
  }

  /** What a launch in another process comes to, its backup included. */
  async launched(appVersion = "1.0.1"): Promise<Outcome | "hung"> {
    const app = new AppProcess(this, appVersion, { backupRetention: 1, quarantineRetention: 0 });
    const outcome = await outcomeWithin(app);
    if (outcome === "hung" || !outcome.ok) return outcome;
    app.process.send("backup");
    const backedUp = await outcomeWithin(app);
    app.process.send("close");
    const closed = await outcomeWithin(app);
    return backedUp === "hung" || closed === "hung"
      ? "hung"
      : { ...outcome, ...closed, message: `backup ${backedUp.message}` };
  }

  expectNothingLedAway(): void {
    expect(readdirSync(join(this.folder, "elsewhere"))).toEqual(["precious.txt"]);
    expect(readFileSync(this.outside, "utf8")).toBe("precious");
  }
}

const KINDS: Readonly<Record<string, (path: string, scene: Scene) => void>> = {
  "a FIFO": (path) => execFileSync("mkfifo", [path]),
  "a device without an end": (path) => symlinkSync("/dev/zero", path),
  "a folder": (path) => mkdirSync(path),
  "a link to a file": (path, { outside }) => symlinkSync(outside, path),
  "a link to a folder": (path, { folder }) => symlinkSync(join(folder, "elsewhere"), path),
  "a link that dangles": (path, { folder }) => symlinkSync(join(folder, "elsewhere", "made"), path),
  "a link in a circle": (path) => symlinkSync(path, path),
  "a second name of a file": (path, { outside }) => linkSync(outside, path),
  "a huge file": (path) => {
    closeSync(openSync(path, "w"));
    truncateSync(path, 3e9);
  },
};

const kinds = Object.entries(KINDS);
/** The ways to hold a launch up or to lead it away; the others differ from these in how they are made only. */
const worst = kinds.filter(([name]) => ["a FIFO", "a link that dangles"].includes(name));

function put(path: string, kind: (path: string, scene: Scene) => void, scene: Scene): void {
  rmSync(path, { force: true });
  kind(path, scene);
}

describe("a launch opens, although in the place of its records and backups there is", () => {
  test.each(kinds)("%s", async (_, kind) => {
    const scene = await Scene.guarded();
    const { places, backups } = scene;
    const temporary = temporaryIn(backups, places, "backup");
    for (const file of [
      places.index,
      places.seal,
      places.opened,
      temporary,
      ...[
        "library-v1.0.0.sqlite.sha256",
        "library-v1.0.0.sqlite-wal",
        "library-v0.9.0.sqlite",
        "library-20200101T000000Z-corrupt.sqlite",
        "library-20200101T000001Z-corrupt.sqlite",
        "library-20200101T000001Z-corrupt.sqlite-wal",
        "library-v2.0.0-demoted.sqlite",
      ].map((file) => join(backups, file)),
    ]) {
      put(file, kind, scene);
    }
    const isOurs = lstatSync(temporary).isFile();
    expect(await scene.launched()).toMatchObject({ ok: true });
    scene.expectNothingLedAway();
    expect(lstatSync(temporary, { throwIfNoEntry: false }) === undefined).toBe(isOurs);
    expect(scene.titles()).toEqual(["Emma"]);
  });
});

describe("a database is restored, although beside the backup there is", () => {
  test.each([...worst, ...kinds.slice(-1)])("%s by the name of a newer one", async (_, kind) => {
    const scene = await Scene.guarded();
    rmSync(scene.path);
    put(join(scene.backups, "library-v1.0.5.sqlite"), kind, scene);
    const outcome = await scene.launched();
    scene.expectNothingLedAway();
    expect(outcome).toMatchObject({ ok: true, actions: expect.arrayContaining(["restore"]) });
    expect(existsSync(scene.path)).toBe(true);
  });
});

describe("what has taken the place of the listed backup is no backup:", () => {
  test.each([...worst, ...kinds.slice(-2, -1)])("%s", async (_, kind) => {
    const scene = await Scene.guarded();
    put(join(scene.backups, "library-v1.0.0.sqlite"), kind, scene);
    expect(await scene.launched("1.0.0")).toMatchObject({ ok: true, message: "backup taken" });
    scene.expectNothingLedAway();
  });
});

describe("a launch refuses, waits for nothing and makes nothing elsewhere, where", () => {
  const places: readonly [string, (scene: Scene) => string, string][] = [
    ["the record of a swap", ({ places }) => places.intent, "SWAP_INTERRUPTED"],
    ["the launch lock", ({ places }) => places.lock, "IO_FAILED"],
    ["the write-ahead log", ({ path }) => `${path}-wal`, "IO_FAILED"],
    ["the rollback journal", ({ path }) => `${path}-journal`, "IO_FAILED"],
    ["the shared memory", ({ path }) => `${path}-shm`, "IO_FAILED"],
    ["the database", ({ path }) => path, "IO_FAILED"],
  ];
  const wrong = kinds.filter(([name]) => ["a FIFO", "a folder"].includes(name));
  test.each(
    places.flatMap(([what, where, code]) => wrong.map(([name, kind]) => [what, name, where, kind, code] as const)),
  )("%s is %s", async (_what, _name, where, kind, code) => {
    const scene = await Scene.guarded();
    const path = where(scene);
    if (existsSync(path)) renameSync(path, `${path}.kept`);
    kind(path, scene);
    const outcome = await outcomeWithin(new AppProcess(scene, "1.0.1"));
    expect(outcome).toMatchObject({ ok: false, code });
    scene.expectNothingLedAway();
  });

  test.each([
    ["the launch lock is a link", ({ places }: Scene) => places.lock],
    ["the log is a link", ({ path }: Scene) => `${path}-wal`],
    ["the journal is a link", ({ path }: Scene) => `${path}-journal`],
    ["the shared memory is a link", ({ path }: Scene) => `${path}-shm`],
  ])("%s", async (_, where) => {
    for (const target of ["precious.txt", "made"]) {
      const scene = await Scene.guarded();
      put(where(scene), (path) => symlinkSync(join(scene.folder, "elsewhere", target), path), scene);
      expect(await scene.launched()).toMatchObject({ ok: false, code: "IO_FAILED" });
      scene.expectNothingLedAway();
    }
  });
});

test("a failed backup is a warning where the lock of the index is no file", async () => {
  for (const [, kind] of worst) {
    const scene = await Scene.guarded();
    put(scene.places.indexLock, kind, scene);
    expect(await scene.launched()).toMatchObject({ ok: true, message: "backup failed" });
    scene.expectNothingLedAway();
  }
});

test("a database that the user keeps behind a link is opened, and its backups lie beside the file itself", async () => {
  const scene = new Scene();
  const real = join(scene.folder, "elsewhere", "library.sqlite");
  symlinkSync(real, scene.path);
  await scene.release(1).launch("1.0.0", ["Emma"]);
  expect(scene.titles(real)).toEqual(["Emma"]);
  expect(readdirSync(join(scene.folder, "elsewhere", "backups"))).toContain("library-v1.0.0.sqlite");
});

test("a backup that was copied under a name that Windows reserves is not one", async () => {
  const scene = await Scene.guarded();
  const backup = join(scene.backups, "library-v1.0.0.sqlite");
  for (const name of ["CON", "nul.sqlite", "library-v1.0.1.sqlite.", "library-v1.0.1.sqlite:stream"]) {
    copyFileSync(backup, join(scene.backups, name));
  }
  expect(await scene.launched("1.0.0")).toMatchObject({ ok: true });
  const index = readFileSync(scene.index(), "utf8");
  expect(index.match(/^file = .*$/gm)).toEqual([`file = "${basename(backup)}"`]);
});
