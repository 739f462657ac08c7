import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { HoldfastError } from "../src/errors.ts";
import { type LoadOptions, loadSettings, type Settings } from "../src/settings.ts";
import type { SettingsInput } from "../src/settings-glance.ts";
import { camelCase } from "../src/settings-source.ts";
import { scratchFolder } from "./fixtures/scratch-folder.ts";
import { asUnprivileged, permit } from "./fixtures/unprivileged.ts";

const MINIMAL = 'db-path = "data/library.sqlite"\ndb-app-version = "1.2.0"\n';

function file(text: string | Buffer): string {
  const path = join(scratchFolder(), "settings.toml");
  writeFileSync(path, text);
  return path;
}

const load = (text: string, options?: LoadOptions): Promise<Settings> => loadSettings(file(text), options);

async function refusal(task: Promise<unknown>): Promise<HoldfastError> {
  const error = await task.then(
    () => new Error("nothing was refused"),
    (thrown: unknown) => thrown,
  );
  if (error instanceof HoldfastError) return error;
  throw error;
}

describe("defaults", () => {
  test("are filled in, paths are absolute and durations are milliseconds", async () => {
    const path = file(MINIMAL);
    expect(await loadSettings(path)).toEqual({
      origin: path,
      path: join(dirname(path), "data", "library.sqlite"),
      migrations: join(dirname(path), "migrations"),
      appVersion: "1.2.0",
      backupRetention: 2,
      backupDir: undefined,
      backupMode: "background",
      backupMinInterval: 0,
      integrityCheck: "auto",
      integrityInterval: 7 * 86_400_000,
      scrubInterval: 30 * 86_400_000,
      onCorruption: "heal",
      onMissing: "restore",
      onDowngrade: "restore",
      quarantineRetention: 3,
      lockTimeout: 10_000,
      extra: [],
    });
  });
});

