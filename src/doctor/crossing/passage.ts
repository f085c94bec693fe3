import { isObject, type JsonObject } from '../../system/json.ts';
import type { ForeignChain } from '../../system/nft-ruleset.ts';
import { type Answer, type Frame, matches } from './frame.ts';

/** Where a frame surely ends. */
export interface Dropped {
  readonly chain: ForeignChain;
  /** `its policy`, `rule 3`. */
  readonly by: string;
}

/** What may become of a frame; `through`: nobody has decided, so who called decides. */
interface Outcomes {
  readonly accept: boolean;
  readonly through: boolean;
  readonly dropped: Dropped | undefined;
}

/** Deeper than the kernel allows: chains that jump in a circle are no rules that it took. */
const DEEPEST = 16;

/**
 * The first of these chains by which a frame surely is dropped, whatever is not known of it; undefined when it may pass all. A
 * rule that asks for something that can't be told here may hold or not. Pure.
 */
export function surelyDropped(
  chains: readonly ForeignChain[],
  hook: string,
  frame: Frame,
): Dropped | undefined {
  for (const chain of chains.filter((one) => one.hook === hook)) {
    const { accept, through, dropped } = outcomesOf(chain, chains, frame, 0);
    const passes = accept || (through && !chain.drops);
    if (!passes) return dropped ?? { chain, by: 'its policy' };
  }
  return undefined;
}

function outcomesOf(
  chain: ForeignChain,
  all: readonly ForeignChain[],
  frame: Frame,
  depth: number,
): Outcomes {
  let accept = false;
  let through = false;
  let dropped: Dropped | undefined;
  for (const [at, rule] of chain.rules.entries()) {
    const holds = holdsFor(rule, frame);
    if (holds === 'no') continue;
    const end = endOf(rule, { chain, by: `rule ${at + 1}` }, all, frame, depth);
    if (end === undefined) continue;
    accept ||= end.accept;
    dropped ??= end.dropped;
    if (end.returns) through = true;
    if (holds === 'yes' && !end.goesOn) return { accept, through, dropped };
  }
  return { accept, through: true, dropped };
}

/** Its conditions together. Statements that are none of them, such as counters, hold. */
function holdsFor(rule: readonly JsonObject[], frame: Frame): Answer {
  let sure: Answer = 'yes';
  for (const statement of rule) {
    const answer: Answer = isObject(statement.match)
      ? matches(statement.match, frame)
      : 'xt' in statement || 'limit' in statement || 'ct count' in statement
        ? 'maybe'
        : 'yes';
    if (answer === 'no') return 'no';
    if (answer === 'maybe') sure = 'maybe';
  }
  return sure;
}

interface End {
  readonly accept: boolean;
  readonly dropped: Dropped | undefined;
  /** The frame may go back to where the chain was called. */
  readonly returns: boolean;
  /** The frame may go on to the next rule. */
  readonly goesOn: boolean;
}

/** What a rule does with a frame for which it holds; undefined: nothing that decides. */
function endOf(
  rule: readonly JsonObject[],
  here: Dropped,
  all: readonly ForeignChain[],
  frame: Frame,
  depth: number,
): End | undefined {
  const nothing = { accept: false, dropped: undefined, returns: false, goesOn: false };
  for (const statement of rule) {
    if ('accept' in statement) return { ...nothing, accept: true };
    if ('drop' in statement || 'reject' in statement) return { ...nothing, dropped: here };
    if ('return' in statement) return { ...nothing, returns: true };
    // Where it leads depends on what is not read here.
    if ('vmap' in statement || 'queue' in statement) return { ...nothing, accept: true, goesOn: true };
    const call = isObject(statement.jump) ? statement.jump : statement.goto;
    if (!isObject(call)) continue;
    const { family, table } = here.chain;
    const called = all.find(
      (one) => one.name === call.target && one.family === family && one.table === table,
    );
    if (called === undefined || depth >= DEEPEST) return { ...nothing, accept: true, goesOn: true };
    const { through, ...decided } = outcomesOf(called, all, frame, depth + 1);
    const jumped = 'jump' in statement;
    return { ...decided, returns: through && !jumped, goesOn: through && jumped };
  }
  return undefined;
}
