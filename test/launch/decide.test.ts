import { describe, expect, test } from "vitest";
import {
  type Decision,
  decide,
  decideBehind,
  foreseeableBackup,
  isSameDatabase,
  type Rules,
} from "../../src/launch/decide.ts";
import type { Facts } from "../../src/launch/facts.ts";
import { indexEntry } from "../fixtures/index-entry.ts";
import {
  APP_LAYOUT,
  alone,
  app,
  BOOKS,
  backupRow,
  corrupt,
  DATABASE,
  DATABASE_ID,
  examined,
  facts,
  files,
  impossible,
  inspection,
  LOANS,
  NEWER,
  OLDER,
  self,
  step,
  survey,
  TAGS,
  verified,
} from "./facts-builder.ts";

const RULES: Rules = {
  backupRetention: 2,
  onCorruption: "restore",
  onMissing: "restore",
  onDowngrade: "restore",
  lockTimeout: 10_000,
  integrityCheck: "auto",
};

interface Row {
  readonly when: string;
  readonly facts: Facts;
  readonly rules?: Partial<Rules>;
  /** What the decision must hold, at least. */
  readonly decision: object;
}

function decides(rows: readonly Row[]): void {
  test.each(rows)("$when", ({ facts, rules, decision }) => {
    const made = decide(facts, { ...RULES, ...rules });
    expect(made).toMatchObject(decision);
    expect(wordsOf(made)).toMatch(/\w{3}/);
  });
}

/** What a person is told: the reason of an action, the hint of a refusal. */
function wordsOf(decision: Decision): string {
  return decision.do === "refuse" ? decision.refusal.hint : decision.reason;
}

const refuse = (code: string, message: string | RegExp, rest: object = {}) => ({
  do: "refuse",
  refusal: { code, message: typeof message === "string" ? message : expect.stringMatching(message), ...rest },
});
const verify = (file: string) => ({ do: "verify", backup: { file } });
const restoreFrom = (file: string, cause: string) => ({ do: "restore", cause, backup: { file } });

const READONLY = app({ readonly: true });
const UNEXAMINED: Partial<Facts> = { whole: null, layout: [] };
const MISSING: Partial<Facts> = { ...UNEXAMINED, files: files({ missing: true }) };
const ZERO_BYTES: Partial<Facts> = { ...UNEXAMINED, files: files({ size: "0" }) };
const BACKUPS: Partial<Facts> = { survey: survey(OLDER, NEWER) };
const UNIDENTIFIED: Partial<Facts> = { survey: { ...survey(), unidentified: ["library-v1.2.0.sqlite"] } };
const NO_ACCESS = {
  code: "IO_FAILED",
  message: "EACCES: permission denied, scandir",
  hint: "Check its permissions",
} as const;
const UNREADABLE: Partial<Facts> = { survey: { ...survey(), unreadable: NO_ACCESS } };
const DAMAGE = corrupt("Tree 3 page 7: btreeInitPage() returns error code 11", "wrong # of entries in index b");

describe("a swap was interrupted", () => {
  const resumable: Partial<Facts> = { intent: { kind: "resumable", database: DATABASE, aside: null } };
  const broken: Partial<Facts> = {
    intent: {
      kind: "broken",
      file: "/data/backups/.library-db-intent.toml",
      differences: ["/data/library.sqlite is gone", "/data/.library-1.tmp is another file than the one named"],
    },
  };
  decides([
    {
      when: "the files are as it names them: it is completed",
      facts: facts(resumable, UNEXAMINED),
      decision: { do: "finish-swap" },
    },
    {
      when: "it comes before whatever is wrong with the database",
      facts: facts(resumable, MISSING, BACKUPS),
      decision: { do: "finish-swap" },
    },
    {
      when: "the files are no longer those: refused, naming each",
      facts: facts(broken, UNEXAMINED),
      decision: refuse(
        "SWAP_INTERRUPTED",
        "A swap of /data/library.sqlite was interrupted, and the files are no longer those that it names: /data/library.sqlite is gone; /data/.library-1.tmp is another file than the one named.",
        {
          hint: 'Nothing was touched. Make sure that /data/library.sqlite is the database you want, then remove the record of the swap: rm "/data/backups/.library-db-intent.toml"',
          details: {
            path: DATABASE,
            intent: "/data/backups/.library-db-intent.toml",
            differences: ["/data/library.sqlite is gone", "/data/.library-1.tmp is another file than the one named"],
          },
        },
      ),
    },
    {
      when: "a read-only launch cannot complete it",
      facts: facts(resumable, UNEXAMINED, READONLY),
      decision: refuse(
        "DB_READ_ONLY",
        "/data/library.sqlite cannot be opened read-only as it is: a swap was interrupted and must be completed.",
        { hint: "Start the application once without readonly: true." },
      ),
    },
    {
      when: "a read-only launch names broken files as any other",
      facts: facts(broken, UNEXAMINED, READONLY),
      decision: refuse("SWAP_INTERRUPTED", /no longer those that it names/),
    },
    {
      when: "beside a running application: waits for it to leave",
      facts: facts(resumable, UNEXAMINED, { lock: "shared" }),
      decision: { do: "wait" },
    },
    {
      when: "the application beside does not leave: in use",
      facts: facts(resumable, UNEXAMINED, { lock: "shared", waited: true }),
      decision: refuse("DB_IN_USE", /a swap was interrupted and must be completed/),
    },
  ]);
});

describe("another launch holds the lock", () => {
  decides([
    { when: "it is waited for", facts: facts(UNEXAMINED, { lock: "taken" }), decision: { do: "wait" } },
    {
      when: "it does not finish in db-lock-timeout: locked",
      facts: facts(UNEXAMINED, { lock: "taken", waited: true }),
      rules: { lockTimeout: 2500 },
      decision: refuse(
        "DB_LOCKED",
        "For 2.5 s /data/library.sqlite was held by another launch, or by several in turn.",
        {
          details: { path: DATABASE, waitedMs: 2500 },
        },
      ),
    },
    {
      when: "nothing of what is known meanwhile counts",
      facts: facts(MISSING, BACKUPS, { lock: "taken" }),
      decision: { do: "wait" },
    },
    {
      when: "a read-only launch waits as well",
      facts: facts(UNEXAMINED, READONLY, { lock: "taken" }),
      decision: { do: "wait" },
    },
  ]);
});