/** Each key: what may stand there, and what it becomes; what may not, and why. */
const KEYS: Record<string, { good: [string, unknown][]; bad: [string, RegExp][] }> = {
  "db-path": {
    good: [['"/abs/library.sqlite"', resolve("/abs/library.sqlite")]],
    bad: [
      ["3", /^db-path = 3 must be text in quotes\.$/],
      ['""', /^db-path = "" must not be empty\.$/],
      ['"  "', /must not be empty/],
      ['"a\\u0000b"', /must not hold the character U\+0000/],
      ["true", /must be text in quotes/],
      ['["a"]', /must be text in quotes/],
    ],
  },
  "db-migrations": {
    good: [
      ["false", false],
      ['"/abs/steps"', resolve("/abs/steps")],
    ],
    bad: [
      ["true", /^db-migrations = true must be a folder in quotes, or false for none\.$/],
      ["0", /must be a folder in quotes, or false for none/],
      ['""', /must/],
    ],
  },
  "db-app-version": {
    good: [
      ['"0.0.1"', "0.0.1"],
      ['"1.2.0-beta.1"', "1.2.0-beta.1"],
      ['"1.2.0+build.7"', "1.2.0+build.7"],
      ['"1.2.0-rc.1+exp"', "1.2.0-rc.1+exp"],
    ],
    bad: [
      ['"1.2"', /^db-app-version = "1\.2" must be a semantic version, as in "1\.2\.0"\.$/],
      ['"v1.2.0"', /must be a semantic version/],
      ['"=1.2.0"', /must be a semantic version/],
      ['"1.2.0.4"', /must be a semantic version/],
      ['"01.2.0"', /must be a semantic version/],
      ['"latest"', /must be a semantic version/],
      ["1.2", /must be text in quotes/],
      ['""', /must not be empty/],
    ],
  },
  "db-backup-retention": {
    good: [
      ["0", 0],
      ["1", 1],
      ["10000", 10_000],
      ["1_000", 1000],
    ],
    bad: [
      ["-1", /^db-backup-retention = -1 must be 0 or more\.$/],
      ["10001", /must be 10000 or less/],
      ["1.5", /must be a whole number/],
      ['"2"', /^db-backup-retention = "2" must be a whole number\.$/],
      ["true", /must be a whole number/],
      ["nan", /must be a whole number/],
      ["inf", /must be/],
    ],
  },
  "db-backup-dir": {
    good: [['"/mnt/safe"', resolve("/mnt/safe")]],
    bad: [
      ["false", /must be text in quotes/],
      ['""', /must not be empty/],
      ['"\\u0000"', /must not hold the character U\+0000/],
    ],
  },
  "db-backup-mode": {
    good: [
      ['"background"', "background"],
      ['"blocking"', "blocking"],
    ],
    bad: [
      ['"Blocking"', /^db-backup-mode = "Blocking" must be "background" or "blocking"\.$/],
      ["true", /must be "background" or "blocking"/],
    ],
  },
  "db-backup-min-interval": {
    good: [
      ['"0s"', 0],
      ['"500ms"', 500],
      ['"90s"', 90_000],
      ['"5m"', 300_000],
      ['"12h"', 43_200_000],
      ['"7d"', 604_800_000],
    ],
    bad: [
      ["10", /^db-backup-min-interval = 10 must be a duration in quotes, as in "10s" or "7d"\.$/],
      ['"10"', /must be a duration, as in/],
      ['"-1s"', /must be a duration/],
      ['"1.5h"', /must be a duration/],
      ['"1 h"', /must be a duration/],
      ['"1w"', /must be a duration/],
      ['"1h30m"', /must be a duration/],
      ['"99999999999d"', /must be a duration/],
      ['""', /must be a duration/],
    ],
  },
  "db-integrity-check": {
    good: [
      ['"auto"', "auto"],
      ['"full"', "full"],
    ],
    bad: [['"none"', /^db-integrity-check = "none" must be "auto" or "full"\.$/]],
  },
  "db-integrity-interval": {
    good: [
      ['"0s"', 0],
      ['"7d"', 604_800_000],
    ],
    bad: [["7", /^db-integrity-interval = 7 must be a duration in quotes, as in "10s" or "7d"\.$/]],
  },
  "db-scrub-interval": {
    good: [
      ['"0s"', 0],
      ['"30d"', 2_592_000_000],
    ],
    bad: [['"monthly"', /^db-scrub-interval = "monthly" must be a duration, as in/]],
  },
  "db-on-corruption": {
    good: [
      ['"heal"', "heal"],
      ['"restore"', "restore"],
      ['"refuse"', "refuse"],
    ],
    bad: [['"create"', /^db-on-corruption = "create" must be "heal" or "restore" or "refuse"\.$/]],
  },
  "db-on-missing": {
    good: [
      ['"restore"', "restore"],
      ['"create"', "create"],
      ['"refuse"', "refuse"],
    ],
    bad: [['"ignore"', /must be "restore" or "create" or "refuse"\.$/]],
  },
  "db-on-downgrade": {
    good: [
      ['"restore"', "restore"],
      ['"refuse"', "refuse"],
    ],
    bad: [['"create"', /must be "restore" or "refuse"/]],
  },
  "db-quarantine-retention": {
    good: [
      ["0", 0],
      ["7", 7],
    ],
    bad: [
      ["-3", /^db-quarantine-retention = -3 must be 0 or more\.$/],
      ['"all"', /must be a whole number/],
    ],
  },
  "db-lock-timeout": {
    good: [
      ['"0s"', 0],
      ['"250ms"', 250],
    ],
    bad: [["5", /must be a duration in quotes/]],
  },
  "db-extra": {
    good: [
      ["[]", []],
      ['["/abs/media", "/abs/other"]', ["/abs/media", "/abs/other"].map((name) => ({ name, path: resolve(name) }))],
    ],
    bad: [
      ['"media"', /^db-extra = "media" must be a list of folders, as in \["media"\]\.$/],
      ['[""]', /must not be empty/],
      [
        '["data"]',
        /^db-extra = \["data"\] must not name a folder that holds the database or its backups, as "data" does/,
      ],
      ['["."]', /must not name a folder that holds the database/],
      ['["data/backups"]', /must not name a folder that holds the database or its backups/],
      [
        '["media", "media/large"]',
        /must not name folders of which one holds the other, as "media" and "media\/large" do/,
      ],
      ['["media", "./media"]', /must not name folders of which one holds the other/],
    ],
  },
};

