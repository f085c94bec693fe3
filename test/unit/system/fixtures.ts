import { readFileSync } from 'node:fs';
import { CommandError } from '../../../src/errors.ts';
import type { Run } from '../../../src/system/run.ts';

/** What a real tool printed: `nft/1.0.6/table-ip.json`. */
export function fixture(name: string): string {
  return readFileSync(new URL(`../../fixtures/${name}`, import.meta.url), 'utf8');
}

/** How a real tool failed, from a file with its standard error and a last line `status N`. */
export function failure(name: string): CommandError {
  const match = /^([\s\S]*)status (\d+)\n$/.exec(fixture(name));
  if (match === null) throw new Error(`${name}: no last line "status N"`);
  const stderr = (match[1] ?? '').trim();
  return new CommandError(`${name}: ${stderr}`, { command: name, status: Number(match[2]), stderr });
}

/** A `Run` that answers by command line; a command line without an answer fails the test. */
export function answering(answers: Readonly<Record<string, string | Error>>): Run {
  return async (command, args) => {
    const line = [command, ...args].join(' ');
    const answer = answers[line];
    if (answer === undefined) throw new Error(`unexpected: ${line}`);
    if (answer instanceof Error) throw answer;
    return { stdout: answer, stderr: '' };
  };
}