describe("another process has the database open", () => {
  const beside: Partial<Facts> = { lock: "shared" };
  const inVain: Partial<Facts> = { lock: "shared", waited: true };
  decides([
    {
      when: "it is only looked at, not checked",
      facts: facts(beside, UNEXAMINED),
      decision: { do: "examine", scope: "whole", check: "none" },
    },
    { when: "equal and stamped: opens", facts: facts(beside), decision: { do: "open" } },
    {
      when: "its log is being written: no business of this launch",
      facts: facts(beside, { files: files({ sidecars: ["-wal", "-shm"] }) }),
      decision: { do: "open" },
    },
    {
      when: "ahead and declared compatible: opens",
      facts: facts(
        beside,
        examined({ version: "1.4.0", layout: [...APP_LAYOUT, step("3", { compatibleSince: "1.3.0" })] }),
      ),
      decision: { do: "open" },
    },
    {
      when: "migrations are pending: waits",
      facts: facts(beside, examined({ layout: [BOOKS] })),
      decision: { do: "wait" },
    },
    {
      when: "migrations are pending and it does not leave: in use",
      facts: facts(inVain, examined({ layout: [BOOKS] })),
      decision: refuse(
        "DB_IN_USE",
        /^\/data\/library\.sqlite is open in another process, and this launch needs it alone: 1 migration is pending/,
      ),
    },
    {
      when: "only the stamp is of another version: opens, for the stamp can wait",
      facts: facts(beside, examined({ version: "1.2.0" })),
      decision: { do: "open" },
    },
    {
      when: "a downgrade: waits",
      facts: facts(beside, BACKUPS, examined({ version: "1.4.0", layout: [...APP_LAYOUT, TAGS] })),
      decision: { do: "wait" },
    },
    { when: "the database was removed under it: waits", facts: facts(beside, MISSING), decision: { do: "wait" } },
    {
      when: "the database was removed under it, and it does not leave: in use",
      facts: facts(inVain, MISSING, BACKUPS),
      decision: refuse("DB_IN_USE", /needs it alone: the database is missing\.$/),
    },
    { when: "it cannot be read: waits", facts: facts(beside, examined(null, DAMAGE)), decision: { do: "wait" } },
    {
      when: "it cannot be read, and the other does not leave: in use, not corrupt",
      facts: facts(inVain, BACKUPS, examined(null, DAMAGE)),
      decision: refuse("DB_IN_USE", /needs it alone: the database cannot be read as it is\.$/),
    },
    { when: "read-only, equal: opens", facts: facts(beside, READONLY), decision: { do: "open" } },
    {
      when: "read-only, of another version with the same layout: opens",
      facts: facts(beside, READONLY, examined({ version: "1.2.0" })),
      decision: { do: "open" },
    },
  ]);
});

describe("what is recorded of the last time says whether every page is read before the database opens", () => {
  const checkedAt = "2026-11-20T12:00:00.000Z";
  const sealed: Partial<Facts> = { checked: false, trust: { kind: "sealed", checkedAt }, lastCheck: checkedAt };
  const interrupted: Partial<Facts> = {
    checked: false,
    trust: { kind: "interrupted", checkedAt },
    lastCheck: checkedAt,
  };
  const suspect: Partial<Facts> = { checked: false, trust: { kind: "suspect", why: "Page 4: never used" } };
  const unknown: Partial<Facts> = { checked: false };
  const examine = (check: string, reason: RegExp) => ({
    do: "examine",
    scope: "whole",
    check,
    reason: expect.stringMatching(reason),
  });
  decides([
    { when: "sealed: none", facts: facts(UNEXAMINED, sealed), decision: examine("none", /^nothing has touched it/) },
    { when: "cut off: none", facts: facts(UNEXAMINED, interrupted), decision: examine("none", /was cut off/) },
    { when: "suspect: full", facts: facts(UNEXAMINED, suspect), decision: examine("full", /Page 4: never used/) },
    {
      when: "unknown: full, and why",
      facts: facts(UNEXAMINED, unknown),
      decision: examine("full", /^every page is read before the database opens: there is no record of a clean close$/),
    },
    {
      when: "cut off, and its stamp is not the one that was recorded: full after all",
      facts: facts(interrupted, { recordedId: "another-id" }),
      decision: examine("full", /its stamp is not the one that was recorded/),
    },
    {
      when: "cut off, and its stamp is gone: full after all",
      facts: facts(interrupted, { recordedId: DATABASE_ID }, examined({ version: null })),
      decision: examine("full", /its stamp is not the one that was recorded/),
    },
    {
      when: "cut off, with another stamp, and sound: goes on",
      facts: facts(interrupted, { recordedId: "another-id", checked: true }),
      decision: { do: "open" },
    },
    {
      when: 'sealed, and db-integrity-check is "full": full',
      facts: facts(UNEXAMINED, sealed),
      rules: { integrityCheck: "full" },
      decision: examine("full", /db-integrity-check is "full"/),
    },
    {
      when: 'beside another process, and db-integrity-check is "full": none',
      facts: facts(UNEXAMINED, { lock: "shared" }),
      rules: { integrityCheck: "full" },
      decision: examine("none", /another process/),
    },
    { when: "read-only: full", facts: facts(UNEXAMINED, READONLY), decision: examine("full", /every page/) },
    {
      when: "read-only where no lock file can be made: full",
      facts: facts(UNEXAMINED, READONLY, { lock: "unneeded" }),
      decision: examine("full", /every page/),
    },
    {
      when: "sealed, looked at, with migrations pending: full, before the restore point",
      facts: facts(sealed, examined({ layout: [BOOKS] })),
      decision: examine("full", /pending, and every page is read before$/),
    },
    {
      when: "cut off, looked at, with migrations pending: full, without retention too",
      facts: facts(interrupted, examined({ layout: [BOOKS] })),
      rules: { backupRetention: 0 },
      decision: examine("full", /pending, and every page is read before$/),
    },
    { when: "sealed, looked at: opened", facts: facts(sealed), decision: { do: "open" } },
    { when: "cut off, looked at: opened", facts: facts(interrupted), decision: { do: "open" } },
  ]);

  test.each<[string, Facts, string]>([
    ["sealed, checked a day ago", facts(sealed), "none"],
    ["sealed, checked ten days ago", facts(sealed, { lastCheck: "2026-11-11T12:00:00.000Z" }), "full"],
    [
      "sealed, checked seven days ago to the millisecond",
      facts(sealed, { lastCheck: "2026-11-14T12:00:00.000Z" }),
      "full",
    ],
    ["sealed, checked in the future", facts(sealed, { lastCheck: "2027-11-11T12:00:00.000Z" }), "full"],
    ["sealed, never checked", facts(sealed, { lastCheck: null }), "full"],
    ["cut off", facts(interrupted), "full"],
    ["checked by this launch", facts({ lastCheck: "2026-11-21T12:00:00.000Z" }), "foreign-keys"],
  ])("behind the application, %s: %s", (_, known, check) => {
    const rules = { backupRetention: 2, integrityInterval: 7 * 86_400_000 };
    expect(decideBehind(known, rules)).toEqual({ work: true, check });
  });

  test("nothing is done behind the application without retention, where nothing is due", () => {
    const rules = { backupRetention: 0, integrityInterval: 7 * 86_400_000 };
    expect(decideBehind(facts(sealed), rules)).toEqual({ work: false, reason: "db-backup-retention is 0" });
    expect(decideBehind(facts(interrupted), rules)).toEqual({ work: true, check: "full" });
  });
});

describe("the check cannot judge", () => {
  decides([
    {
      when: "refused, with its reason",
      facts: facts(BACKUPS, examined({}, impossible("no such collation sequence: GERMAN"))),
      decision: refuse(
        "CHECK_IMPOSSIBLE",
        "/data/library.sqlite could not be checked: no such collation sequence: GERMAN. That is no sign of damage; nothing was touched.",
        { details: { path: DATABASE, reason: "no such collation sequence: GERMAN" } },
      ),
    },
    {
      when: "its sidecars are left alone too",
      facts: facts(examined({}, impossible("a key")), { files: files({ sidecars: ["-wal", "-shm"] }) }),
      decision: refuse("CHECK_IMPOSSIBLE", /nothing was touched/),
    },
    {
      when: "never restored, whatever the settings say",
      facts: facts(BACKUPS, verified([NEWER, "sound"]), examined(null, impossible("a key"))),
      rules: { onCorruption: "restore", onMissing: "restore" },
      decision: refuse("CHECK_IMPOSSIBLE", /a key/),
    },
  ]);
});

