import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { backup, list, type SettingsInput, verify } from "../../src/index.ts";
import { smashTable } from "../faults/damage.ts";
import { AppProcess } from "../fixtures/app-process.ts";
import { refused } from "../fixtures/refusal.ts";
import { query, Workspace } from "../fixtures/workspace.ts";

const options = { appVersion: "1.0.0" } as const;
const LATER = "2027-01-01T10:15:00.000Z";
const later = { ...options, now: () => new Date(LATER) };
const KEEP: Partial<SettingsInput> = { backupRetention: 5 };

/** The versions' backups, of which the newer's layout is ahead of the application's, and one with a label. */
async function three(): Promise<Workspace> {
  const app = new Workspace().release(1);
  await app.launch("1.0.0", ["first"], KEEP);
  await app.launch("1.0.0", [], KEEP);
  await backup(app.settings(KEEP), { ...options, label: "mine" });
  await app.release(2).launch("1.1.0", ["second"], KEEP);
  app.release(1);
  return app;
}

/** One bit, of which neither the index nor SQLite's own check need know. */
function flipBit(file: string): void {
  const bytes = readFileSync(file);
  bytes[bytes.length - 100] = (bytes[bytes.length - 100] ?? 0) ^ 1;
  writeFileSync(file, bytes);
}

describe("verify", () => {
  test("reads every backup, and says how each stands to this application", async () => {
    const app = await three();
    const report = await verify(app.settings(), options);
    const sound = { kind: "backup", ok: true, unknown: false, problem: null, checksum: "matches" };
    expect(report).toMatchObject({
      outcome: "sound",
      database: app.path,
      files: [
        { ...sound, id: "v1.1.0", version: "1.1.0", layout: "ahead" },
        { ...sound, id: "v1.0.0-2", version: "1.0.0", layout: "equal" },
        { ...sound, id: "v1.0.0", path: join(app.backups, "library-v1.0.0.sqlite"), version: "1.0.0" },
      ],
      warnings: [],
    });
    expect(report).not.toHaveProperty("error");
  });

  test("notes in the index when a backup was found sound, and changes nothing else", async () => {
    const app = await three();
    flipBit(join(app.backups, "library-v1.0.0.sqlite"));
    const before = app.snapshot();
    const { files } = await verify(app.settings(), later);
    expect(files.map(({ id, verifiedAt }) => [id, verifiedAt === LATER])).toEqual([
      ["v1.1.0", true],
      ["v1.0.0-2", true],
      ["v1.0.0", false],
    ]);
    const index = "backups/.library-db-index.toml";
    expect({ ...app.snapshot(), [index]: "" }).toEqual({ ...before, [index]: "" });
    const listed = await list(app.settings(), options);
    expect(listed.files.map(({ id, verifiedAt }) => [id, verifiedAt === LATER])).toEqual([
      ["v1.1.0", true],
      ["v1.0.0-2", true],
      ["v1.0.0", false],
    ]);
  });

  test("goes on after a damaged one, and says it in its error", async () => {
    const app = await three();
    flipBit(join(app.backups, "library-v1.1.0.sqlite"));
    const report = await verify(app.settings(), options);
    expect(report).toMatchObject({
      outcome: "damaged",
      files: [{ ok: false, checksum: "differs", version: "1.1.0", layout: null }, { ok: true }, { ok: true }],
      error: {
        code: "DB_CORRUPT",
        message: "1 of 3 files is damaged, first v1.1.0: its bytes do not match its checksum. Nothing was changed.",
        hint: "Take a sound one while the database is: holdfast backup",
        details: { paths: [join(app.backups, "library-v1.1.0.sqlite")] },
      },
    });
  });

  test("sees one that cannot even say whose it is", async () => {
    const app = await three();
    rmSync(app.index());
    const file = join(app.backups, "library-v1.0.0.sqlite");
    writeFileSync(file, "no database at all");
    const { outcome, files } = await verify(app.settings(), options);
    expect(outcome).toBe("damaged");
    expect(files).toContainEqual(expect.objectContaining({ path: file, ok: false, kind: "file" }));
  });

  test("reads one that is named, by id, label and path", async () => {
    const app = await three();
    flipBit(join(app.backups, "library-v1.1.0.sqlite"));
    for (const source of ["v1.0.0-2", "mine", join(app.backups, "library-v1.0.0-2.sqlite")]) {
      const { outcome, files } = await verify(app.settings(), { ...options, source });
      expect([outcome, files.map(({ id }) => id)]).toEqual(["sound", ["v1.0.0-2"]]);
    }
    expect((await refused(verify(app.settings(), { ...options, source: "v9" }))).code).toBe("NOT_FOUND");
  });

  test("holds a copy elsewhere against the checksum beside it, and what it says of itself", async () => {
    const app = await three();
    const elsewhere = join(app.folder, "elsewhere");
    mkdirSync(elsewhere);
    const source = join(elsewhere, "library-v1.0.0.sqlite");
    const own = join(app.backups, "library-v1.0.0.sqlite");
    copyFileSync(own, source);
    const verified = async () => (await verify(app.settings(), { ...options, source })).files;
    expect(await verified()).toMatchObject([{ kind: "file", ok: true, checksum: "matches", layout: "equal" }]);
    flipBit(source);
    expect(await verified()).toMatchObject([{ ok: false, checksum: "differs" }]);
    copyFileSync(own, source);
    writeFileSync(`${source}.sha256`, `${"0".repeat(64)}  library-v1.0.0.sqlite\n`);
    expect(await verified()).toMatchObject([{ ok: false, checksum: "differs" }]);
  });

  test("reads a plain database of which nothing was recorded", async () => {
    const app = await three();
    const source = join(app.folder, "plain.sqlite");
    writeFileSync(source, "");
    query(source, (db) => db.exec("CREATE TABLE book (title)"));
    expect((await verify(app.settings(), { ...options, source })).files).toMatchObject([
      { kind: "file", ok: true, checksum: "none", version: null },
    ]);
  });

  test("reads the demoted databases only where all are asked for", async () => {
    const app = await three();
    await app.launch("1.0.0", [], KEEP);
    const demoted = join(app.backups, "library-v1.1.0-demoted.sqlite");
    smashTable(demoted, "book");
    expect((await verify(app.settings(), options)).outcome).toBe("sound");
    const { outcome, files } = await verify(app.settings(), { ...options, all: true });
    expect(outcome).toBe("damaged");
    expect(files.filter(({ ok }) => !ok)).toMatchObject([{ id: "v1.1.0-demoted", kind: "demoted", checksum: null }]);
  });

  test("works while the application runs, and without a database", async () => {
    const app = await three();
    const running = new AppProcess(app.release(2), "1.1.0", { ...KEEP });
    expect(await running.hear()).toMatchObject({ ok: true });
    await running.order("backup");
    expect((await verify(app.settings(), options)).outcome).toBe("sound");
    await running.kill();
    rmSync(app.path);
    expect((await verify(app.settings(), options)).files).toHaveLength(3);
  });

  test("has nothing to say where there is nothing", async () => {
    const app = new Workspace().release(1);
    expect(await verify(app.settings(), options)).toMatchObject({ outcome: "sound", files: [] });
  });
});
