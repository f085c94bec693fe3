import type { BridgeOutcome } from '../../driver/host.ts';
import { words } from '../../driver/plan/step-words.ts';
import { type Finding, failed, ok, warning } from '../check.ts';
import { APPLY } from '../remedies.ts';

const SHOWN_STEPS = 4;

/** What `tproxy apply` would do to a bridge; undefined: it knows nothing of such a bridge. */
export function judgePlan(outcome: BridgeOutcome | undefined): Finding {
  if (outcome === undefined) return ok('no services here, and nothing is plumbed');
  const { decision, why = '', steps } = outcome;
  if (decision === 'failed') return failed(why, 'see tproxy plan');
  if (decision === 'leave') return ok(`left as it is: ${why}`);
  if (steps.length === 0) return ok('tproxy apply has nothing to do');
  const shown = steps.slice(0, SHOWN_STEPS).map(words).join(', ');
  const more = steps.length > SHOWN_STEPS ? ` and ${steps.length - SHOWN_STEPS} more` : '';
  return warning(`tproxy apply would ${shown}${more}${why === '' ? '' : `: ${why}`}`, APPLY);
}
