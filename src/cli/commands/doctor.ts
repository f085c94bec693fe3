import { hostname } from 'node:os';
import { allHolds, reworded } from '../../doctor/check.ts';
import { examineHost } from '../../doctor/doctor.ts';
import { doctorReport } from '../../doctor/json.ts';
import { sceneOf } from '../../doctor/look/scene.ts';
import { asTyped } from '../../doctor/remedies.ts';
import { reportLines } from '../../doctor/report.ts';
import { ExitCode, InputError } from '../../errors.ts';
import { isBridgeName } from '../../model/names.ts';
import { runProgram } from '../../system/run.ts';
import { VERSION } from '../../version.ts';
import { commandName } from '../command-name.ts';
import type { Io } from '../io.ts';
import { escapeLines } from '../text/escape.ts';
import { styleFor } from '../text/style.ts';

export interface DoctorOptions {
  readonly configFile: string;
  /** The one that is taken when nobody names one. */
  readonly standardConfigFile: string;
  /** Path of the running executable. */
  readonly executable: string;
  readonly bridge?: string;
  readonly json: boolean;
}

/** `tproxy doctor`: what holds on a guest's way and what does not, with the remedy. Changes nothing. */
export async function doctor(
  { configFile, standardConfigFile, executable, bridge, json }: DoctorOptions,
  io: Io,
): Promise<ExitCode> {
  if (bridge !== undefined && !isBridgeName(bridge)) {
    throw new InputError(`--bridge ${JSON.stringify(bridge)}: not a valid bridge name`, {
      remedy: 'write the name of a bridge (ip link show type bridge)',
      exitCode: ExitCode.usage,
    });
  }
  const options = { version: VERSION, ...(bridge === undefined ? {} : { bridge }) };
  const command = commandName(executable, process.env.PATH ?? '', {
    used: configFile,
    standard: standardConfigFile,
  });
  const found = await examineHost(sceneOf(configFile, runProgram), options);
  const checks = found.map((check) => asTyped(check, command));
  if (json) {
    const about = { version: VERSION, host: hostname(), time: new Date().toISOString() };
    io.out(JSON.stringify(doctorReport(checks, about), null, 2));
  } else {
    // Names of networks and lines of logs stand in it.
    const shown = checks.map((check) => ({ ...check, finding: reworded(check.finding, escapeLines) }));
    for (const line of reportLines(shown, styleFor(io.colour === true))) io.out(line);
  }
  return allHolds(checks) ? ExitCode.ok : ExitCode.failed;
}
