import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import {
  copyDurably,
  createPrivateFile,
  createPrivateFolder,
  identify,
  removeDurably,
  replaceFile,
  sameIdentity,
  secondName,
  syncFile,
  syncFolder,
  writeAtomically,
} from "../../src/platform/atomic-file.ts";
import { scratchFolder } from "../fixtures/scratch-folder.ts";
import { asUnprivileged, permit } from "../fixtures/unprivileged.ts";

const WINDOWS = process.platform === "win32";

/** What reached the file system, in order, and what is to fail there. */
const watch = vi.hoisted(() => ({
  calls: [] as string[],
  fail: {} as Partial<Record<"fsync" | "write" | "link" | "rename" | "copy", string>>,
}));

vi.mock("../../src/platform/builtins.ts", async (original) => {
  const builtins = await original<typeof import("../../src/platform/builtins.ts")>();
  const { fs: real } = builtins;
  const opened = new Map<number, string>();
  const note = (call: keyof typeof watch.fail | "open" | "unlink" | "remove", file: unknown) => {
    watch.calls.push(`${call} ${String(file).split(/[\\/]/).at(-1)}`);
    const code = call in watch.fail ? watch.fail[call as keyof typeof watch.fail] : undefined;
    if (code !== undefined) throw Object.assign(new Error(`${code}: it failed`), { code });
  };
  const replaced: Partial<typeof real> = {
    openSync: (file, flags, mode) => {
      const fd = real.openSync(file, flags, mode);
      opened.set(fd, String(file));
      return fd;
    },
    writeFileSync: (file, data, options) => {
      note("write", typeof file === "number" ? opened.get(file) : file);
      real.writeFileSync(file, data, options);
    },
    fsyncSync: (fd) => {
      note("fsync", opened.get(fd));
      real.fsyncSync(fd);
    },
    renameSync: (from, to) => {
      note("rename", to);
      real.renameSync(from, to);
    },
    linkSync: (from, to) => {
      note("link", to);
      real.linkSync(from, to);
    },
    unlinkSync: (file) => {
      note("unlink", file);
      real.unlinkSync(file);
    },
    copyFileSync: (from, to, mode) => {
      real.copyFileSync(from, to, mode);
      note("copy", to);
    },
  };
  return { ...builtins, fs: { ...real, ...replaced } };
});

/** The calls that `task` makes; folders are named by their last part. */
function callsOf(task: () => void): string[] {
  watch.calls.length = 0;
  task();
  return [...watch.calls];
}

function failing(call: keyof typeof watch.fail, code: string): void {
  watch.fail[call] = code;
  onTestFinished(() => {
    delete watch.fail[call];
  });
}

function withUmask(mask: number): void {
  const before = process.umask(mask);
  onTestFinished(() => void process.umask(before));
}

const modeOf = (file: string) => fs.statSync(file).mode & 0o777;
const PRIVATE_FILE = WINDOWS ? 0o666 : 0o600;
const PRIVATE_FOLDER = WINDOWS ? 0o666 : 0o700;
const codeOf = (code: string) => expect.objectContaining({ code });

function place(): { folder: string; file: string; temporary: string } {
  const folder = scratchFolder();
  return { folder, file: join(folder, "index.toml"), temporary: join(folder, "index.tmp") };
}

describe("writeAtomically", () => {
  test("writes a new file, and leaves no temporary", () => {
    const { folder, file, temporary } = place();
    writeAtomically(file, "größe\n", temporary);
    expect(fs.readFileSync(file, "utf8")).toBe("größe\n");
    expect(fs.readdirSync(folder)).toEqual(["index.toml"]);
  });

  test("replaces a file as a whole", () => {
    const { file, temporary } = place();
    fs.writeFileSync(file, "a long text that was there before");
    writeAtomically(file, "new", temporary);
    expect(fs.readFileSync(file, "utf8")).toBe("new");
  });

  test("flushes the text before the rename, and the folder after it", () => {
    const { folder, file, temporary } = place();
    expect(callsOf(() => writeAtomically(file, "x", temporary))).toEqual([
      "write index.tmp",
      "fsync index.tmp",
      "rename index.toml",
      ...(WINDOWS ? [] : [`fsync ${basename(folder)}`]),
    ]);
  });

  test.each([0o000, 0o022, 0o077, 0o777])("is private under umask %i", (mask) => {
    withUmask(mask);
    const { file, temporary } = place();
    writeAtomically(file, "x", temporary);
    expect(modeOf(file)).toBe(PRIVATE_FILE);
  });

  test.each([
    ["write", "ENOSPC"],
    ["fsync", "EIO"],
    ["rename", "EIO"],
  ] as const)("a %s that fails leaves the old text and no temporary", (call, code) => {
    const { folder, file, temporary } = place();
    fs.writeFileSync(file, "old");
    failing(call, code);
    expect(() => writeAtomically(file, "new", temporary)).toThrow(codeOf(code));
    expect(fs.readFileSync(file, "utf8")).toBe("old");
    expect(fs.readdirSync(folder)).toEqual(["index.toml"]);
  });

  test("a flush that failed is never tried again", () => {
    const { file, temporary } = place();
    failing("fsync", "EIO");
    const calls = callsOf(() => expect(() => writeAtomically(file, "new", temporary)).toThrow("EIO"));
    expect(calls).toEqual(["write index.tmp", "fsync index.tmp", "unlink index.tmp"]);
  });

  test("a folder that is not there", () => {
    const { folder } = place();
    expect(() => writeAtomically(join(folder, "no", "index.toml"), "x", join(folder, "no", "x.tmp"))).toThrow(
      codeOf("ENOENT"),
    );
  });
});

