/** A safety left out on purpose, loaded before Holdfast: nothing that it writes itself is flushed. */
import fs from "node:fs";

fs.fsyncSync = () => {};
