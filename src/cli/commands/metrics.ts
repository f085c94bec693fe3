import { open } from 'node:fs/promises';
import { askForwarder } from '../../control/ask.ts';
import { ExitCode, messageOf, TproxyError } from '../../errors.ts';
import { endpointFamilies, familiesOf, troubleFamilies, upFamilies } from '../../metrics/families.ts';
import type { Family } from '../../metrics/family.ts';
import { metricsText } from '../../metrics/text.ts';
import { TroubleBook } from '../../process/troubles.ts';
import { replaceFileAsync } from '../../replace-file.ts';
import { readEndpointMaps } from '../../system/nft.ts';
import { runProgram } from '../../system/run.ts';
import type { Io } from '../io.ts';
import { demandRoot } from '../root.ts';

/**
 * `tproxy metrics`: the Prometheus text once, on standard output or, for node_exporter, in a file that is replaced in one
 * step. Without a forwarder the text says so, and so does the exit code; a file that was written is a success.
 */
export async function metrics({ textfile }: { readonly textfile?: string }, io: Io): Promise<ExitCode> {
  demandRoot('metrics');
  const { families, up } = await look(io);
  const text = await metricsText(families);
  if (textfile !== undefined) {
    await writeTextfile(textfile, text);
    return ExitCode.ok;
  }
  io.out(text.trimEnd());
  return up ? ExitCode.ok : ExitCode.notRunning;
}

/** A forwarder that hangs, or an nft that can't be read, is told as what it is: alerts are made of that. */
async function look(io: Io): Promise<{ families: Family[]; up: boolean }> {
  const told = async <T>(read: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await read();
    } catch (error) {
      io.err(`WARNING: ${messageOf(error)}`);
      return undefined;
    }
  };
  const [stats, maps] = await Promise.all([
    told(() => askForwarder('stats', { byGuest: false })),
    told(() => readEndpointMaps(runProgram)),
  ]);
  const endpoints = maps === undefined ? [] : endpointFamilies([...maps.values()].flat().length);
  const families = stats === undefined ? withoutForwarder() : familiesOf(stats);
  return { families: [...families, ...endpoints], up: stats !== undefined };
}

function withoutForwarder(): Family[] {
  return [...upFamilies(false), ...troubleFamilies(new TroubleBook().all().length)];
}

/** node_exporter reads `*.prom` at any moment: it must never meet half a file, nor a file that it may not read. */
async function writeTextfile(file: string, text: string): Promise<void> {
  try {
    await replaceFileAsync(file, async (fresh) => {
      const handle = await open(fresh, 'wx', 0o644);
      try {
        await handle.chmod(0o644);
        await handle.writeFile(text);
        await handle.sync();
      } finally {
        await handle.close();
      }
    });
  } catch (error) {
    throw new TproxyError(`${file}: can't be written: ${messageOf(error)}`, {
      remedy: 'check its directory',
      cause: error,
    });
  }
}