test("in a folder that may not be written: the old text stays", async () => {
  const { folder, file, temporary } = place();
  fs.writeFileSync(file, "old");
  permit(file, 0o600);
  permit(folder, 0o555);
  const module = new URL("../../src/platform/atomic-file.ts", import.meta.url);
  expect(await asUnprivileged(module, "writeAtomically", file, "new", temporary)).toMatchObject({
    error: { code: "EACCES" },
  });
  expect(fs.readFileSync(file, "utf8")).toBe("old");
});

describe("createPrivateFile", () => {
  test.each([0o000, 0o022, 0o077, 0o777])("makes an empty file for its owner alone, under umask %i", (mask) => {
    withUmask(mask);
    const { file } = place();
    createPrivateFile(file);
    expect(fs.statSync(file).size).toBe(0);
    expect(modeOf(file)).toBe(PRIVATE_FILE);
  });

  test("never touches a file that is there", () => {
    const { file } = place();
    fs.writeFileSync(file, "mine");
    fs.chmodSync(file, 0o644);
    const before = modeOf(file);
    expect(() => createPrivateFile(file)).toThrow(codeOf("EEXIST"));
    expect(fs.readFileSync(file, "utf8")).toBe("mine");
    expect(modeOf(file)).toBe(before);
  });

  test("does not follow a link", () => {
    const { folder, file } = place();
    fs.symlinkSync(join(folder, "target"), file);
    expect(() => createPrivateFile(file)).toThrow(codeOf("EEXIST"));
    expect(fs.existsSync(join(folder, "target"))).toBe(false);
  });
});

describe("createPrivateFolder", () => {
  test.each([0o000, 0o022, 0o077, 0o777])(
    "makes the folder and its parents for their owner alone, under umask %i",
    (mask) => {
      withUmask(mask);
      const { folder } = place();
      createPrivateFolder(join(folder, "a", "b", "c"));
      for (const made of ["a", "a/b", "a/b/c"]) expect(modeOf(join(folder, made))).toBe(PRIVATE_FOLDER);
    },
  );

  test("leaves a folder that is there as it is", () => {
    const { folder } = place();
    const shared = join(folder, "shared");
    fs.mkdirSync(shared);
    fs.chmodSync(shared, 0o755);
    const before = modeOf(shared);
    createPrivateFolder(shared);
    createPrivateFolder(join(shared, "backups"));
    expect(modeOf(shared)).toBe(before);
  });

  test("makes each new name durable", () => {
    const { folder } = place();
    const flushed = callsOf(() => createPrivateFolder(join(folder, "a", "b")));
    expect(flushed.sort()).toEqual(WINDOWS ? [] : ["fsync a", `fsync ${basename(folder)}`].sort());
  });

  test("a file in the way", () => {
    const { file } = place();
    fs.writeFileSync(file, "x");
    expect(() => createPrivateFolder(file)).toThrow(codeOf("EEXIST"));
    expect(() => createPrivateFolder(join(file, "deeper"))).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^E(NOTDIR|EXIST|NOENT)$/) }),
    );
  });
});

describe("replaceFile and removeDurably", () => {
  test("a rename and a removal are flushed with their folder", () => {
    const { folder, file, temporary } = place();
    fs.writeFileSync(temporary, "new");
    const flush = WINDOWS ? [] : [`fsync ${basename(folder)}`];
    expect(callsOf(() => replaceFile(temporary, file))).toEqual(["rename index.toml", ...flush]);
    expect(callsOf(() => removeDurably(file))).toEqual(["unlink index.toml", ...flush]);
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  test("a file that is gone already is no error, and its folder is flushed all the same", () => {
    const { folder, file } = place();
    expect(callsOf(() => removeDurably(file))).toEqual([
      "unlink index.toml",
      ...(WINDOWS ? [] : [`fsync ${basename(folder)}`]),
    ]);
  });

  test("a folder is no file", () => {
    const { folder } = place();
    fs.mkdirSync(join(folder, "sub"));
    expect(() => removeDurably(join(folder, "sub"))).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^E(ISDIR|PERM|ACCES)$/) }),
    );
    expect(fs.existsSync(join(folder, "sub"))).toBe(true);
  });

  test("the file and its folder can be flushed for themselves", () => {
    const { folder, file } = place();
    fs.writeFileSync(file, "x");
    expect(callsOf(() => syncFile(file))).toEqual(["fsync index.toml"]);
    expect(callsOf(() => syncFolder(folder))).toEqual(WINDOWS ? [] : [`fsync ${basename(folder)}`]);
  });
});

