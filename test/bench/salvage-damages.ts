/** The ways in which databases are damaged to hold salvage against `.recover`, by the names that `--damages` takes. */
import {
  both,
  cutOff,
  type Damage,
  flipBits,
  interiorAndOthers,
  interiorZeroed,
  pageOneZeroed,
  schemaZeroed,
  scrambled,
  zeroed,
} from "../recovery/salvage/damages.ts";

interface BesideDamage {
  readonly title: string;
  readonly damage: Damage;
  /** What tells the tables from each other is gone, so that a schema donor is asked as well. */
  readonly needsDonor: boolean;
}

const bitsFlipped =
  (share: number): Damage =>
  (subject, draw) =>
    flipBits(subject, draw, share, () => true);

export const BESIDE_DAMAGES: Readonly<Record<string, BesideDamage>> = {
  zero: { title: "1 % of the pages zero", damage: zeroed(0.01), needsDonor: false },
  random: { title: "1 % of the pages random", damage: scrambled(0.01), needsDonor: false },
  bits: { title: "a bit flipped in 5 % of the pages", damage: bitsFlipped(0.05), needsDonor: false },
  cut: { title: "the last 30 % cut off", damage: cutOff(0.3), needsDonor: false },
  "page-1": { title: "page 1 zero", damage: pageOneZeroed, needsDonor: true },
  interior: { title: "all interior pages zero", damage: interiorZeroed, needsDonor: false },
  schema: { title: "schema table zero", damage: schemaZeroed, needsDonor: true },
  mixed: {
    title: "interior and other pages zero or random, bits flipped",
    damage: both(interiorAndOthers(0.01), bitsFlipped(0.02)),
    needsDonor: false,
  },
};
