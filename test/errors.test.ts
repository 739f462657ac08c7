import { describe, expect, test } from "vitest";
import {
  type ErrorCode,
  HoldfastError,
  hasCode,
  isCorruption,
  messageOf,
  named,
  toHoldfastError,
} from "../src/errors.ts";

const coded = (code: string) => Object.assign(new Error(`${code}: it failed`), { code });

/** Each code of the system or of SQLite, and what becomes of it; null: for the caller to judge. */
const CODES: Record<string, ErrorCode | "corruption" | null> = {
  SQLITE_BUSY: "DB_IN_USE",
  SQLITE_BUSY_RECOVERY: "DB_IN_USE",
  SQLITE_BUSY_SNAPSHOT: "DB_IN_USE",
  SQLITE_BUSY_TIMEOUT: "DB_IN_USE",
  SQLITE_LOCKED: "DB_IN_USE",
  SQLITE_LOCKED_SHAREDCACHE: "DB_IN_USE",
  SQLITE_LOCKED_VTAB: "DB_IN_USE",
  SQLITE_PROTOCOL: "DB_IN_USE",

  SQLITE_FULL: "DISK_FULL",
  ENOSPC: "DISK_FULL",
  EDQUOT: "DISK_FULL",

  SQLITE_READONLY: "DB_READ_ONLY",
  SQLITE_READONLY_RECOVERY: "DB_READ_ONLY",
  SQLITE_READONLY_CANTLOCK: "DB_READ_ONLY",
  SQLITE_READONLY_ROLLBACK: "DB_READ_ONLY",
  SQLITE_READONLY_DBMOVED: "DB_READ_ONLY",
  SQLITE_READONLY_CANTINIT: "DB_READ_ONLY",
  SQLITE_READONLY_DIRECTORY: "DB_READ_ONLY",
  EROFS: "DB_READ_ONLY",

  SQLITE_IOERR: "IO_FAILED",
  SQLITE_IOERR_READ: "IO_FAILED",
  SQLITE_IOERR_SHORT_READ: "IO_FAILED",
  SQLITE_IOERR_WRITE: "IO_FAILED",
  SQLITE_IOERR_FSYNC: "IO_FAILED",
  SQLITE_IOERR_NOMEM: "IO_FAILED",
  SQLITE_IOERR_LOCK: "IO_FAILED",
  SQLITE_IOERR_DATA: "IO_FAILED",
  SQLITE_IOERR_CORRUPTFS: "IO_FAILED",
  SQLITE_CANTOPEN: "IO_FAILED",
  SQLITE_CANTOPEN_ISDIR: "IO_FAILED",
  SQLITE_CANTOPEN_FULLPATH: "IO_FAILED",
  SQLITE_CANTOPEN_SYMLINK: "IO_FAILED",
  SQLITE_PERM: "IO_FAILED",
  SQLITE_AUTH: "IO_FAILED",
  SQLITE_NOMEM: "IO_FAILED",
  SQLITE_NOLFS: "IO_FAILED",
  EACCES: "IO_FAILED",
  EPERM: "IO_FAILED",
  EIO: "IO_FAILED",
  ENOENT: "IO_FAILED",
  ENOTDIR: "IO_FAILED",
  EISDIR: "IO_FAILED",
  EEXIST: "IO_FAILED",
  EBUSY: "IO_FAILED",
  ETXTBSY: "IO_FAILED",
  EMFILE: "IO_FAILED",
  ENFILE: "IO_FAILED",
  ENOMEM: "IO_FAILED",
  ELOOP: "IO_FAILED",
  ENAMETOOLONG: "IO_FAILED",
  ESTALE: "IO_FAILED",
  EXDEV: "IO_FAILED",
  EFBIG: "IO_FAILED",
  E2BIG: "IO_FAILED",

  SQLITE_CORRUPT: "corruption",
  SQLITE_CORRUPT_VTAB: "corruption",
  SQLITE_CORRUPT_SEQUENCE: "corruption",
  SQLITE_CORRUPT_INDEX: "corruption",
  SQLITE_NOTADB: "corruption",

  SQLITE_ERROR: null,
  SQLITE_ERROR_MISSING_COLLSEQ: null,
  SQLITE_ERROR_SNAPSHOT: null,
  SQLITE_INTERNAL: null,
  SQLITE_INTERRUPT: null,
  SQLITE_SCHEMA: null,
  SQLITE_TOOBIG: null,
  SQLITE_CONSTRAINT: null,
  SQLITE_CONSTRAINT_FOREIGNKEY: null,
  SQLITE_MISMATCH: null,
  SQLITE_MISUSE: null,
  SQLITE_RANGE: null,
  SQLITE_FORMAT: null,
  ERR_INVALID_ARG_TYPE: null,
  ERR_DLOPEN_FAILED: null,
  "": null,
};

