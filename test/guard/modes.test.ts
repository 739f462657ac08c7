/** Everything that Holdfast makes is its owner's alone, whatever the umask. */
import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { describe, expect, onTestFinished, test } from "vitest";
import { sha256Of } from "../../src/database/read-raw.ts";
import type { Outcome } from "../fixtures/app-process.ts";
import { scratchFolder } from "../fixtures/scratch-folder.ts";
import { Workspace } from "../fixtures/workspace.ts";

const MASKS = [0o000, 0o022, 0o077, 0o777];
const NOBODY = 65534;

/** For this process and all that it starts. */
function withUmask(mask: number): void {
  const before = process.umask(mask);
  onTestFinished(() => void process.umask(before));
}

/** Every file and folder below, but for what a test made itself. */
function modesIn(folder: string, ...own: readonly string[]): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter(
    (name) => !own.some((each) => name === each || name.startsWith(`${each}/`)),
  );
  return Object.fromEntries(names.map((name) => [name, (lstatSync(join(folder, name)).mode & 0o7777).toString(8)]));
}

function expectPrivate(modes: Record<string, string>, folders: readonly string[]): void {
  const expected = Object.keys(modes).map((name) => [name, folders.includes(name) ? "700" : "600"]);
  expect(modes).toEqual(Object.fromEntries(expected));
}

function write(path: string, sql: string): void {
  const db = new Database(path);
  db.exec(sql);
  db.close();
}

describe.skipIf(process.platform === "win32")("under umask", () => {
  test.each(MASKS.map((mask) => [mask.toString(8).padStart(4, "0"), mask] as const))("%s", async (_, mask) => {
    const app = new Workspace().release(1);
    withUmask(mask);
    const open = await app.guard("1.0.0");
    await open.backup;
    expectPrivate(modesIn(app.folder, "migrations"), ["backups"]);
    open.db.exec("INSERT INTO book (title) VALUES ('Emma')");
    await open.close();
    await app.launch("1.0.0");

    app.release(2);
    await app.launch("1.1.0", ["Persuasion"]);
    app.release(1);
    const downgraded = await app.launch("1.0.0");
    expect(downgraded.actions.map(({ action }) => action)).toContain("demote");
    writeFileSync(app.path, "no database any more");
    writeFileSync(`${app.path}-wal`, "nor a log");
    for (const file of [app.path, `${app.path}-wal`]) chmodSync(file, 0o600);
    expect((await app.launch("1.0.0")).actions.map(({ action }) => action)).toContain("quarantine");
    rmSync(app.path);
    expect((await app.launch("1.0.0")).actions.map(({ action }) => action)).toContain("restore");
    writeFileSync(app.index(), "no index");
    await app.launch("1.0.1");
    const modes = modesIn(app.folder, "migrations");
    expect(Object.keys(modes).length).toBeGreaterThan(12);
    expectPrivate(modes, ["backups"]);
  });
});

test.skipIf(process.platform === "win32")(
  "an adopted database keeps its mode, and nobody else reads its backups",
  async () => {
    const app = new Workspace().release(1);
    write(app.path, "CREATE TABLE own (x)");
    chmodSync(app.path, 0o640);
    await app.launch("1.0.0", ["Emma"]);
    await app.launch("1.0.0");
    app.release(2);
    await app.launch("1.1.0");
    app.release(1);
    await app.launch("1.0.0");
    expect(statSync(app.path).mode & 0o777).toBe(0o640);
    writeFileSync(`${app.path}-wal`, "x".repeat(1000));
    chmodSync(`${app.path}-wal`, 0o644);
    writeFileSync(app.path, "no database any more");
    await app.launch("1.0.0");
    expect(statSync(app.path).mode & 0o777).toBe(0o640);
    expectPrivate(modesIn(app.backups), []);
    rmSync(app.path);
    await app.launch("1.0.0");
    expect(statSync(app.path).mode & 0o777).toBe(0o640);
  },
);

test.skipIf(process.platform === "win32")("a mode that a backup remembers makes no program of a file", async () => {
  const app = new Workspace().release(1);
  await app.launch("1.0.0", ["Emma"]);
  await app.launch("1.0.0");
  const backup = join(app.backups, "library-v1.0.0.sqlite");
  write(backup, "UPDATE _holdfast_backup SET file_mode = 4095");
  // As its maker would see to.
  writeFileSync(`${backup}.sha256`, `${sha256Of(backup)}  library-v1.0.0.sqlite\n`);
  rmSync(app.index());
  rmSync(app.path);
  await app.launch("1.0.0");
  expect(statSync(app.path).mode & 0o7777).toBe(0o666);
});