describe("sidecars without their database", () => {
  decides([
    {
      when: "beside a missing database: set aside before SQLite sees them",
      facts: facts(MISSING, { files: files({ missing: true, sidecars: ["-wal", "-shm"] }) }),
      decision: {
        do: "quarantine-sidecars",
        reason: "/data/library.sqlite-wal, /data/library.sqlite-shm stand beside no database",
      },
    },
    {
      when: "beside a database of zero bytes",
      facts: facts(ZERO_BYTES, { files: files({ size: "0", sidecars: ["-journal"] }) }),
      decision: { do: "quarantine-sidecars", reason: "/data/library.sqlite-journal stands beside no database" },
    },
    {
      when: "an empty one is no exception",
      facts: facts(MISSING, { files: files({ missing: true, sidecars: [["-wal", "0"]] }) }),
      decision: { do: "quarantine-sidecars" },
    },
    {
      when: "before any backup is restored",
      facts: facts(MISSING, BACKUPS, verified([NEWER, "sound"]), {
        files: files({ missing: true, sidecars: ["-wal"] }),
      }),
      decision: { do: "quarantine-sidecars" },
    },
    {
      when: "before db-on-missing is asked",
      facts: facts(MISSING, BACKUPS, { files: files({ missing: true, sidecars: ["-wal"] }) }),
      rules: { onMissing: "refuse" },
      decision: { do: "quarantine-sidecars" },
    },
  ]);
});

describe("the database is missing and backups exist", () => {
  decides([
    {
      when: "the newest is verified first",
      facts: facts(MISSING, BACKUPS),
      decision: { ...verify(NEWER.file), reason: expect.stringMatching(/^the database is missing; /) },
    },
    {
      when: "zero bytes are the same as missing",
      facts: facts(ZERO_BYTES, BACKUPS),
      decision: { ...verify(NEWER.file), reason: expect.stringMatching(/^the database has zero bytes; /) },
    },
    {
      when: "the newest is sound: restored",
      facts: facts(MISSING, BACKUPS, verified([NEWER, "sound"])),
      decision: restoreFrom(NEWER.file, "missing"),
    },
    {
      when: "the newest fails: the next is verified",
      facts: facts(MISSING, BACKUPS, verified([NEWER, { fails: "its bytes do not match its checksum" }])),
      decision: verify(OLDER.file),
    },
    {
      when: "the next is sound: restored",
      facts: facts(MISSING, BACKUPS, verified([NEWER, { fails: "it is corrupt: x" }], [OLDER, "sound"])),
      decision: restoreFrom(OLDER.file, "missing"),
    },
    {
      when: "the newest is told by sequence, not by version",
      facts: facts(MISSING, {
        survey: survey(
          indexEntry({ version: "2.0.0", sequence: 8, createdAt: "2026-11-21T10:00:00.000Z" }),
          indexEntry({ version: "1.0.0", sequence: 9, createdAt: "2020-01-01T00:00:00.000Z" }),
        ),
      }),
      decision: verify("library-v1.0.0.sqlite"),
    },
    {
      when: "none is usable: refused, with the reason for each",
      facts: facts(
        MISSING,
        BACKUPS,
        verified([NEWER, { fails: "its bytes do not match its checksum" }], [OLDER, { fails: "it is corrupt: x" }]),
      ),
      decision: refuse(
        "NO_USABLE_BACKUP",
        "/data/library.sqlite cannot be restored: the database is missing, and none of 2 backups is usable. (library-v1.2.0.sqlite: its bytes do not match its checksum; library-v1.1.0.sqlite: it is corrupt: x)",
        {
          details: {
            path: DATABASE,
            rejected: [
              { file: "library-v1.2.0.sqlite", reason: "its bytes do not match its checksum" },
              { file: "library-v1.1.0.sqlite", reason: "it is corrupt: x" },
            ],
          },
        },
      ),
    },
    {
      when: "they are of several databases: refused, naming each",
      facts: facts(MISSING, { survey: survey(OLDER, indexEntry({ ...NEWER, databaseId: "another-id" })) }),
      decision: refuse(
        "NO_USABLE_BACKUP",
        "/data/library.sqlite cannot be restored, because the database is missing and its backups are of 2 different databases: library-v1.2.0.sqlite, library-v1.1.0.sqlite.",
        { details: { path: DATABASE, databaseIds: ["another-id", "library-id"] } },
      ),
    },
    {
      when: 'db-on-missing is "create": made anew',
      facts: facts(MISSING, BACKUPS),
      rules: { onMissing: "create" },
      decision: { do: "create", reason: 'the database is missing, and db-on-missing is "create"' },
    },
    {
      when: 'db-on-missing is "create" and it has zero bytes: made anew',
      facts: facts(ZERO_BYTES, BACKUPS),
      rules: { onMissing: "create" },
      decision: { do: "create", reason: 'the database has zero bytes, and db-on-missing is "create"' },
    },
    {
      when: 'db-on-missing is "refuse": refused, naming the backups',
      facts: facts(MISSING, BACKUPS),
      rules: { onMissing: "refuse" },
      decision: refuse("NOT_FOUND", "/data/library.sqlite is missing, and 2 backups of it exist.", {
        details: { path: DATABASE, backups: [NEWER.file, OLDER.file] },
      }),
    },
    {
      when: 'db-on-missing is "refuse" and it has zero bytes: refused',
      facts: facts(ZERO_BYTES, { survey: survey(NEWER) }),
      rules: { onMissing: "refuse" },
      decision: refuse("NOT_FOUND", "/data/library.sqlite has zero bytes, and 1 backup of it exists."),
    },
    {
      when: "db-on-corruption does not speak of a missing file",
      facts: facts(MISSING, BACKUPS),
      rules: { onCorruption: "refuse", onDowngrade: "refuse" },
      decision: verify(NEWER.file),
    },
    {
      when: "a backup of a database that stands elsewhere in use is not its own",
      facts: facts(MISSING, {
        survey: survey(indexEntry({ databasePath: "../../other/library.sqlite" })),
        othersAlive: new Set(["/other/library.sqlite"]),
      }),
      decision: { do: "create" },
    },
    {
      when: "a backup taken before the folder was moved is its own",
      facts: facts(MISSING, { survey: survey(indexEntry({ databasePath: "../../before/library.sqlite" })) }),
      decision: verify("library-v1.2.0.sqlite"),
    },
    {
      when: "only files that do not say whose they are: refused, for a backup may be among them",
      facts: facts(MISSING, UNIDENTIFIED),
      decision: refuse(
        "NO_USABLE_BACKUP",
        "/data/library.sqlite cannot be restored: the database is missing, and there is no backup of it (library-v1.2.0.sqlite cannot be read as one).",
        { hint: "Nothing was touched. Keep a copy of the whole folder before you try anything else." },
      ),
    },
    {
      when: 'only such files, and db-on-missing is "create": made anew',
      facts: facts(MISSING, UNIDENTIFIED),
      rules: { onMissing: "create" },
      decision: { do: "create" },
    },
    {
      when: 'only such files, and db-on-missing is "refuse": they are named, not counted as none',
      facts: facts(MISSING, UNIDENTIFIED),
      rules: { onMissing: "refuse" },
      decision: refuse("NOT_FOUND", /^(?!.*\b0 backups).*library-v1\.2\.0\.sqlite/),
    },
    {
      when: "the backup folder cannot be read: refused with that error, for nothing is known of the backups",
      facts: facts(MISSING, UNREADABLE),
      decision: { do: "refuse", refusal: NO_ACCESS },
    },
    {
      when: 'the backup folder cannot be read, and db-on-missing is "create": refused all the same',
      facts: facts(ZERO_BYTES, UNREADABLE),
      rules: { onMissing: "create" },
      decision: { do: "refuse", refusal: NO_ACCESS },
    },
    {
      when: "a read-only launch restores nothing",
      facts: facts(MISSING, BACKUPS, READONLY),
      decision: refuse(
        "NOT_FOUND",
        "There is no database at /data/library.sqlite, and a read-only launch makes none.",
        {
          hint: "Start the application once without readonly: true.",
        },
      ),
    },
  ]);
});