describe("what an error's code means", () => {
  test.each(Object.entries(CODES))("%s: %s", (code, meaning) => {
    const error = coded(code);
    expect(isCorruption(error)).toBe(meaning === "corruption");
    const expected = meaning === "corruption" ? null : meaning;
    expect(toHoldfastError(error, "opening it")?.code ?? null).toBe(expected);
  });

  test.each(Object.entries(CODES).filter(([, meaning]) => meaning !== "corruption"))(
    "%s is never corruption",
    (code) => {
      expect(isCorruption(coded(code))).toBe(false);
    },
  );

  test.each([
    ["an error without a code", new Error("SQLITE_CORRUPT")],
    ["an error whose code is a number", Object.assign(new Error("x"), { code: 11 })],
    ["text", "SQLITE_CORRUPT"],
    ["an object that is no error", { code: "SQLITE_CORRUPT", message: "x" }],
    ["nothing", undefined],
    ["null", null],
  ])("%s has none", (_, error) => {
    expect(hasCode(error)).toBe(false);
    expect(isCorruption(error)).toBe(false);
    expect(toHoldfastError(error, "opening it")).toBeUndefined();
  });
});

describe("what a person is told", () => {
  test.each([
    ["SQLITE_BUSY", "Another program holds the database while opening /data/a.sqlite: SQLITE_BUSY: it failed"],
    ["ENOSPC", "The disk is full while opening /data/a.sqlite: ENOSPC: it failed"],
    ["EROFS", "The file or its medium is read-only while opening /data/a.sqlite: EROFS: it failed"],
    ["EACCES", "The file could not be read or written while opening /data/a.sqlite: EACCES: it failed"],
  ])("%s: what, while doing what, and the system's own words", (code, message) => {
    const cause = coded(code);
    const error = toHoldfastError(cause, "opening /data/a.sqlite");
    expect(error?.message).toBe(message);
    expect(error?.hint).toMatch(/start again|Make the file/);
    expect(error?.details).toEqual({ cause: code });
    expect(error?.cause).toBe(cause);
  });

  test("an error that has its code already stays as it is", () => {
    const error = new HoldfastError({ code: "DB_LOCKED", message: "m", hint: "h" });
    expect(toHoldfastError(error, "opening it")).toBe(error);
  });

  test("the message of anything", () => {
    expect(messageOf(new Error("words"))).toBe("words");
    expect(messageOf("words")).toBe("words");
    expect(messageOf(7)).toBe("7");
    expect(messageOf(undefined)).toBe("undefined");
  });
});

describe("HoldfastError", () => {
  test("carries code, hint, details and cause, and prints as one object", () => {
    const cause = new Error("below");
    const error = new HoldfastError({ code: "DISK_FULL", message: "m", hint: "h", details: { free: 3 } }, { cause });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      name: "HoldfastError",
      code: "DISK_FULL",
      message: "m",
      hint: "h",
      details: { free: 3 },
      cause,
    });
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      code: "DISK_FULL",
      message: "m",
      hint: "h",
      details: { free: 3 },
    });
    expect(String(error)).toBe("HoldfastError: m");
    expect(error.report).toBeUndefined();
  });

  test("has details always", () => {
    expect(new HoldfastError({ code: "ABORTED", message: "m", hint: "h" }).toJSON().details).toEqual({});
  });
});

describe("named", () => {
  test("gives back what the task returns", () => {
    expect(named("opening it", () => 42)).toBe(42);
  });

  test("names the system's errors, and those alone", () => {
    const failing = (error: unknown) => () =>
      named("opening it", () => {
        throw error;
      });
    const plain = new Error("plain");
    expect(failing(coded("ENOSPC"))).toThrow(expect.objectContaining({ code: "DISK_FULL" }));
    expect(failing(coded("SQLITE_CORRUPT"))).toThrow(expect.objectContaining({ code: "SQLITE_CORRUPT" }));
    expect(failing(plain)).toThrow(plain);
  });
});
