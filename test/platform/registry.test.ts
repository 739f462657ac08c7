import { linkSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import type { HoldfastError } from "../../src/errors.ts";
import { register } from "../../src/platform/registry.ts";
import { scratchFolder } from "../fixtures/scratch-folder.ts";

function enter(path: string, by: typeof register = register): () => void {
  const leave = by(path);
  onTestFinished(leave);
  return leave;
}

function refusal(path: string, by: typeof register = register): Pick<HoldfastError, "code" | "message" | "details"> {
  try {
    enter(path, by);
  } catch (error) {
    const { code, message, details } = error as HoldfastError;
    return { code, message, details };
  }
  throw new Error(`${path} was entered`);
}

function file(name = "library.sqlite"): string {
  const path = join(scratchFolder(), name);
  writeFileSync(path, "x");
  return path;
}

test("a path is entered once", () => {
  const path = file();
  enter(path);
  expect(refusal(path)).toEqual({
    code: "DB_IN_USE",
    message: `This process has guarded ${path} already.`,
    details: { path, guardedAs: path },
  });
});

test("a file that does not exist yet is entered by its path", () => {
  const path = join(scratchFolder(), "library.sqlite");
  enter(path);
  expect(refusal(path).code).toBe("DB_IN_USE");
});

test("the same file under a hard link", () => {
  const path = file();
  const second = join(path, "..", "second.sqlite");
  linkSync(path, second);
  enter(path);
  expect(refusal(second)).toEqual({
    code: "DB_IN_USE",
    message: `This process has guarded ${path} already, and ${second} is the same file.`,
    details: { path: second, guardedAs: path },
  });
});

test("a file that came to be after it was entered, under a hard link", () => {
  const path = join(scratchFolder(), "library.sqlite");
  enter(path);
  writeFileSync(path, "x");
  const second = join(path, "..", "second.sqlite");
  linkSync(path, second);
  expect(refusal(second).code).toBe("DB_IN_USE");
});

test("a file that was replaced after it was entered: the old one under a hard link is another", () => {
  const path = file();
  const old = join(path, "..", "old.sqlite");
  linkSync(path, old);
  enter(path);
  writeFileSync(`${path}.new`, "y");
  renameSync(`${path}.new`, path);
  expect(() => enter(old)).not.toThrow();
});

test("two files that do not exist are not the same", () => {
  const folder = scratchFolder();
  enter(join(folder, "a.sqlite"));
  expect(() => enter(join(folder, "b.sqlite"))).not.toThrow();
});

test("two files with the same content are not the same", () => {
  enter(file());
  expect(() => enter(file())).not.toThrow();
});

test("once taken out, it may be entered again", () => {
  const path = file();
  enter(path)();
  enter(path)();
  rmSync(path);
  expect(() => enter(path)).not.toThrow();
});

test("a refused one leaves the first where it is", () => {
  const path = file();
  enter(path);
  expect(refusal(path).code).toBe("DB_IN_USE");
  expect(refusal(path).code).toBe("DB_IN_USE");
});

test("two copies of Holdfast in one process share it", async () => {
  const path = file();
  enter(path);
  vi.resetModules();
  const copy = await import("../../src/platform/registry.ts");
  expect(copy.register).not.toBe(register);
  expect(refusal(path, copy.register).code).toBe("DB_IN_USE");
});
