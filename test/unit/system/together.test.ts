import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { CommandError, MissingToolError } from '../../../src/errors.ts';
import { type Run, runProgram } from '../../../src/system/run.ts';
import { parseTogether, runningTogether } from '../../../src/system/together.ts';

const SCRIPT = fileURLToPath(new URL('../../../remotes/together', import.meta.url));

/** The programs that were really started, in order. */
function recording(): { readonly run: Run; readonly started: string[] } {
  const started: string[] = [];
  return {
    started,
    run: (command, args, options) => {
      started.push(command);
      return runProgram(command, args, options);
    },
  };
}

const sh = (run: Run, script: string, input?: string) =>
  run('sh', ['-c', script], input === undefined ? {} : { input });
const caught = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);

describe('programs that are started at the same time', () => {
  test('are one process, and each has its own output, input and errors', async () => {
    const { run, started } = recording();
    const together = runningTogether(run, SCRIPT);
    const [reader, both, silent, empty] = await Promise.all([
      sh(together, 'cat', 'a "$b"\n\n\n'),
      sh(together, 'echo out; echo err >&2'),
      sh(together, 'printf x'),
      sh(together, 'cat'),
    ]);
    expect(started).toEqual(['bash']);
    expect(reader.stdout).toBe('a "$b"\n\n\n');
    expect(both).toMatchObject({ stdout: 'out\n', stderr: 'err' });
    expect(silent.stdout).toBe('x');
    expect(empty.stdout).toBe('');
  });

  test('fail as if each had been started by itself', async () => {
    const { run, started } = recording();
    const together = runningTogether(run, SCRIPT);
    const failing = (with_: Run) => caught(sh(with_, 'echo some; echo no >&2; exit 3'));
    const [good, bad] = await Promise.all([sh(together, 'echo good'), failing(together)]);
    expect(good.stdout).toBe('good\n');
    expect(started).toEqual(['bash']);
    const alone = await failing(runProgram);
    expect(bad).toBeInstanceOf(CommandError);
    const { message, status, stderr, command } = alone as CommandError;
    expect(bad).toMatchObject({ message, status, stderr, command });
  });

  test('are started one by one where bash can not start one of them', async () => {
    const { run, started } = recording();
    const together = runningTogether(run, SCRIPT);
    const [good, missing] = await Promise.all([
      sh(together, 'echo good'),
      caught(together('one-tproxy-no-such-program', [])),
    ]);
    expect(good.stdout).toBe('good\n');
    expect(missing).toBeInstanceOf(MissingToolError);
    expect(started).toEqual(['bash', 'one-tproxy-no-such-program']);
  });

  test('that print a lot all come through', async () => {
    const together = runningTogether(runProgram, SCRIPT);
    const all = await Promise.all(
      [1, 2, 3, 4].map((n) => sh(together, `head -c 300000 /dev/zero | tr '\\0' ${n}`)),
    );
    expect(all.map(({ stdout }) => [stdout.length, stdout.slice(0, 2), stdout.slice(-2)])).toEqual(
      [1, 2, 3, 4].map((n) => [300_000, `${n}${n}`, `${n}${n}`]),
    );
  });
});

test('one program is started as it is, and so is one with a time limit of its own', async () => {
  const { run, started } = recording();
  const together = runningTogether(run, SCRIPT);
  expect((await sh(together, 'echo alone')).stdout).toBe('alone\n');
  await Promise.all([sh(together, ':'), together('true', [], { timeoutMs: 5000 })]);
  expect(started).toEqual(['sh', 'true', 'sh']);
});

test.each([
  ['there is no such script', '/no/such/script'],
  ['the script prints something else', '/dev/null'],
])('%s: the programs are started one by one', async (_what, script) => {
  const { run, started } = recording();
  const together = runningTogether(run, script);
  const [one, other] = await Promise.all([sh(together, 'echo 1'), sh(together, 'echo 2')]);
  expect([one.stdout, other.stdout]).toEqual(['1\n', '2\n']);
  expect(started).toEqual(['bash', 'sh', 'sh']);
});

describe('what the script prints', () => {
  const answer = '[]\n\nM 0\n\nM\nno json M 1\n\nM 2\nwhy\nmore\nM\n';

  test('is taken apart at the mark alone', () => {
    expect(parseTogether(answer, 'M')).toEqual([
      { stdout: '[]\n', status: 0, stderr: '' },
      { stdout: 'no json M 1\n', status: 2, stderr: 'why\nmore' },
    ]);
  });

  test.each([
    ['nothing', '', 0],
    ['half of the first', answer.slice(0, 8), 0],
    ['one and a half', answer.slice(0, -4), 1],
  ])('and counts only as far as it is complete: %s', (_what, text, complete) => {
    expect(parseTogether(text, 'M')).toHaveLength(complete);
  });
});
