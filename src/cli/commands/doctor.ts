import { hostname } from 'node:os';
import { allHolds } from '../../doctor/check.ts';
import { examineHost } from '../../doctor/doctor.ts';
import { doctorReport } from '../../doctor/json.ts';
import { reportLines } from '../../doctor/report.ts';
import { sceneOf } from '../../doctor/scene.ts';
import { ExitCode, InputError } from '../../errors.ts';
import { isBridgeName } from '../../model/names.ts';
import { runProgram } from '../../system/run.ts';
import { VERSION } from '../../version.ts';
import type { Io } from '../io.ts';
import { styleFor } from '../text/style.ts';

export interface DoctorOptions {
  readonly configFile: string;
  readonly bridge?: string;
  readonly json: boolean;
}

/** `tproxy doctor`: what holds on a guest's way and what does not, with the remedy. Changes nothing. */
export async function doctor({ configFile, bridge, json }: DoctorOptions, io: Io): Promise<ExitCode> {
  if (bridge !== undefined && !isBridgeName(bridge)) {
    throw new InputError(`--bridge ${JSON.stringify(bridge)}: can't be the name of a bridge`, {
      exitCode: ExitCode.usage,
    });
  }
  const options = { version: VERSION, ...(bridge === undefined ? {} : { bridge }) };
  const checks = await examineHost(sceneOf(configFile, runProgram), options);
  if (json) {
    const about = { version: VERSION, host: hostname(), time: new Date().toISOString() };
    io.out(JSON.stringify(doctorReport(checks, about), null, 2));
  } else {
    for (const line of reportLines(checks, styleFor(io.colour === true))) io.out(line);
  }
  return allHolds(checks) ? ExitCode.ok : ExitCode.failed;
}