test.runIf(process.getuid?.() === 0)("a user who owns nothing launches under umask 0777", async () => {
  const folder = scratchFolder();
  chownSync(folder, NOBODY, NOBODY);
  mkdirSync(join(folder, "migrations"));
  writeFileSync(
    join(folder, "migrations", "0001_books.sql"),
    "CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT);",
  );
  const settings = { path: join(folder, "data", "deep", "library.sqlite"), migrations: join(folder, "migrations") };
  const app = fileURLToPath(new URL("../fixtures/app-main.ts", import.meta.url));
  const order = JSON.stringify({ settings, appVersion: "1.0.0" });
  const child = spawn("sh", ["-c", 'umask 0777; exec "$0" "$@"', process.execPath, app, order], {
    uid: NOBODY,
    gid: NOBODY,
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const hear = () =>
    new Promise<Outcome>((resolve, reject) => {
      child.once("message", (outcome: Outcome) => resolve(outcome));
      child.once("exit", (status) => reject(new Error(`it ended with status ${status}`)));
    });
  expect(await hear()).toMatchObject({ ok: true, actions: ["create", "migrate", "stamp"] });
  child.send("backup");
  expect(await hear()).toMatchObject({ ok: true, message: "taken" });
  child.send("close");
  expect(await hear()).toMatchObject({ ok: true });
  expectPrivate(modesIn(folder, "migrations"), ["data", "data/deep", "data/deep/backups"]);
});

const hasStrace = process.platform === "linux" && spawnSync("strace", ["-o", "/dev/null", "true"]).status === 0;

/** The files and folders that a program and its children made, each with the modes that it asked for. */
function modesAtBirth(script: string, folder: string): [string, string][] {
  const logs = scratchFolder();
  const traced = ["-ff", "-qq", "-e", "trace=openat,open,creat,mkdir,mkdirat", "-o", join(logs, "calls")];
  const run = spawnSync("strace", [...traced, process.execPath, "--input-type=module", "-e", script], {
    encoding: "utf8",
  });
  expect(run.stderr).toBe("");
  const lines = readdirSync(logs).flatMap((log) => readFileSync(join(logs, log), "utf8").split("\n"));
  const made = lines.flatMap((line) => {
    const [, path, flags = "", mode = ""] = /"([^"]+)"(.*), 0?\d*?(\d{3})\) = \d/.exec(line) ?? [];
    return path?.startsWith(folder) && /O_CREAT|mkdir/.test(line)
      ? [{ path, mode, alone: flags.includes("O_EXCL") }]
      : [];
  });
  // SQLite asks for a mode whenever it opens a file; it counts only where the file is new.
  const ours = new Set(made.filter(({ alone }) => alone).map(({ path }) => path));
  return made.filter(({ path, alone }) => alone || !ours.has(path)).map(({ path, mode }) => [path, mode]);
}

describe.runIf(hasStrace)("no file is ever open to others, not even while it is made:", () => {
  test("those of a first launch with its backup, and of one that restores", () => {
    const app = new Workspace().release(1);
    const library = new URL("../../dist/index.js", import.meta.url).href;
    const made = modesAtBirth(
      `import { guard } from ${JSON.stringify(library)};
       import { rmSync } from "node:fs";
       process.umask(0);
       for (let n = 0; n < 3; n++) {
         const opened = await guard(${JSON.stringify(app.settings())}, { appVersion: "1.0.0" });
         await opened.backup;
         await opened.close();
         if (n === 1) rmSync(${JSON.stringify(app.path)});
       }`,
      app.folder,
    );
    expect(made.length).toBeGreaterThan(20);
    expect(made.filter(([, mode]) => mode !== "600" && mode !== "700")).toEqual([]);
  });

  test("a copy of a file that others may read", () => {
    const folder = scratchFolder();
    const [from, to] = [join(folder, "from"), join(folder, "to")];
    writeFileSync(from, "x".repeat(3_000_000));
    chmodSync(from, 0o644);
    const module = new URL("../../src/platform/atomic-file.ts", import.meta.url).href;
    const script = `import { copyDurably } from ${JSON.stringify(module)}; copyDurably(${JSON.stringify(from)}, ${JSON.stringify(to)})`;
    expect(modesAtBirth(script, folder)).toEqual([[to, "600"]]);
    expect(readFileSync(to)).toEqual(readFileSync(from));
  });

  test("and a program that makes one so is seen", () => {
    const folder = scratchFolder();
    const made = join(folder, "made");
    const script = `import { writeFileSync } from "node:fs"; writeFileSync(${JSON.stringify(made)}, "x")`;
    expect(modesAtBirth(script, folder)).toEqual([[made, "666"]]);
  });
});