describe("the database is missing and there is no backup", () => {
  decides([
    { when: "missing: created", facts: facts(MISSING), decision: { do: "create" } },
    { when: "zero bytes: created", facts: facts(ZERO_BYTES), decision: { do: "create" } },
    {
      when: 'db-on-missing "refuse" speaks of backups only',
      facts: facts(MISSING),
      rules: { onMissing: "refuse" },
      decision: { do: "create" },
    },
    {
      when: "a read-only launch creates nothing",
      facts: facts(MISSING, READONLY),
      decision: refuse("NOT_FOUND", /makes none/),
    },
  ]);
});

describe("a log or journal stands beside the database", () => {
  const besideIt: Partial<Facts> = { files: files({ sidecars: ["-wal", "-shm"] }) };
  decides([
    {
      when: "sound as a whole: the main file alone is looked at, to see that they belong together",
      facts: facts(besideIt),
      decision: { do: "examine", scope: "alone", check: "none" },
    },
    {
      when: "they belong together: goes on",
      facts: facts(besideIt, alone({}, { checked: false })),
      decision: { do: "open" },
    },
    {
      when: "a sidecar without content is no reason to look",
      facts: facts({ files: files({ sidecars: [["-wal", "0"], "-shm"] }) }),
      decision: { do: "open" },
    },
    {
      when: "corrupt as a whole: the main file alone is checked",
      facts: facts(besideIt, BACKUPS, examined({}, DAMAGE)),
      decision: { do: "examine", scope: "alone", check: "full" },
    },
    {
      when: "corrupt as a whole and sound alone: only the sidecars are set aside",
      facts: facts(besideIt, BACKUPS, examined({}, DAMAGE), alone({}, { checked: true })),
      decision: {
        do: "quarantine-sidecars",
        reason: "the database is sound without /data/library.sqlite-wal",
      },
    },
    {
      when: "a hot journal that breaks it: set aside as well",
      facts: facts(examined({}, DAMAGE), alone({}, { checked: true }), { files: files({ sidecars: ["-journal"] }) }),
      decision: { do: "quarantine-sidecars", reason: "the database is sound without /data/library.sqlite-journal" },
    },
    {
      when: "that is so also where db-on-corruption is refuse: nothing is lost by it",
      facts: facts(besideIt, examined({}, DAMAGE), alone({}, { checked: true })),
      rules: { onCorruption: "refuse" },
      decision: { do: "quarantine-sidecars" },
    },
    {
      when: "corrupt as a whole and alone: a restore",
      facts: facts(besideIt, BACKUPS, examined({}, DAMAGE), alone({}, { checked: true, verdict: DAMAGE })),
      decision: verify(NEWER.file),
    },
    {
      when: "sound, but turned into another database by its log: the main file is checked",
      facts: facts(besideIt, examined({ id: "another-id" }), alone({}, { checked: false })),
      decision: { do: "examine", scope: "alone", check: "full" },
    },
    {
      when: "another database's log beside a sound main file: set aside",
      facts: facts(besideIt, examined({ id: "another-id" }), alone({}, { checked: true })),
      decision: { do: "quarantine-sidecars" },
    },
    {
      when: "another database's log beside a main file that is not sound: a restore",
      facts: facts(
        besideIt,
        { survey: survey(indexEntry({ databaseId: "another-id" })) },
        examined({ id: "another-id" }),
        alone({}, { checked: true, verdict: DAMAGE }),
      ),
      decision: {
        ...verify(NEWER.file),
        reason: expect.stringMatching(/belong to another database, and without them it is not sound/),
      },
    },
    {
      when: "the numbers in the log are not those of the main file: the main file is checked",
      facts: facts(besideIt, {
        alone: { ...inspection(), checked: false, misfit: "it follows change 9 of a database" },
      }),
      decision: { do: "examine", scope: "alone", check: "full" },
    },
    {
      when: "the numbers in the log are not those of a sound main file: the log is set aside",
      facts: facts(besideIt, {
        alone: { ...inspection(), checked: true, misfit: "it follows change 9 of a database" },
      }),
      decision: { do: "quarantine-sidecars" },
    },
    {
      when: "a journal goes back to what the main file never was: the main file is checked",
      facts: facts(
        { whole: { ...inspection(), misfit: "it goes back to change 2 of a database" } },
        { files: files({ sidecars: ["-journal"] }) },
      ),
      decision: { do: "examine", scope: "alone", check: "full" },
    },
    {
      when: "commits stand in the log that SQLite will not read: it is kept, once",
      facts: facts(besideIt, { whole: { ...inspection(), unreadCommits: 2 } }, alone({}, { checked: false })),
      decision: { do: "keep-log", reason: "/data/library.sqlite-wal is damaged, and 2 commits in it cannot be read" },
    },
    {
      when: "a damaged log that is kept: goes on with what SQLite reads of it",
      facts: facts(
        besideIt,
        { whole: { ...inspection(), unreadCommits: 2 }, logKept: true },
        alone({}, { checked: false }),
      ),
      decision: { do: "open" },
    },
    {
      when: "a damaged log, and a launch that writes nothing",
      facts: facts(besideIt, READONLY, { whole: { ...inspection(), unreadCommits: 2 } }, alone({}, { checked: false })),
      decision: { do: "open" },
    },
    {
      when: "a read-only launch sets nothing aside",
      facts: facts(besideIt, READONLY, examined({}, DAMAGE), alone({}, { checked: true })),
      decision: refuse(
        "DB_READ_ONLY",
        "/data/library.sqlite cannot be opened read-only as it is: /data/library.sqlite-wal must be set aside.",
      ),
    },
  ]);
});

