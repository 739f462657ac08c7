import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { backup, list, rebuildIndex } from "../../src/index.ts";
import { refused } from "../fixtures/refusal.ts";
import { Workspace } from "../fixtures/workspace.ts";

const options = { appVersion: "1.1.0" } as const;

async function twoAndLabel(): Promise<Workspace> {
  const app = new Workspace().release(1);
  await app.launch("1.0.0", ["first"]);
  await app.launch("1.0.0");
  await backup(app.settings(), { appVersion: "1.0.0", label: "mine" });
  await app.release(2).launch("1.1.0", ["second"]);
  return app;
}

const listed = async (app: Workspace) =>
  (await list(app.settings(), options)).files.map(({ id, version, reason, label }) => [id, version, reason, label]);

describe("rebuild-index", () => {
  test.each<[string, (index: string) => void]>([
    ["is lost", (index) => rmSync(index)],
    ["is torn", (index) => writeFileSync(index, readFileSync(index, "utf8").slice(0, 300))],
    ["is as it should be", () => {}],
  ])("makes an index that %s anew, with labels, order and reasons", async (how, damage) => {
    const app = await twoAndLabel();
    const before = await listed(app);
    damage(app.index());
    const report = await rebuildIndex(app.settings(), options);
    const files = ["library-v1.0.0-2.sqlite", "library-v1.0.0.sqlite", "library-v1.1.0.sqlite"];
    expect(report).toMatchObject({
      outcome: "done",
      operation: "rebuild-index",
      listed: files.map((file) => ({ file: join(app.backups, file), verified: true })),
      leftOut: [],
    });
    expect(report.actions.map(({ action }) => action)).toEqual([
      ...files.map(() => "check"),
      ...(how === "is lost" ? [] : ["move"]),
      "write",
    ]);
    expect(await listed(app)).toEqual(before);
    expect(existsSync(app.index().replace(".toml", "-damaged.toml"))).toBe(how !== "is lost");
    expect(app.kept()).toEqual(files);
  });

  test("removes nothing, however many there are", async () => {
    const app = await twoAndLabel();
    await rebuildIndex(app.settings({ backupRetention: 1 }), options);
    expect(app.kept()).toHaveLength(3);
  });

  test("quarantines one whose bytes have changed, and leaves out what is no backup", async () => {
    const app = await twoAndLabel();
    const rotten = join(app.backups, "library-v1.0.0.sqlite");
    const bytes = readFileSync(rotten);
    bytes[bytes.length - 100] = (bytes[bytes.length - 100] ?? 0) ^ 1;
    writeFileSync(rotten, bytes);
    const foreign = join(app.backups, "library-v9.0.0.sqlite");
    writeFileSync(foreign, "a person's notes");
    const report = await rebuildIndex(app.settings(), options);
    expect(report.actions).toContainEqual(
      expect.objectContaining({ action: "quarantine", file: rotten, reason: expect.stringContaining("checksum") }),
    );
    expect(report.leftOut).toEqual([{ file: foreign, reason: expect.stringContaining("damaged") }]);
    expect((await listed(app)).map(([id]) => id)).toEqual(["v1.1.0", "v1.0.0-2", expect.stringMatching(/-corrupt$/)]);
    expect(app.kept()).toEqual([
      expect.stringMatching(/-corrupt\.sqlite$/),
      "library-v1.0.0-2.sqlite",
      "library-v1.1.0.sqlite",
      "library-v9.0.0.sqlite",
    ]);
  });

  test("works without a database", async () => {
    const app = await twoAndLabel();
    rmSync(app.path);
    rmSync(app.index());
    const report = await rebuildIndex(app.settings(), options);
    expect(report.listed.map(({ verified }) => verified)).toEqual([true, true, true]);
  });

  test("says beforehand what it finds, and changes nothing then", async () => {
    const app = await twoAndLabel();
    writeFileSync(app.index(), "no index");
    const before = app.snapshot();
    const planned = await rebuildIndex(app.settings(), { ...options, dryRun: true });
    expect(planned).toMatchObject({ outcome: "would-do", listed: [{}, {}, {}] });
    expect((await refused(rebuildIndex(app.settings(), { ...options, confirm: () => false }))).code).toBe("ABORTED");
    expect(app.snapshot()).toEqual(before);
  });

  test("leaves everything as it was when it is aborted", async () => {
    const app = await twoAndLabel();
    const before = app.snapshot();
    const controller = new AbortController();
    const onEvent = ({ kind }: { kind: string }) => {
      if (kind === "verify") controller.abort(new Error("enough"));
    };
    const error = await refused(rebuildIndex(app.settings(), { ...options, signal: controller.signal, onEvent }));
    expect(error.code).toBe("ABORTED");
    expect(app.snapshot()).toEqual(before);
    expect(app.temporaries()).toEqual([]);
  });

  test("refuses where there is no backup folder", async () => {
    const app = new Workspace().release(1);
    expect((await refused(rebuildIndex(app.settings(), options))).code).toBe("NOT_FOUND");
  });
});