describe("secondName", () => {
  const never = () => Promise.reject(new Error("it was copied"));

  test("is a hard link: one file under two names", async () => {
    const { file, temporary } = place();
    fs.writeFileSync(file, "x");
    await secondName(file, temporary, never);
    expect(fs.statSync(temporary).ino).toBe(fs.statSync(file).ino);
  });

  test("never takes a name that another file has", async () => {
    const { file, temporary } = place();
    fs.writeFileSync(file, "x");
    fs.writeFileSync(temporary, "another");
    await expect(secondName(file, temporary, never)).rejects.toMatchObject({ code: "EEXIST" });
    expect(fs.readFileSync(temporary, "utf8")).toBe("another");
  });

  test.each(["EXDEV", "EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK", "EINVAL"])(
    "is a copy where links end in %s",
    async (code) => {
      const { file, temporary } = place();
      fs.writeFileSync(file, "x");
      failing("link", code);
      await secondName(file, temporary, async (from, to) => copyDurably(from, to));
      expect(fs.readFileSync(temporary, "utf8")).toBe("x");
      expect(fs.statSync(temporary).ino).not.toBe(fs.statSync(file).ino);
    },
  );

  test.each(["EACCES", "EIO", "ENOSPC", "EROFS", "EDQUOT"])("%s is thrown, and nothing copied", async (code) => {
    const { file, temporary } = place();
    fs.writeFileSync(file, "x");
    failing("link", code);
    await expect(secondName(file, temporary, never)).rejects.toMatchObject({ code });
    expect(fs.existsSync(temporary)).toBe(false);
  });

  test("a copy that fails is thrown", async () => {
    const { file, temporary } = place();
    failing("link", "EXDEV");
    await expect(secondName(file, temporary, () => Promise.reject(new Error("no room")))).rejects.toThrow("no room");
  });
});

describe("copyDurably", () => {
  test("the same bytes, private and flushed", () => {
    const { file, temporary } = place();
    fs.writeFileSync(file, Buffer.from([0, 255, 10, 13]));
    for (const mode of [0o600, 0o644]) {
      fs.chmodSync(file, mode);
      fs.rmSync(temporary, { force: true });
      const calls = callsOf(() => copyDurably(file, temporary));
      expect(fs.readFileSync(temporary)).toEqual(Buffer.from([0, 255, 10, 13]));
      expect(modeOf(temporary)).toBe(PRIVATE_FILE);
      expect(calls).toEqual([...(mode === 0o600 || WINDOWS ? ["copy index.tmp"] : []), "fsync index.tmp"]);
    }
  });

  test("never replaces a file", () => {
    const { file, temporary } = place();
    fs.writeFileSync(file, "new");
    fs.writeFileSync(temporary, "mine");
    expect(() => copyDurably(file, temporary)).toThrow(codeOf("EEXIST"));
    expect(fs.readFileSync(temporary, "utf8")).toBe("mine");
  });

  test.each([
    ["copy", "ENOSPC"],
    ["fsync", "EIO"],
  ] as const)("a %s that fails leaves no half copy", (call, code) => {
    const { folder, file, temporary } = place();
    fs.writeFileSync(file, "x");
    fs.chmodSync(file, 0o600);
    failing(call, code);
    expect(() => copyDurably(file, temporary)).toThrow(codeOf(code));
    expect(fs.readdirSync(folder)).toEqual(["index.toml"]);
  });

  test("a file that is not there", () => {
    const { folder, file, temporary } = place();
    expect(() => copyDurably(file, temporary)).toThrow(codeOf("ENOENT"));
    expect(fs.readdirSync(folder)).toEqual([]);
  });
});

describe("identity", () => {
  test("none for a file that is not there", () => {
    expect(identify(place().file)).toBeNull();
  });

  test("of a link: that of the file it leads to", () => {
    const { file, temporary } = place();
    fs.writeFileSync(file, "x");
    fs.symlinkSync(file, temporary);
    expect(sameIdentity(identify(temporary), identify(file))).toBe(true);
  });

  test("stays through a second name and a rename", () => {
    const { file, temporary } = place();
    fs.writeFileSync(file, "x");
    const before = identify(file);
    fs.linkSync(file, temporary);
    expect(identify(file)).toEqual(before);
    fs.renameSync(file, join(dirname(file), "renamed"));
    expect(identify(join(dirname(file), "renamed"))).toEqual(before);
  });

  test.each([
    [{ ino: "1", size: "2", mtime: "3" }, { ino: "1", size: "2", mtime: "3" }, true],
    [{ ino: "1", size: "2", mtime: "3" }, { ino: "9", size: "2", mtime: "3" }, false],
    [{ ino: "1", size: "2", mtime: "3" }, { ino: "1", size: "9", mtime: "3" }, false],
    [{ ino: "1", size: "2", mtime: "3" }, { ino: "1", size: "2", mtime: "9" }, false],
    [{ ino: "1", size: "2", mtime: "3" }, null, false],
    [undefined, { ino: "1", size: "2", mtime: "3" }, false],
    [null, undefined, true],
  ])("%j and %j: %s", (a, b, same) => {
    expect(sameIdentity(a, b)).toBe(same);
  });
});