describe("the database is corrupt", () => {
  const damaged = examined({}, DAMAGE);
  const unreadable = examined(null, corrupt("file is not a database"));
  const bothFail = verified([NEWER, { fails: "it is corrupt: x" }], [OLDER, { fails: "the file is gone" }]);
  decides([
    {
      when: "the newest backup is verified first",
      facts: facts(BACKUPS, damaged),
      decision: {
        ...verify(NEWER.file),
        reason: expect.stringMatching(
          /^the database is corrupt \(Tree 3 page 7: btreeInitPage\(\) returns error code 11\)/,
        ),
      },
    },
    {
      when: "what it says of itself is damaged too: the backups are those of the database that was recorded",
      facts: facts(BACKUPS, examined({ id: "library-ie" }, DAMAGE), { recordedId: DATABASE_ID }),
      decision: verify(NEWER.file),
    },
    {
      when: "the newest is sound: restored",
      facts: facts(BACKUPS, damaged, verified([NEWER, "sound"])),
      decision: restoreFrom(NEWER.file, "corruption"),
    },
    {
      when: "the newest fails: the next is tried, and the first not again",
      facts: facts(BACKUPS, damaged, verified([NEWER, { fails: "it is corrupt: x" }])),
      decision: verify(OLDER.file),
    },
    {
      when: "the next is sound: restored",
      facts: facts(BACKUPS, damaged, verified([NEWER, { fails: "it is corrupt: x" }], [OLDER, "sound"])),
      decision: restoreFrom(OLDER.file, "corruption"),
    },
    {
      when: "none is left: refused, everything still in place",
      facts: facts(BACKUPS, damaged, bothFail),
      decision: refuse(
        "NO_USABLE_BACKUP",
        "/data/library.sqlite cannot be restored: the database is corrupt (Tree 3 page 7: btreeInitPage() returns error code 11), and none of 2 backups is usable. The corrupt file is still in place, as found. (library-v1.2.0.sqlite: it is corrupt: x; library-v1.1.0.sqlite: the file is gone)",
        {
          hint: "Nothing was touched. Keep a copy of the whole folder before you try anything else.",
          details: {
            path: DATABASE,
            rejected: [
              { file: NEWER.file, reason: "it is corrupt: x" },
              { file: OLDER.file, reason: "the file is gone" },
            ],
          },
        },
      ),
    },
    {
      when: "there is no backup at all: refused",
      facts: facts(unreadable),
      decision: refuse(
        "NO_USABLE_BACKUP",
        "/data/library.sqlite cannot be restored: the database is corrupt (file is not a database), and there is no backup of it. The corrupt file is still in place, as found.",
        {
          hint: expect.stringMatching(
            /put a backup of your own in its place\. To begin with an empty database, move the file away\.$/,
          ),
        },
      ),
    },
    {
      when: "the backup folder cannot be read: refused with that error",
      facts: facts(UNREADABLE, damaged),
      decision: { do: "refuse", refusal: NO_ACCESS },
    },
    {
      when: "only files that do not say whose they are: refused, naming them",
      facts: facts(UNIDENTIFIED, damaged),
      decision: refuse(
        "NO_USABLE_BACKUP",
        /there is no backup of it \(library-v1\.2\.0\.sqlite cannot be read as one\)/,
      ),
    },
    {
      when: "its stamp can be read: another database's newer backup is passed over",
      facts: facts(damaged, { survey: survey(OLDER, indexEntry({ ...NEWER, databaseId: "another-id" })) }),
      decision: verify(OLDER.file),
    },
    {
      when: "its stamp cannot be read and the backups are of several databases: refused",
      facts: facts(unreadable, { survey: survey(OLDER, indexEntry({ ...NEWER, databaseId: "another-id" })) }),
      decision: refuse(
        "NO_USABLE_BACKUP",
        /backups are of 2 different databases: .* The corrupt file is still in place/,
      ),
    },
    {
      when: "db-on-corruption is refuse: refused with the findings",
      facts: facts(BACKUPS, damaged),
      rules: { onCorruption: "refuse" },
      decision: refuse(
        "DB_CORRUPT",
        "/data/library.sqlite is corrupt: Tree 3 page 7: btreeInitPage() returns error code 11.",
        {
          hint: expect.stringContaining("db-on-corruption"),
          details: {
            path: DATABASE,
            problems: ["Tree 3 page 7: btreeInitPage() returns error code 11", "wrong # of entries in index b"],
          },
        },
      ),
    },
    {
      when: "a read-only launch refuses",
      facts: facts(BACKUPS, damaged, READONLY),
      decision: refuse("DB_CORRUPT", /is corrupt: Tree 3 page 7/, {
        hint: "Start once without readonly: true: it is healed or restored then, as db-on-corruption says.",
      }),
    },
    {
      when: "db-on-missing and db-on-downgrade do not speak of corruption",
      facts: facts(BACKUPS, damaged),
      rules: { onMissing: "refuse", onDowngrade: "refuse" },
      decision: verify(NEWER.file),
    },
    {
      when: "retention 0 takes no backups, but those that exist are restored",
      facts: facts(BACKUPS, damaged, verified([NEWER, "sound"])),
      rules: { backupRetention: 0 },
      decision: restoreFrom(NEWER.file, "corruption"),
    },
    {
      when: "the application's own data is at fault: no corruption",
      facts: facts({
        whole: { ...inspection(), verdict: { kind: "sound", warnings: ["CHECK constraint failed in books"] } },
      }),
      decision: { do: "open" },
    },
  ]);
});

describe('the database is corrupt, and db-on-corruption is "heal"', () => {
  const HEAL: Partial<Rules> = { onCorruption: "heal" };
  const damaged = examined({}, DAMAGE);
  const unreadable = examined(null, corrupt("file is not a database"));
  const bothFail = verified([NEWER, { fails: "it is corrupt: x" }], [OLDER, { fails: "the file is gone" }]);
  const tried = (...files: readonly string[]): Partial<Facts> => ({
    salvages: new Map(files.map((file) => [file, "not one row could be read"])),
  });
  const salvage = (file: string | null) => ({ do: "salvage", backup: file === null ? null : { file } });
  decides(
    [
      { when: "the newest backup is verified first", facts: facts(BACKUPS, damaged), decision: verify(NEWER.file) },
      {
        when: "it is sound: what can be read is read, with its help",
        facts: facts(BACKUPS, damaged, verified([NEWER, "sound"])),
        decision: {
          ...salvage(NEWER.file),
          reason: expect.stringContaining("library-v1.2.0.sqlite has rows for what cannot"),
        },
      },
      {
        when: "it fails: the next is tried",
        facts: facts(BACKUPS, damaged, verified([NEWER, { fails: "it is corrupt: x" }])),
        decision: verify(OLDER.file),
      },
      {
        when: "the result was not used: the backup is restored as it is",
        facts: facts(BACKUPS, damaged, verified([NEWER, "sound"]), tried(NEWER.file)),
        decision: restoreFrom(NEWER.file, "corruption"),
      },
      {
        when: "and its copy failed: what can be read is tried with the next",
        facts: facts(
          BACKUPS,
          damaged,
          verified([NEWER, { fails: "its copy failed the check" }], [OLDER, "sound"]),
          tried(NEWER.file),
        ),
        decision: salvage(OLDER.file),
      },
      {
        when: "there is no backup at all: what can be read",
        facts: facts(unreadable),
        decision: { ...salvage(null), reason: expect.stringContaining("no backup of it is usable") },
      },
      {
        when: "every backup failed: what can be read",
        facts: facts(BACKUPS, damaged, bothFail),
        decision: salvage(null),
      },
      {
        when: "only files that do not say whose they are: what can be read",
        facts: facts(UNIDENTIFIED, damaged),
        decision: salvage(null),
      },
      {
        when: "nothing can be read, and no backup is usable: refused",
        facts: facts(BACKUPS, damaged, bothFail, tried("")),
        decision: refuse(
          "NO_USABLE_BACKUP",
          / corrupt \(.*\), of which too little can be read: not one row could be read, and none of 2 backups is usable\. The corrupt file is still in place/,
          {
            hint: expect.stringMatching(/holdfast recover$/),
          },
        ),
      },
      {
        when: "its stamp cannot be read and the backups are of several databases: refused",
        facts: facts(unreadable, { survey: survey(OLDER, indexEntry({ ...NEWER, databaseId: "another-id" })) }),
        decision: refuse("NO_USABLE_BACKUP", /backups are of 2 different databases/),
      },
      {
        when: "the backup folder cannot be read: refused with that error",
        facts: facts(damaged, UNREADABLE),
        decision: { do: "refuse", refusal: NO_ACCESS },
      },
      {
        when: "a read-only launch refuses",
        facts: facts(BACKUPS, damaged, READONLY),
        decision: refuse("DB_CORRUPT", /is corrupt: Tree 3 page 7/),
      },
    ].map((row) => ({ ...row, rules: HEAL })),
  );
});

