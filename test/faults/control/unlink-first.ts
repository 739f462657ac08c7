/** A wrong order on purpose, loaded before Holdfast: what a rename replaces is removed before it. */
import fs from "node:fs";

const rename = fs.renameSync;
fs.renameSync = (from, to) => {
  fs.rmSync(to, { force: true });
  rename(from, to);
};
