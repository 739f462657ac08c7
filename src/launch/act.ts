/** Carries out one decision and returns what was learnt by it. Each function is one word of `decide`. */

import { join } from "node:path";
import { usability } from "../backups/choose.ts";
import { unlessCutOff } from "../backups/verify.ts";
import { observeFiles, presentSidecars } from "../database/files.ts";
import { lookAtSealed } from "../database/sealed-look.ts";
import { finishSwap } from "../database/swap.ts";
import { quarantineName, temporaryIn } from "../places.ts";
import { makePrivate, removeDurably, replaceFile, secondName, syncFolder } from "../platform/atomic-file.ts";
import { copier, reporter, runJob, stopIfAborted } from "../toolbox.ts";
import type { Context } from "./context.ts";
import type { Action, Doing } from "./decide.ts";
import { type Facts, withVerification } from "./facts.ts";
import { heal } from "./heal.ts";
import { layoutsOf, learn, withCheck } from "./learn.ts";
import { create, migrate, stamp } from "./migrate.ts";
import { observe } from "./observe.ts";
import { freePlace } from "./replacement.ts";
import { restore } from "./restore.ts";
import { takeRestorePoint } from "./restore-point.ts";
import { wait } from "./wait.ts";

export async function act(context: Context, facts: Facts, decision: Action): Promise<Facts> {
  stopIfAborted(context.signal);
  switch (decision.do) {
    case "wait":
      return await wait(context, facts, decision);
    case "finish-swap":
      return await completeSwap(context, facts, decision);
    case "examine":
      return await examine(context, facts, decision);
    case "quarantine-sidecars":
      return await quarantineSidecars(context, facts, decision);
    case "keep-log":
      return await keepLog(context, facts, decision);
    case "verify":
      return await verify(context, facts, decision);
    case "restore":
      return await restore(context, facts, decision);
    case "salvage":
      return await heal(context, facts, decision);
    case "create":
      return await create(context, facts, decision);
    case "restore-point":
      return await takeRestorePoint(context, facts, decision);
    case "migrate":
      return await migrate(context, facts);
    case "stamp":
      return await stamp(context, facts, decision);
  }
}

async function completeSwap(context: Context, facts: Facts, decision: Doing<"finish-swap">): Promise<Facts> {
  const report = reporter(context);
  const aside = facts.intent?.kind === "resumable" ? facts.intent.aside : null;
  await finishSwap(context.places, copier(context));
  report({ action: "finish-swap", reason: decision.reason, ...(aside === null ? {} : { file: aside }) });
  return await observe(context, facts.waited);
}

async function examine(context: Context, facts: Facts, decision: Doing<"examine">): Promise<Facts> {
  const { places } = context;
  const { scope, check } = decision;
  const scratch = temporaryIn(places.folder, places, "look");
  const report = reporter(context);
  if (scope === "whole" && check === "none" && facts.trust.kind === "sealed" && facts.lock === "exclusive") {
    return await learn(context, facts, lookAtSealed(context.engine, places.database, scratch));
  }
  const message = `checking ${places.database}`;
  if (check === "full") {
    context.onEvent({ kind: "check", message, total: Number(facts.files.main?.size ?? 0), unit: "bytes" });
  }
  const order = {
    path: places.database,
    scope,
    check,
    scratch,
    beside: facts.lock === "shared",
    timeout: Math.min(context.settings.lockTimeout, 5000),
    patience: context.settings.lockTimeout,
  };
  const inspection = await runJob(context, "examine", order, ({ done, total, what }) =>
    context.onEvent({ kind: "check", message: `${message}: ${what}`, done, total, unit: "tables" }),
  );
  if (check === "full") report({ action: "check", reason: decision.reason, file: places.database });
  if (scope === "alone") return { ...facts, alone: { ...inspection, checked: check === "full" } };
  const next = { ...facts, files: observeFiles(places.database) };
  return await learn(context, check === "full" ? withCheck(next, inspection) : next, inspection);
}

async function quarantineSidecars(
  context: Context,
  facts: Facts,
  decision: Doing<"quarantine-sidecars">,
): Promise<Facts> {
  const { places } = context;
  const report = reporter(context);
  const aside = await freePlace(context, quarantineName(places.stem, facts.now));
  for (const ending of presentSidecars(facts.files)) {
    await secondName(places.database + ending, aside + ending, copier(context));
    syncFolder(places.backups);
    removeDurably(places.database + ending);
    makePrivate(aside + ending);
  }
  const kept = presentSidecars(facts.files).map((ending) => aside + ending);
  report({ action: "quarantine", reason: decision.reason, file: kept[0] ?? aside });
  const next = { ...facts, files: observeFiles(places.database), whole: null, alone: null };
  return facts.alone?.checked ? await learn(context, withCheck(next, facts.alone), facts.alone) : next;
}

/** A copy: the log itself stays, for SQLite to read what it can of it. */
async function keepLog(context: Context, facts: Facts, decision: Doing<"keep-log">): Promise<Facts> {
  const { places } = context;
  const report = reporter(context);
  const aside = `${await freePlace(context, quarantineName(places.stem, facts.now))}-wal`;
  const temporary = temporaryIn(places.backups, places, "backup");
  await copier(context)(`${places.database}-wal`, temporary);
  replaceFile(temporary, aside);
  report({ action: "quarantine", reason: decision.reason, file: aside });
  context.warnings.push(`${decision.reason}: it is kept as ${aside}.`);
  return { ...facts, logKept: true };
}

async function verify(context: Context, facts: Facts, decision: Doing<"verify">): Promise<Facts> {
  const { backup } = decision;
  const { places, own } = context;
  const message = `verifying ${backup.file}`;
  context.onEvent({ kind: "verify", message, total: backup.size, unit: "bytes" });
  const app = own ? null : { layout: facts.app.layout, version: facts.app.version };
  let verification = await unlessCutOff(
    runJob(context, "verify", { places, entry: backup, app }, ({ done, total, what }) =>
      context.onEvent(
        what === undefined
          ? { kind: "verify", message, done, total, unit: "bytes" }
          : { kind: "verify", message: `${message}: ${what}`, done, total, unit: "tables" },
      ),
    ),
  );
  if (verification.ok && own) {
    const { applied, known } = layoutsOf(context, join(places.backups, backup.file), verification.inspection);
    const { usable, relation } = usability(applied, known, facts.app.version);
    if (!usable) verification = { ok: false, kind: "unfit", reason: `its layout is ${relation}` };
  }
  if (!verification.ok && verification.kind !== "unfit")
    context.warnings.push(`The backup ${backup.file} was passed over: ${verification.reason}.`);
  return withVerification(facts, backup.file, verification);
}
