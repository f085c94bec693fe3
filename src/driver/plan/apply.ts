import { messageOf, TproxyError, troubleOf } from '../../errors.ts';
import { applyBridge } from '../../system/bridge.ts';
import { applyIp } from '../../system/ip.ts';
import { batchLinesDone, classifyIpFailure } from '../../system/ip-errors.ts';
import { writeNetns } from '../../system/netns.ts';
import { applyNft } from '../../system/nft.ts';
import type { Run } from '../../system/run.ts';
import { netnsRuleset } from '../rules/netns-rules.ts';
import { bridgeLines } from './bridge-text.ts';
import { ipLine } from './ip-text.ts';
import { nftText } from './nft-text.ts';
import { type Group, groupsOf } from './step-groups.ts';
import { words } from './step-words.ts';
import { type Step, type StepOfHand, undoOf } from './steps.ts';

/**
 * Applies a plan from the root namespace, all or nothing: when a step fails, the steps before it are undone and the error
 * names bridge, step and cause.
 */
export async function applySteps(run: Run, bridge: string, steps: readonly Step[]): Promise<void> {
  const done: Step[] = [];
  for (const group of groupsOf(steps)) {
    try {
      await perform(run, group);
      done.push(...group.steps);
    } catch (error) {
      const finished = stepsDone(group, error);
      done.push(...group.steps.slice(0, finished ?? group.steps.length));
      const left = await undoSteps(run, done);
      const { what, remedy } = troubleOf(error);
      throw new TproxyError(
        `bridge ${bridge}: could not ${wordsOfFailure(group, finished)}: ${what}; ${outcome(left)}`,
        { remedy, cause: error },
      );
    }
  }
}

/**
 * Takes steps back, the last one first, as far as it goes. Resolves with the words of what could not be taken back: an
 * undo never hides the error that made it necessary.
 */
export async function undoSteps(run: Run, done: readonly Step[]): Promise<readonly string[]> {
  const undo = [...done].reverse().flatMap((step) => undoOf(step) ?? []);
  return applyEach(run, undo);
}

/**
 * Applies steps that do not depend on one another and goes on after a failure: for removals. Already gone is success.
 * Resolves with what failed, in words.
 */
export async function applyEach(run: Run, steps: readonly Step[]): Promise<readonly string[]> {
  const failed: string[] = [];
  for (const group of groupsOf(steps)) {
    try {
      await perform(run, group);
    } catch (error) {
      if (group.hand === 'ip' && group.steps.length > 1) {
        // A batch of `ip` stops at the first failure, which must not keep the rest from being removed.
        for (const step of group.steps) failed.push(...(await applyEach(run, [step])));
      } else if (classifyIpFailure(error) !== 'missing-object') {
        failed.push(`could not ${group.steps.map(words).join(', ')}: ${messageOf(error)}`);
      }
    }
  }
  return failed;
}

async function perform(run: Run, group: Group): Promise<void> {
  switch (group.hand) {
    case 'ip':
      return applyIp(run, group.steps.map(ipLine));
    case 'ip-in-netns':
      return applyIp(run, group.steps.map(ipLine), group.netns);
    case 'settings':
      return writeNetns(run, group.netns, sysctlsOf(group.steps), rulesetOf(group.steps));
    case 'bridge':
      return applyBridge(run, group.steps.flatMap(bridgeLines));
    case 'nft':
      return applyNft(run, nftText(group.steps));
  }
}

function sysctlsOf(steps: readonly StepOfHand<'settings'>[]): ReadonlyMap<string, string> {
  return new Map(steps.flatMap((step) => (step.do === 'write-sysctls' ? [...step.sysctls] : [])));
}

function rulesetOf(steps: readonly StepOfHand<'settings'>[]): string {
  return steps.map((step) => (step.do === 'write-ruleset' ? netnsRuleset(step.device) : '')).join('');
}

/** How many steps of a failed group took effect; undefined: nobody knows. */
function stepsDone(group: Group, error: unknown): number | undefined {
  return group.hand === 'nft' ? 0 : batchLinesDone(error);
}

function wordsOfFailure(group: Group, finished: number | undefined): string {
  const culprit = finished === undefined || group.hand === 'nft' ? undefined : group.steps[finished];
  return culprit === undefined ? group.steps.map(words).join(', ') : words(culprit);
}

function outcome(left: readonly string[]): string {
  if (left.length === 0) return 'the steps before it were undone';
  return `undoing the steps before it failed too: ${left.join('; ')}`;
}
