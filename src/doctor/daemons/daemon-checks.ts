import { askForwarder } from '../../control/ask.ts';
import { forwarderLog } from '../../process/paths.ts';
import { counted } from '../../words.ts';
import { type Examination, type Finding, failed, ok } from '../check.ts';
import { strangers } from '../look/process-facts.ts';
import type { Scene } from '../look/scene.ts';
import { judgeDescriptors, judgeForwarder, judgeStrangers, judgeWatch } from './judge-processes.ts';
import { examineLog } from './log-tail.ts';

const FORWARDER = { is: 'forwarder' } as const;

/** The forwarder and its watch. `needed`: some bridge has endpoints. */
export function daemonChecks(scene: Scene, needed: boolean, version: string): readonly Examination[] {
  const forwarder = () => scene.processes().find(({ role }) => role === 'forwarder');
  const check = (
    id: string,
    title: string,
    needs: readonly string[],
    examine: () => Finding | Promise<Finding>,
  ): Examination => ({ id, part: FORWARDER, title, needs, examine });
  const own = check('forwarder', 'forwarder', [], () =>
    judgeForwarder(scene.processes(), { needed, version }),
  );
  const others = [
    check('strangers', 'strangers', [], () => judgeStrangers(strangers(scene.processes()))),
    check('log', 'log', [], () => examineLog(forwarderLog())),
  ];
  if (!needed && forwarder() === undefined) return [own, ...others];
  return [
    own,
    check('control', 'control socket', ['forwarder'], examineControl),
    check('watch', 'watch', ['forwarder'], () => judgeWatch(scene.processes())),
    check('descriptors', 'descriptors', ['forwarder'], () => {
      const found = forwarder();
      return found === undefined
        ? failed('the forwarder has gone', 'run tproxy start')
        : judgeDescriptors(found);
    }),
    ...others,
  ];
}

async function examineControl(): Promise<Finding> {
  const count = await askForwarder('count', {});
  if (count === undefined) return failed('nobody listens on it', 'run tproxy restart');
  return ok(`answers; ${counted(count.relays, 'connection')} now`);
}