const withKey = (key: string, value: string) =>
  `${MINIMAL.split("\n")
    .filter((line) => !line.startsWith(`${key} `))
    .join("\n")}\n${key} = ${value}\n`;

const GOOD = Object.entries(KEYS).flatMap(([key, { good }]) => good.map((row) => [key, ...row] as const));
const BAD = Object.entries(KEYS).flatMap(([key, { bad }]) => bad.map((row) => [key, ...row] as const));

describe("each key of the file", () => {
  test.each(GOOD)("%s = %s", async (key, value, expected) => {
    expect(await load(withKey(key, value))).toMatchObject({ [camelCase(key)]: expected });
  });

  test.each(BAD)("%s = %s is refused: the file, the key, the value and the fix", async (key, value, why) => {
    const path = file(withKey(key, value));
    const error = await refusal(loadSettings(path));
    expect(error.code).toBe("SETTINGS_INVALID");
    expect(error.message).toContain(`In ${path}, `);
    expect(error.message.slice(`In ${path}, `.length)).toMatch(why);
    expect(error.hint).toContain(key);
    expect(error.details).toMatchObject({ file: path, key });
  });

  test("there is no other, and each is tested here", async () => {
    const { hint } = await refusal(load(`${MINIMAL}db-zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz = 1\n`));
    expect(hint).toBe(`The settings are ${Object.keys(KEYS).join(", ")}.`);
  });
});

describe("a key that Holdfast does not know", () => {
  test.each([
    ["db-backup-retentoin", "db-backup-retention"],
    ["db-backups-retention", "db-backup-retention"],
    ["db-on-corupt", "db-on-corruption"],
    ["db-pth", "db-path"],
    ["db-migration", "db-migrations"],
    ["db-Path", "db-path"],
    ["db-lock_timeout", "db-lock-timeout"],
  ])("%s: did you mean %s?", async (key, suggestion) => {
    const path = file(`${MINIMAL}${key} = 1\n`);
    const error = await refusal(loadSettings(path));
    expect(error).toMatchObject({
      code: "SETTINGS_INVALID",
      message: `In ${path}, ${key} = 1 is not a setting of Holdfast.`,
      hint: `Did you mean ${suggestion}?`,
      details: { file: path, key, value: 1, suggestion },
    });
  });

  test("nothing is near: the settings are listed", async () => {
    const error = await refusal(load(`${MINIMAL}db-favourite-colour = "green"\n`));
    expect(error.hint).toMatch(/^The settings are db-path, db-migrations, /);
    expect(error.details).not.toHaveProperty("suggestion");
  });

  test.each(["db-constructor", "db-__proto__", "db-toString"])("%s is no key that every object has", async (key) => {
    expect((await refusal(load(`${MINIMAL}${key} = 1\n`))).code).toBe("SETTINGS_INVALID");
  });

  test("a table of that name", async () => {
    expect((await refusal(load(`${MINIMAL}[db-backup]\nretention = 2\n`))).message).toContain(
      'db-backup = {"retention":2} is not a setting',
    );
  });

  test("keys without the prefix are not Holdfast's business", async () => {
    const text = `theme = "dark"\nbackup-retention = -5\ndbpath = 3\n${MINIMAL}[window]\nwidth = 1e3\ndb-path = "another table's"\n[db]\npath = 7\n`;
    expect((await load(text)).path).toMatch(/library\.sqlite$/);
  });
});

