/** A file system without hard links, loaded before Holdfast: so says vfat, https://man7.org/linux/man-pages/man2/link.2.html */
import fs from "node:fs";

fs.linkSync = (from, to) => {
  const error = new Error(`EPERM: operation not permitted, link '${from}' -> '${to}'`);
  throw Object.assign(error, { code: "EPERM", errno: -1, syscall: "link" });
};