describe("the layout is ahead and declared compatible", () => {
  const compatible = (...since: readonly (string | null)[]) =>
    examined({
      version: "1.5.0",
      layout: [...APP_LAYOUT, ...since.map((version, n) => step(`000${n + 3}`, { compatibleSince: version }))],
    });
  decides([
    { when: "since exactly this version: opens", facts: facts(compatible("1.3.0")), decision: { do: "open" } },
    {
      when: "since an earlier one: opens, and the stamp stays the newer's",
      facts: facts(compatible("1.0.0", "1.2.9")),
      decision: { do: "open" },
    },
    { when: "read-only too", facts: facts(compatible("1.3.0"), READONLY), decision: { do: "open" } },
    {
      when: "since a later version: a downgrade",
      facts: facts(compatible("1.3.1"), BACKUPS),
      decision: verify(NEWER.file),
    },
    {
      when: "one of several does not say so: a downgrade",
      facts: facts(compatible("1.3.0", null), BACKUPS),
      decision: verify(NEWER.file),
    },
    {
      when: "a prerelease of that version is earlier than it: a downgrade",
      facts: facts(compatible("1.3.0"), BACKUPS, app({ version: "1.3.0-beta.1" })),
      decision: verify(NEWER.file),
    },
    {
      when: "diverged before that: the declaration does not help",
      facts: facts(
        BACKUPS,
        examined({
          version: "1.5.0",
          layout: [BOOKS, step("0002_other.sql"), step("0003", { compatibleSince: "1.0.0" })],
        }),
      ),
      decision: verify(NEWER.file),
    },
  ]);
});

describe("a newer version changed the layout: downgrade", () => {
  const ahead = examined({ version: "1.4.0", layout: [...APP_LAYOUT, TAGS] });
  const diverged = examined({ version: "1.4.0", layout: [BOOKS, step("0002_other.sql")] });
  decides([
    {
      when: "ahead: the newest backup is verified",
      facts: facts(ahead, BACKUPS),
      decision: {
        ...verify(NEWER.file),
        reason:
          "version 1.4.0 changed the layout, and 1.3.0 cannot read it; library-v1.2.0.sqlite is the newest backup left to try",
      },
    },
    { when: "diverged: the same", facts: facts(diverged, BACKUPS), decision: verify(NEWER.file) },
    {
      when: "the newest fits: restored",
      facts: facts(ahead, BACKUPS, verified([NEWER, "sound"])),
      decision: restoreFrom(NEWER.file, "downgrade"),
    },
    {
      when: "the newest does not fit: the next is tried",
      facts: facts(ahead, BACKUPS, verified([NEWER, { fails: "its layout is ahead of this app's" }])),
      decision: verify(OLDER.file),
    },
    {
      when: "the next fits: restored",
      facts: facts(ahead, BACKUPS, verified([NEWER, { fails: "its layout is ahead of this app's" }], [OLDER, "sound"])),
      decision: restoreFrom(OLDER.file, "downgrade"),
    },
    {
      when: "no backup fits: refused, the database untouched",
      facts: facts(ahead, { survey: survey(NEWER) }, verified([NEWER, { fails: "its layout is ahead of this app's" }])),
      decision: refuse(
        "DOWNGRADE_WITHOUT_BACKUP",
        "/data/library.sqlite was last used by version 1.4.0, whose layout 1.3.0 cannot read, and no backup fits 1.3.0. The database was not touched. (library-v1.2.0.sqlite: its layout is ahead of this app's)",
        {
          hint: "Install version 1.4.0 or later again.",
          details: {
            path: DATABASE,
            databaseVersion: "1.4.0",
            appVersion: "1.3.0",
            rejected: [{ file: NEWER.file, reason: "its layout is ahead of this app's" }],
          },
        },
      ),
    },
    {
      when: "there is no backup: refused",
      facts: facts(ahead),
      decision: refuse("DOWNGRADE_WITHOUT_BACKUP", /no backup fits 1\.3\.0\. The database was not touched\.$/),
    },
    {
      when: "the backup folder cannot be read: refused with that error",
      facts: facts(ahead, UNREADABLE),
      decision: { do: "refuse", refusal: NO_ACCESS },
    },
    {
      when: "a backup of another database does not count",
      facts: facts(ahead, { survey: survey(indexEntry({ databaseId: "another-id" })) }),
      decision: refuse("DOWNGRADE_WITHOUT_BACKUP", /no backup fits/),
    },
    {
      when: "db-on-downgrade is refuse: refused, the backups not even verified",
      facts: facts(ahead, BACKUPS),
      rules: { onDowngrade: "refuse" },
      decision: refuse(
        "DOWNGRADE_REFUSED",
        "/data/library.sqlite was last used by version 1.4.0, whose layout 1.3.0 cannot read.",
        {
          hint: expect.stringContaining("db-on-downgrade"),
          details: { databaseVersion: "1.4.0", appVersion: "1.3.0" },
        },
      ),
    },
    {
      when: "a read-only launch refuses, and does not advise a setting that would not help",
      facts: facts(ahead, BACKUPS, READONLY),
      decision: refuse("DOWNGRADE_REFUSED", /1\.3\.0 cannot read/, { hint: "Start version 1.4.0 or later again." }),
    },
    {
      when: "db-on-corruption and db-on-missing do not speak of it",
      facts: facts(ahead, BACKUPS),
      rules: { onCorruption: "refuse", onMissing: "refuse" },
      decision: verify(NEWER.file),
    },
    {
      when: "a release is above its own prerelease",
      facts: facts(ahead, BACKUPS, app({ version: "1.4.0-rc.1" })),
      decision: verify(NEWER.file),
    },
  ]);
});

