import { limitConcurrency, type RunLimited } from '../concurrency.ts';
import { explainFileTrouble, messageOf, TproxyError } from '../errors.ts';
import { withTimeLimit } from '../time-limit.ts';
import { type Check, type Examination, type Finding, failed, keyOf, skipped } from './check.ts';

/** Longer than a program may take, so that what is said is which one did not answer. */
const LIMIT_MS = 8000;
/** Checks side by side; each may run a program. */
const WIDTH = 8;

/**
 * Makes all checks and resolves with them in the order of the list. A check starts when those it needs have been made; where
 * one of them does not hold it is skipped. One that throws, or takes longer than its limit, has failed, and the walk goes on.
 */
export async function walk(examinations: readonly Examination[]): Promise<readonly Check[]> {
  const turn = limitConcurrency(WIDTH);
  const made = new Map<string, Promise<Check>>();
  for (const examination of examinations) {
    const needs = examination.needs.map((key) => ({ key, check: made.get(key) }));
    made.set(keyOf(examination), make(examination, needs, turn));
  }
  return Promise.all(made.values());
}

interface Need {
  readonly key: string;
  /** Undefined: there is no such check before this one, so nothing speaks against it. */
  readonly check: Promise<Check> | undefined;
}

async function make(
  { id, part, subject, title, limitMs = LIMIT_MS, examine }: Examination,
  needs: readonly Need[],
  turn: RunLimited,
): Promise<Check> {
  const about = { id, part, title, ...(subject === undefined ? {} : { subject }) };
  for (const { check } of needs) {
    const needed = await check;
    if (needed === undefined || holds(needed.finding)) continue;
    return { ...about, finding: skipped(`needs ${wordsFor(needed)}`), ms: 0 };
  }
  return turn(async () => {
    const began = performance.now();
    const finding = await withinLimit(examine, limitMs);
    return { ...about, finding, ms: Math.round((performance.now() - began) * 10) / 10 };
  });
}

function holds({ verdict }: Finding): boolean {
  return verdict === 'ok' || verdict === 'warning';
}

function wordsFor({ title, finding }: Check): string {
  return finding.verdict === 'skipped' ? `${title}, which was skipped` : title;
}

async function withinLimit(examine: Examination['examine'], limitMs: number): Promise<Finding> {
  const late = () => failed(`no answer within ${limitMs / 1000} s`, 'see what the machine is busy with: top');
  try {
    return await withTimeLimit(Promise.resolve().then(examine), limitMs, late);
  } catch (error) {
    return thrown(error);
  }
}

/** Errors for operators have a remedy; others are bugs, and their stack is what helps. */
function thrown(cause: unknown): Finding {
  const error = explainFileTrouble(cause);
  if (error instanceof TproxyError) {
    return failed(error.what, error.remedy ?? 'the message says what went wrong');
  }
  const stack = error instanceof Error ? (error.stack ?? messageOf(error)) : messageOf(error);
  return failed(
    `the check itself broke: ${messageOf(error)}`,
    `report this: ${stack.split('\n')[1]?.trim() ?? stack}`,
  );
}
