/** A safety left out on purpose, loaded before Holdfast: whoever asks for a lock alone is told that it holds it. */
import Database from "better-sqlite3";

const { exec } = Database.prototype;
Database.prototype.exec = function (sql) {
  return exec.call(this, sql === "BEGIN EXCLUSIVE" ? "BEGIN" : sql);
};
