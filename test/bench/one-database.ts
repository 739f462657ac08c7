/**
 * Makes one database, in a process of its own: the large cache that it is made with would stay with the process that
 * starts all measured ones, and a large process is slower to start others. Prints the path as JSON.
 */
import { makeDatabase } from "./make-database.ts";

export interface DatabaseOrder {
  readonly folder: string;
  readonly megabytes: number;
}

const { folder, megabytes } = JSON.parse(process.argv[2] ?? "") as DatabaseOrder;
process.stdout.write(JSON.stringify(makeDatabase(folder, megabytes)));
