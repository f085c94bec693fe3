import { HAND, type Step, type StepOfHand } from './steps.ts';

/** Steps that become one process. */
export type Group =
  | { readonly hand: 'ip'; readonly steps: readonly StepOfHand<'ip'>[] }
  | {
      readonly hand: 'ip-in-netns';
      readonly netns: string;
      readonly steps: readonly StepOfHand<'ip-in-netns'>[];
    }
  | { readonly hand: 'settings'; readonly netns: string; readonly steps: readonly StepOfHand<'settings'>[] }
  | { readonly hand: 'bridge'; readonly steps: readonly StepOfHand<'bridge'>[] }
  | { readonly hand: 'nft'; readonly steps: readonly StepOfHand<'nft'>[] };

/** Neighbours that one process can do together, in the order of the plan. */
export function groupsOf(steps: readonly Step[]): readonly Group[] {
  const groups: Group[] = [];
  for (const step of steps) {
    const merged = merge(groups.at(-1), step);
    if (merged === undefined) groups.push(groupOf(step));
    else groups[groups.length - 1] = merged;
  }
  return groups;
}

function merge(last: Group | undefined, step: Step): Group | undefined {
  if (last?.hand === 'ip' && isOf('ip', step)) return { ...last, steps: [...last.steps, step] };
  if (last?.hand === 'nft' && isOf('nft', step)) return { ...last, steps: [...last.steps, step] };
  if (last?.hand === 'bridge' && isOf('bridge', step)) return { ...last, steps: [...last.steps, step] };
  if (last?.hand === 'ip-in-netns' && isOf('ip-in-netns', step) && step.netns === last.netns) {
    return { ...last, steps: [...last.steps, step] };
  }
  if (last?.hand === 'settings' && isOf('settings', step) && step.netns === last.netns) {
    return { ...last, steps: [...last.steps, step] };
  }
  return undefined;
}

function groupOf(step: Step): Group {
  if (isOf('ip', step)) return { hand: 'ip', steps: [step] };
  if (isOf('nft', step)) return { hand: 'nft', steps: [step] };
  if (isOf('ip-in-netns', step)) return { hand: 'ip-in-netns', netns: step.netns, steps: [step] };
  if (isOf('settings', step)) return { hand: 'settings', netns: step.netns, steps: [step] };
  return { hand: 'bridge', steps: [step] };
}

function isOf<H extends Group['hand']>(hand: H, step: Step): step is StepOfHand<H> {
  return HAND[step.do] === hand;
}
