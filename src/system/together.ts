import { randomBytes } from 'node:crypto';
import { CommandError } from '../errors.ts';
import { commandFailed, type Run, type RunOptions, type RunResult } from './run.ts';

interface Call {
  readonly command: string;
  readonly args: readonly string[];
  readonly options: RunOptions;
  readonly resolve: (result: RunResult | Promise<RunResult>) => void;
  readonly reject: (error: unknown) => void;
}

/** After this long programs are asked one by one, with as much time as each may take. */
const PATIENCE_MS = 3000;
/** bash says so of a program that it can't start. */
const NOT_STARTED = 126;

/**
 * A `Run` that starts what is asked for in one turn of the event loop as one process: the script `together` in
 * `remotes/`, whose path is `script`. Results and errors are as if each had been started by itself; and whenever there is
 * anything odd about the whole, each is.
 */
export function runningTogether(run: Run, script: string): Run {
  let waiting: Call[] = [];
  const start = (): void => {
    const calls = waiting;
    waiting = [];
    const alone = (call: Call): void => call.resolve(run(call.command, call.args, call.options));
    if (calls.length === 1) calls.forEach(alone);
    else
      ask(run, script, calls).then(
        (outcomes) => settle(calls, outcomes, alone),
        () => calls.forEach(alone),
      );
  };
  return (command, args, options = {}) =>
    options.timeoutMs !== undefined
      ? run(command, args, options)
      : new Promise((resolve, reject) => {
          if (waiting.length === 0) setImmediate(start);
          waiting.push({ command, args, options, resolve, reject });
        });
}

interface Outcome extends RunResult {
  readonly status: number;
}

function settle(calls: readonly Call[], outcomes: readonly Outcome[], alone: (call: Call) => void): void {
  for (const [index, call] of calls.entries()) {
    const outcome = outcomes[index];
    if (outcome === undefined || outcome.status >= NOT_STARTED) alone(call);
    else if (outcome.status === 0) call.resolve(outcome);
    else call.reject(commandFailed([call.command, ...call.args].join(' '), outcome.status, outcome.stderr));
  }
}

async function ask(run: Run, script: string, calls: readonly Call[]): Promise<readonly Outcome[]> {
  const mark = randomBytes(16).toString('hex');
  const words = calls.flatMap(({ command, args, options }) => [
    options.input ?? '',
    `${args.length + 1}`,
    command,
    ...args,
  ]);
  const { stdout } = await run('bash', [script, mark, ...words], { timeoutMs: PATIENCE_MS });
  const outcomes = parseTogether(stdout, mark);
  if (outcomes.length === calls.length) return outcomes;
  throw new CommandError('together: not an answer of every program', {
    command: 'together',
    status: 0,
    stderr: '',
  });
}

/** Reads what the script prints; what is not complete is left out. */
export function parseTogether(text: string, mark: string): readonly Outcome[] {
  // stdout, " status\nstderr", stdout, …: whatever stands between two marks, each on a line of its own.
  const parts = text.split(`\n${mark}`);
  const outcomes: Outcome[] = [];
  for (let at = 0; at + 2 < parts.length; at += 2) {
    const [, status, stderr] = /^ (\d+)\n([\s\S]*)$/.exec(parts[at + 1] ?? '') ?? [];
    if (status === undefined || stderr === undefined) return outcomes;
    const stdout = parts[at] ?? '';
    outcomes.push({ status: Number(status), stderr, stdout: at === 0 ? stdout : stdout.slice(1) });
  }
  return outcomes;
}
