/** Loaded before the application: its launch is killed at a turning point of the swap. */
import fs from "node:fs";

const { searchParams } = new URL(import.meta.url);
const { linkSync, renameSync } = fs;
const die = () => process.kill(process.pid, "SIGKILL");

fs.linkSync = (from, to) => {
  if (searchParams.get("at") === "link" && String(to).endsWith("-corrupt.sqlite")) die();
  linkSync(from, to);
};
fs.renameSync = (from, to) => {
  if (searchParams.get("at") === "rename" && String(to).endsWith("library.sqlite")) die();
  renameSync(from, to);
};