describe("the layouts differ, and no newer version is to blame: drift", () => {
  const EDITED = step("0001_books.sql", { checksum: "sha256:edited" });
  const CUT_OFF: Partial<Facts> = { checked: false, trust: { kind: "interrupted", checkedAt: null } };
  decides([
    {
      when: "a migration was edited: both checksums are named",
      facts: facts(BACKUPS, app({ layout: [EDITED, LOANS] })),
      decision: refuse(
        "MIGRATION_DRIFT",
        "The migration 0001_books.sql was changed after it had been applied to /data/library.sqlite: it was sha256:0001_books.sql and is sha256:edited.",
        {
          details: {
            path: DATABASE,
            migration: "0001_books.sql",
            applied: "sha256:0001_books.sql",
            expected: "sha256:edited",
          },
        },
      ),
    },
    {
      when: "the application was cut off, and no page is checked: damage could look like it",
      facts: facts(CUT_OFF, app({ layout: [EDITED, LOANS] })),
      decision: {
        do: "examine",
        scope: "whole",
        check: "full",
        reason: "its layout is none that the application knows, and damage could have made it so",
      },
    },
    {
      when: "the same, once every page is known to be sound",
      facts: facts(CUT_OFF, { checked: true }, app({ layout: [EDITED, LOANS] })),
      decision: refuse("MIGRATION_DRIFT", /0001_books\.sql/),
    },
    {
      when: "a migration was renamed",
      facts: facts(app({ layout: [step("0001_titles.sql"), LOANS] })),
      decision: refuse(
        "MIGRATION_DRIFT",
        "At place 1, /data/library.sqlite has the migration 0001_books.sql (sha256:0001_books.sql) applied where the application has 0001_titles.sql (sha256:0001_titles.sql).",
        { details: { migration: "0001_books.sql", expectedName: "0001_titles.sql" } },
      ),
    },
    {
      when: "one was removed from the middle: the first that differs is named",
      facts: facts(examined({ layout: [BOOKS, LOANS, TAGS] }), app({ layout: [BOOKS, TAGS] })),
      decision: refuse(
        "MIGRATION_DRIFT",
        /^At place 2, .* 0002_loans\.sql .* where the application has 0003_tags\.sql/,
      ),
    },
    {
      when: "one was inserted before applied ones",
      facts: facts(app({ layout: [BOOKS, step("0001b_late.sql"), LOANS] })),
      decision: refuse(
        "MIGRATION_DRIFT",
        /^At place 2, .* 0002_loans\.sql .* where the application has 0001b_late\.sql/,
      ),
    },
    {
      when: "one too many at the same version",
      facts: facts(BACKUPS, examined({ layout: [...APP_LAYOUT, TAGS] })),
      decision: refuse(
        "MIGRATION_DRIFT",
        "/data/library.sqlite has the migration 0003_tags.sql applied, which this application, at the same version, does not have.",
        {
          details: {
            migration: "0003_tags.sql",
            applied: "sha256:0003_tags.sql",
            expected: null,
            stampVersion: "1.3.0",
          },
        },
      ),
    },
    {
      when: "one too many from an older version: the message does not speak of the same version",
      facts: facts(examined({ version: "1.2.0", layout: [...APP_LAYOUT, TAGS] })),
      decision: refuse("MIGRATION_DRIFT", /^(?!.*at the same version).*0003_tags\.sql/),
    },
    {
      when: "diverged under an older version: no backup is restored for it",
      facts: facts(BACKUPS, examined({ version: "1.2.0" }), app({ layout: [EDITED, LOANS] })),
      decision: refuse("MIGRATION_DRIFT", /0001_books\.sql/),
    },
    {
      when: "diverged without a stamp",
      facts: facts(BACKUPS, examined({ version: null }), app({ layout: [EDITED, LOANS] })),
      decision: refuse("MIGRATION_DRIFT", /0001_books\.sql/),
    },
    {
      when: "a version of the stamp that is none cannot be above",
      facts: facts(BACKUPS, examined({ version: "newest", layout: [...APP_LAYOUT, TAGS] })),
      decision: refuse("MIGRATION_DRIFT", /0003_tags\.sql/),
    },
    {
      when: "only the build differs: no downgrade",
      facts: facts(
        BACKUPS,
        examined({ version: "1.3.0+2", layout: [...APP_LAYOUT, TAGS] }),
        app({ version: "1.3.0+1" }),
      ),
      decision: refuse("MIGRATION_DRIFT", /0003_tags\.sql/),
    },
    {
      when: "settings do not turn it into a restore",
      facts: facts(BACKUPS, app({ layout: [EDITED, LOANS] })),
      rules: { onCorruption: "restore", onDowngrade: "restore" },
      decision: refuse("MIGRATION_DRIFT", /0001_books\.sql/),
    },
    {
      when: "a read-only launch refuses it as well",
      facts: facts(READONLY, app({ layout: [EDITED, LOANS], readonly: true })),
      decision: refuse("MIGRATION_DRIFT", /0001_books\.sql/),
    },
  ]);
});

describe("migrations are pending", () => {
  const behind = examined({ version: "1.2.0", layout: [BOOKS] });
  const failed = { code: "DISK_FULL", message: "/data/backups has 0.1 MiB free", hint: "Free some space" } as const;
  decides([
    {
      when: "a restore point is taken first",
      facts: facts(behind),
      decision: {
        do: "restore-point",
        reason: "1 migration is pending; this is the last state under the old layout",
      },
    },
    {
      when: "several are counted",
      facts: facts(behind, app({ layout: [BOOKS, LOANS, TAGS] })),
      decision: { do: "restore-point", reason: expect.stringMatching(/^2 migrations are pending/) },
    },
    {
      when: "a database that has none applied gets one too",
      facts: facts(examined({ version: null, layout: [] })),
      decision: { do: "restore-point" },
    },
    {
      when: "the restore point stands: migrates",
      facts: facts(behind, { restorePoint: { file: "library-v1.2.0.sqlite" } }),
      decision: { do: "migrate", reason: "1 migration is pending" },
    },
    {
      when: "the restore point failed: refused with its error, nothing migrated",
      facts: facts(behind, { restorePoint: { failed } }),
      decision: { do: "refuse", refusal: failed },
    },
    {
      when: "retention 0: migrates without one",
      facts: facts(behind),
      rules: { backupRetention: 0 },
      decision: { do: "migrate" },
    },
    {
      when: "one that must not run: refused before the restore point",
      facts: facts(behind, app({ layout: [BOOKS, LOANS, TAGS] }), {
        unfit: { name: "0003_tags.sql", why: "line 4 says COMMIT, but all pending migrations run in one transaction" },
      }),
      decision: refuse(
        "MIGRATION_FAILED",
        "The migration 0003_tags.sql was not run: line 4 says COMMIT, but all pending migrations run in one transaction. Nothing was changed.",
        { details: { path: DATABASE, migration: "0003_tags.sql", notApplied: ["0002_loans.sql", "0003_tags.sql"] } },
      ),
    },
    {
      when: "one that must not run: retention 0 makes no difference",
      facts: facts(behind, { unfit: { name: "0002_loans.sql", why: "it could not be loaded: x" } }),
      rules: { backupRetention: 0 },
      decision: refuse("MIGRATION_FAILED", /0002_loans\.sql was not run: it could not be loaded: x/),
    },
    {
      when: "under a newer version's stamp they are pending all the same",
      facts: facts(examined({ version: "1.4.0", layout: [BOOKS] })),
      decision: { do: "restore-point" },
    },
    {
      when: "a read-only launch cannot",
      facts: facts(behind, READONLY),
      decision: refuse(
        "DB_READ_ONLY",
        "/data/library.sqlite cannot be opened read-only as it is: 1 migration is pending.",
      ),
    },
  ]);
});