describe("the file", () => {
  test("that is not there", async () => {
    const path = join(scratchFolder(), "settings.toml");
    expect(await refusal(loadSettings(path))).toMatchObject({
      code: "SETTINGS_INVALID",
      message: `The settings file ${path} does not exist.`,
      hint: 'Name the one that there is (--settings FILE), or create it with at least: db-path = "data/library.sqlite"',
      details: { file: path },
    });
  });

  test("that is a folder", async () => {
    const path = scratchFolder();
    const error = await refusal(loadSettings(path));
    expect(error.code).toBe("SETTINGS_INVALID");
    expect(error.message).toContain(`${path} could not be read: `);
  });

  test.each([
    ["by a link", (path: string) => symlinkSync(file(MINIMAL), path), "1.2.0"],
    ["that is a link in a circle", (path: string) => symlinkSync(path, path), /could not be read: ELOOP/],
    ["that is a FIFO", (path: string) => execFileSync("mkfifo", [path]), /could not be read: it is no regular file/],
    ["that has no end", (path: string) => symlinkSync("/dev/zero", path), /could not be read: it is no regular file/],
  ])("%s", async (_, put, expected) => {
    const path = join(scratchFolder(), "settings.toml");
    put(path);
    if (typeof expected === "string") expect((await loadSettings(path)).appVersion).toBe(expected);
    else expect((await refusal(loadSettings(path))).message).toMatch(expected);
  });

  test.each([
    ["arrays in arrays", `db-path = ${"[".repeat(5000)}${"]".repeat(5000)}\n`],
    ["arrays that nobody closes", `${MINIMAL}a = ${"[".repeat(500_000)}`],
    ["tables in tables", `db-path${".a".repeat(400_000)} = 1\n`],
    ["a huge key", `${MINIMAL}db-${"x".repeat(900_000)} = 1\n`],
    ["a huge value", `${MINIMAL}db-backup-mode = "${"x".repeat(900_000)}"\n`],
  ])("with %s is refused, in words of some lines", async (_, text) => {
    const error = await refusal(loadSettings(file(text)));
    expect(error.code).toBe("SETTINGS_INVALID");
    expect(error.message.length).toBeLessThan(1000);
  });

  test("with a hundred thousand tables is read", async () => {
    const tables = Array.from({ length: 100_000 }, (_, n) => `[t${n}]\n`).join("");
    expect((await load(`${MINIMAL}${tables}`)).appVersion).toBe("1.2.0");
  });

  test("with a table that would be the prototype of others changes none of them", async () => {
    await load(`${MINIMAL}[__proto__]\npolluted = true\n[constructor.prototype]\npolluted = true\n`);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  test("that may not be read", async () => {
    const path = file(MINIMAL);
    permit(dirname(path), 0o755);
    permit(path, 0o000);
    const { error } = await asUnprivileged(new URL("../src/settings.ts", import.meta.url), "loadSettings", path);
    expect(error).toMatchObject({
      code: "SETTINGS_INVALID",
      message: expect.stringMatching(/could not be read: EACCES/),
    });
  });

  test("that is not TOML: the line is named", async () => {
    const path = file('db-path = "a.sqlite"\ndb-app-version = 1.2.0\n');
    const error = await refusal(loadSettings(path));
    expect(error.code).toBe("SETTINGS_INVALID");
    expect(error.message).toMatch(
      new RegExp(`^The settings file ${path.replaceAll(/[\\.]/g, "\\$&")} is not TOML at line 2, column \\d+: `),
    );
    expect(error.message).not.toContain("\n");
    expect(error.hint).toContain("quotes");
  });

  test.each([
    ["a key twice", `${MINIMAL}db-path = "b.sqlite"\n`],
    ["JSON", '{ "db-path": "a.sqlite" }'],
    ["random bytes", Buffer.from([0, 255, 1, 254, 61, 10])],
  ])("that is not TOML: %s", async (_, text) => {
    const error = await refusal(loadSettings(file(text)));
    expect(error.code).toBe("SETTINGS_INVALID");
    expect(error.message).toContain("is not TOML");
  });

  test("that is empty: what is required is named", async () => {
    const path = file("");
    expect(await refusal(loadSettings(path))).toMatchObject({
      message: `In ${path}, db-path is required.`,
      details: { file: path, key: "db-path", value: null },
    });
  });

  test("that is huge is not even read", async () => {
    const path = file(`${MINIMAL}# ${"x".repeat(1 << 20)}\n`);
    const error = await refusal(loadSettings(path));
    expect(error.code).toBe("SETTINGS_INVALID");
    expect(error.message).toMatch(/could not be read: it has \d{7} bytes, where 1048576 are the most\.$/);
  });

  test("with line endings of Windows and a byte order mark", async () => {
    expect((await load(`\uFEFF${MINIMAL.replaceAll("\n", "\r\n")}`)).appVersion).toBe("1.2.0");
  });
});

describe("relative paths", () => {
  test("begin at the settings file, not at the working folder", async () => {
    const folder = scratchFolder();
    mkdirSync(join(folder, "config"));
    const path = join(folder, "config", "settings.toml");
    writeFileSync(
      path,
      'db-path = "../data/library.sqlite"\ndb-migrations = "./steps"\ndb-backup-dir = "../safe"\ndb-app-version = "1.0.0"\n',
    );
    for (const source of [path, relative(process.cwd(), path)]) {
      expect(await loadSettings(source)).toMatchObject({
        origin: path,
        path: join(folder, "data", "library.sqlite"),
        migrations: join(folder, "config", "steps"),
        backupDir: join(folder, "safe"),
      });
    }
  });

  test("of an object begin at the working folder", async () => {
    const settings = await loadSettings({
      path: "data/library.sqlite",
      migrations: "steps",
      backupDir: "safe",
      appVersion: "1.0.0",
    });
    expect(settings).toMatchObject({
      origin: "the settings object",
      path: resolve("data/library.sqlite"),
      migrations: resolve("steps"),
      backupDir: resolve("safe"),
    });
  });
});

describe("settings as an object", () => {
  test("mean the same as in the file", async () => {
    const object: SettingsInput = {
      path: "/data/library.sqlite",
      migrations: false,
      appVersion: "1.2.0",
      backupRetention: 5,
      backupDir: "/mnt/safe",
      backupMode: "blocking",
      backupMinInterval: "1h",
      integrityCheck: "full",
      onCorruption: "refuse",
      onMissing: "create",
      onDowngrade: "refuse",
      quarantineRetention: 1,
      lockTimeout: "2s",
    };
    const text = `
      db-path = "/data/library.sqlite"
      db-migrations = false
      db-app-version = "1.2.0"
      db-backup-retention = 5
      db-backup-dir = "/mnt/safe"
      db-backup-mode = "blocking"
      db-backup-min-interval = "1h"
      db-integrity-check = "full"
      db-on-corruption = "refuse"
      db-on-missing = "create"
      db-on-downgrade = "refuse"
      db-quarantine-retention = 1
      db-lock-timeout = "2s"`;
    const { origin: _, ...fromObject } = await loadSettings(object);
    const { origin: __, ...fromFile } = await load(text);
    expect(fromObject).toEqual(fromFile);
  });

  test("what is undefined is not there", async () => {
    const input = { path: "a.sqlite", appVersion: "1.0.0", backupRetention: undefined } as unknown as SettingsInput;
    expect((await loadSettings(input)).backupRetention).toBe(2);
  });

  test.each<[Record<string, unknown>, string, string]>([
    [{ backupRetention: -1 }, "In the settings object, backupRetention = -1 must be 0 or more.", "backupRetention"],
    [
      { backupRetention: "2" },
      'In the settings object, backupRetention = "2" must be a whole number.',
      "backupRetention",
    ],
    [
      { lockTimeout: 500 },
      'In the settings object, lockTimeout = 500 must be a duration in quotes, as in "10s" or "7d".',
      "lockTimeout",
    ],
    [{ path: undefined }, "In the settings object, path is required.", "path"],
    [
      { appVersion: undefined },
      "In the settings object, appVersion is required, here or in the call or as --app-version.",
      "appVersion",
    ],
  ])("faults are named in camelCase: %j", async (fault, message, key) => {
    const input = { path: "a.sqlite", appVersion: "1.0.0", ...fault } as unknown as SettingsInput;
    const error = await refusal(loadSettings(input));
    expect(error.message).toBe(message);
    expect(error.details).toMatchObject({ file: "the settings object", key });
  });

  test.each([
    ["backupRetentoin", "backupRetention"],
    ["lockTimeOut", "lockTimeout"],
    ["onMising", "onMissing"],
  ])("%s: did you mean %s?", async (key, suggestion) => {
    const error = await refusal(loadSettings({ path: "a.sqlite", appVersion: "1.0.0", [key]: 1 }));
    expect(error.message).toBe(`In the settings object, ${key} = 1 is not a setting of Holdfast.`);
    expect(error.hint).toBe(`Did you mean ${suggestion}?`);
  });

  test("the names of the file are not those of the object", async () => {
    const input = { path: "a.sqlite", appVersion: "1.0.0", "db-backup-retention": 7 } as unknown as SettingsInput;
    const error = await refusal(loadSettings(input));
    expect(error.code).toBe("SETTINGS_INVALID");
    expect(error.hint).toContain("backupRetention");
  });
});

describe("a call from plain JavaScript is checked as well", () => {
  test.each([[null], [undefined], [7], [[]]])("settings: %j", async (settings) => {
    expect((await refusal(loadSettings(settings as unknown as SettingsInput))).code).toBe("SETTINGS_INVALID");
  });

  test("a version that is no text", async () => {
    const options = { appVersion: 2 } as unknown as LoadOptions;
    expect((await refusal(load(MINIMAL, options))).code).toBe("SETTINGS_INVALID");
  });
});

describe("the app's version", () => {
  const WITHOUT = 'db-path = "a.sqlite"\n';

  test("of the call wins", async () => {
    expect((await load(MINIMAL, { appVersion: "2.0.0" })).appVersion).toBe("2.0.0");
    expect((await loadSettings({ path: "a.sqlite", appVersion: "1.0.0" }, { appVersion: "2.0.0" })).appVersion).toBe(
      "2.0.0",
    );
  });

  test("of the call is enough", async () => {
    expect((await load(WITHOUT, { appVersion: "2.0.0" })).appVersion).toBe("2.0.0");
  });

  test("is required where it is needed, and the fix is named", async () => {
    const path = file(WITHOUT);
    const error = await refusal(loadSettings(path));
    expect(error.message).toBe(`In ${path}, db-app-version is required, here or in the call or as --app-version.`);
  });

  test("is not required where it is not needed", async () => {
    const settings = await loadSettings(file(WITHOUT), { versionNeeded: false });
    expect(settings.appVersion).toBeNull();
  });

  test.each(["", "1", "v2.0.0", "two", " 2.0.0"])("of the call is checked as well: %j", async (appVersion) => {
    const error = await refusal(load(MINIMAL, { appVersion }));
    expect(error.code).toBe("SETTINGS_INVALID");
    expect(error.message).toContain(JSON.stringify(appVersion));
    expect(error.message).toContain("must be a semantic version");
    expect(error.message).toContain("the call");
  });

  test("of the file is checked, though the call's wins, only for what it is", async () => {
    expect((await load(`${WITHOUT}db-app-version = "nonsense"\n`, { appVersion: "2.0.0" })).appVersion).toBe("2.0.0");
    expect((await refusal(load(`${WITHOUT}db-app-version = 3\n`, { appVersion: "2.0.0" }))).code).toBe(
      "SETTINGS_INVALID",
    );
  });
});

describe("migrations passed in code", () => {
  const migrations = [{ name: "0001", up: "SELECT 1;" }];

  test("win over the folder", async () => {
    expect((await load(MINIMAL, { migrations })).migrations).toBe(migrations);
    expect((await load(`${MINIMAL}db-migrations = false\n`, { migrations })).migrations).toBe(migrations);
  });

  test("an empty list is a list", async () => {
    expect((await load(MINIMAL, { migrations: [] })).migrations).toEqual([]);
  });

  test("a migrator of the application's own: the folder is not looked for", async () => {
    expect((await load(MINIMAL, { ownMigrator: true })).migrations).toBe(false);
  });
});

test.each([
  ["db-path", "path"],
  ["db-backup-min-interval", "backupMinInterval"],
  ["db-on-missing", "onMissing"],
])("camelCase: %s is %s", (key, name) => {
  expect(camelCase(key)).toBe(name);
});
