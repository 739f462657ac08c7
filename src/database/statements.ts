/**
 * Splitting SQL text into statements, by the rules of sqlite3_complete (https://sqlite.org/c3ref/complete.html):
 * a semicolon ends a statement, but inside CREATE TRIGGER only one that follows END does.
 */
export interface Statement {
  readonly text: string;
  /** Counted from 1. */
  readonly line: number;
  /** The first word in capitals: CREATE, PRAGMA, COMMIT … */
  readonly verb: string;
}

const TOKEN =
  /(?<space>\s+|--[^\n]*(?:\n|$)|\/\*[\s\S]*?(?:\*\/|$))|(?<quoted>'[^']*'?|"[^"]*"?|`[^`]*`?|\[[^\]]*\]?)|(?<word>[\p{L}_\u0080-\uFFFF][\p{L}\p{N}_$\u0080-\uFFFF]*)|(?<end>;)|(?<other>[\s\S])/uy;

/** Words, quoted names and texts, and single characters, without spaces and comments. */
export function* tokensOf(sql: string): Generator<string> {
  for (const token of sql.matchAll(new RegExp(TOKEN, "uyg"))) {
    if (token.groups?.space === undefined) yield token[0];
  }
}

export function* splitStatements(sql: string): Generator<Statement> {
  let start = -1;
  let words: string[] = [];
  let trigger = false;
  let lastWasEnd = false;
  let afterSemicolon = false;
  const lines = lineCounter(sql);
  for (const token of sql.matchAll(new RegExp(TOKEN, "uyg"))) {
    const { space, word, end } = token.groups ?? {};
    if (space !== undefined) continue;
    if (start < 0 && end !== undefined) continue;
    if (start < 0) start = token.index;
    if (end === undefined) {
      const upper = word?.toUpperCase() ?? "";
      if (words.length < 4) words.push(upper);
      trigger ||= /^CREATE (TEMP |TEMPORARY )?TRIGGER$/.test(words.join(" "));
      lastWasEnd = upper === "END" && afterSemicolon;
      afterSemicolon = false;
      continue;
    }
    if (trigger && !lastWasEnd) {
      afterSemicolon = true;
      continue;
    }
    yield { text: sql.slice(start, token.index + 1), line: lines(start), verb: words[0] ?? "" };
    start = -1;
    words = [];
    trigger = lastWasEnd = afterSemicolon = false;
  }
  if (start >= 0) yield { text: sql.slice(start), line: lines(start), verb: words[0] ?? "" };
}

/** The line of an offset; each call must ask for a later one than the last. */
function lineCounter(text: string): (offset: number) => number {
  let line = 1;
  let at = 0;
  return (offset) => {
    for (; at < offset; at++) if (text.charCodeAt(at) === 10) line++;
    return line;
  };
}

const TRANSACTION_VERBS = new Set(["BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE"]);

/** The first statement that would begin or end a transaction, if any. */
export function firstTransactionStatement(sql: string): Statement | undefined {
  for (const each of splitStatements(sql)) if (TRANSACTION_VERBS.has(each.verb)) return each;
  return undefined;
}