describe("the layout is equal", () => {
  decides([
    { when: "nothing differs: a quiet launch opens and writes nothing", facts: facts(), decision: { do: "open" } },
    {
      when: "an older version's stamp: stamped",
      facts: facts(examined({ version: "1.2.0" })),
      decision: { do: "stamp", reason: "version 1.2.0 becomes 1.3.0" },
    },
    {
      when: "a newer version's stamp: stamped, no downgrade",
      facts: facts(BACKUPS, examined({ version: "1.4.0" })),
      decision: { do: "stamp", reason: "version 1.4.0 becomes 1.3.0" },
    },
    {
      when: "another build's stamp: stamped",
      facts: facts(examined({ version: "1.3.0+1" })),
      decision: { do: "stamp" },
    },
    { when: "no stamp yet: stamped", facts: facts(examined({ version: null })), decision: { do: "stamp" } },
    {
      when: "the stamp names another layout: stamped",
      facts: facts(examined({ fingerprint: "sha256:other" })),
      decision: { do: "stamp", reason: "the stamp names another layout" },
    },
    {
      when: "a backup was put in place by hand: stamped, which makes it a database again",
      facts: facts(examined({ backup: backupRow(4) })),
      decision: { do: "stamp", reason: "a backup was put in place by hand" },
    },
    {
      when: "no migrations at all on either side: opens",
      facts: facts(examined({ layout: [] }), app({ layout: [] })),
      decision: { do: "open" },
    },
    { when: "read-only: opens", facts: facts(READONLY), decision: { do: "open" } },
    {
      when: "read-only, another version's stamp: opens as it is",
      facts: facts(READONLY, examined({ version: "1.2.0" })),
      decision: { do: "open" },
    },
    {
      when: "read-only, no stamp: opens as it is",
      facts: facts(READONLY, examined({ version: null })),
      decision: { do: "open" },
    },
    {
      when: "read-only, without a lock file: opens",
      facts: facts(READONLY, { lock: "unneeded" }),
      decision: { do: "open" },
    },
  ]);
});

test("the same facts lead to the same decision, and are left as they were", () => {
  const known = facts(BACKUPS, examined({}, DAMAGE));
  const before = structuredClone(known);
  expect(decide(known, RULES)).toEqual(decide(known, RULES));
  expect(known).toEqual(before);
});

describe("isSameDatabase: whether a main file and its log belong together", () => {
  const ID_A = { id: "a" };
  test.each([
    ["the same stamp", self(ID_A), self(ID_A), true],
    ["another database's stamp", self(ID_A), self({ id: "b" }), false],
    ["the stamp is gone in the whole", self(ID_A), self({ version: null }), false],
    ["the log brings the first stamp", self({ version: null }), self(ID_A), true],
    ["the log brings a new version", self({ ...ID_A, version: "1.2.0" }), self({ ...ID_A, version: "1.3.0" }), true],
    [
      "a backup was copied over the database, and the log is from before",
      self({ backup: backupRow(4) }),
      self(),
      false,
    ],
    ["a backup whose row is in both", self({ backup: backupRow(4) }), self({ backup: backupRow(4) }), true],
    ["two backups of one database", self({ backup: backupRow(4) }), self({ backup: backupRow(5) }), false],
    [
      "unstamped, a table in common",
      self({ version: null, tables: ["a", "b"] }),
      self({ version: null, tables: ["b", "c"] }),
      true,
    ],
    [
      "unstamped, no table in common",
      self({ version: null, tables: ["a"] }),
      self({ version: null, tables: ["b"] }),
      false,
    ],
    [
      "unstamped and empty before its log",
      self({ version: null, tables: [] }),
      self({ version: null, tables: ["b"] }),
      true,
    ],
    ["all tables were replaced under the same stamp", self({ tables: ["a"] }), self({ tables: ["b"] }), true],
    ["the main file does not say", null, self(), true],
    ["the whole does not say", self(), null, true],
  ])("%s", (_, alone, whole, same) => {
    expect(isSameDatabase(alone, whole)).toBe(same);
  });
});

describe("foreseeableBackup: behind the application", () => {
  const HOUR = 3_600_000;
  const taken = (createdAt: string, parts = {}) => ({
    survey: survey(indexEntry({ version: "1.3.0", createdAt, ...parts })),
  });
  test.each<[string, Facts, { retention?: number; minInterval?: number }, boolean, RegExp]>([
    ["this version has none", facts(), {}, true, /^version 1\.3\.0 has no backup yet$/],
    ["only other versions have one", facts(BACKUPS), {}, true, /^version 1\.3\.0 has no backup yet$/],
    [
      "only another database has one of this version",
      facts(taken("2026-11-21T11:59:00.000Z", { databaseId: "another-id" })),
      { minInterval: HOUR },
      true,
      /no backup yet/,
    ],
    ["this version has one", facts(taken("2026-11-21T11:59:00.000Z")), {}, true, /content changed since/],
    [
      "the last one is younger than db-backup-min-interval",
      facts(taken("2026-11-21T11:59:00.000Z")),
      { minInterval: HOUR },
      false,
      /^the last one is 60 s old, less than db-backup-min-interval$/,
    ],
    [
      "the last one was taken in this very moment",
      facts(taken("2026-11-21T12:00:00.000Z")),
      { minInterval: HOUR },
      false,
      /^the last one is 0 s old/,
    ],
    [
      "the last one is as old as db-backup-min-interval",
      facts(taken("2026-11-21T11:00:00.000Z")),
      { minInterval: HOUR },
      true,
      /content changed since/,
    ],
    [
      "the clock was turned back: a backup from the future holds nothing up",
      facts(taken("2026-11-22T12:00:00.000Z")),
      { minInterval: HOUR },
      true,
      /content changed since/,
    ],
    [
      "opened as a newer version left it: it is that version's backup",
      facts(examined({ version: "1.4.0" })),
      {},
      true,
      /^version 1\.4\.0 has no backup yet$/,
    ],
    [
      "retention 0",
      facts({ checked: false, lastCheck: "2026-11-21T12:00:00.000Z" }),
      { retention: 0 },
      false,
      /db-backup-retention is 0/,
    ],
    ["read-only", facts(READONLY), {}, false, /read-only/],
    ["beside another process", facts({ lock: "shared" }), {}, false, /another process/],
  ])("%s", (_, known, { retention = 2, minInterval = 0 }, take, reason) => {
    const rules = { backupRetention: retention, backupMinInterval: minInterval, integrityInterval: 0 };
    const decision = foreseeableBackup(known, rules);
    expect(decision.take).toBe(take);
    expect(decision.reason).toMatch(reason);
  });
});
