import { afterEach, beforeEach, expect, test } from 'vitest';
import { readFilters } from '../../../src/doctor/crossing/filters.ts';
import { judgePassage } from '../../../src/doctor/crossing/judge-passage.ts';
import { openScene, reaches, type Scene } from '../driver/attack-scene.ts';
import { runIn } from '../driver/box-deps.ts';

/** What others put on the way of a guest's frames, by the rules that the kernel goes by and by what doctor says of them. */
let scene: Scene;

beforeEach(async () => {
  scene = await openScene();
});

afterEach(() => scene.box.close());

const CALL_IPTABLES = '/proc/sys/net/bridge/bridge-nf-call-iptables';

async function judged(): Promise<{ verdict: string; seen?: string }> {
  const { box, victim } = scene;
  const calls = (await box.sh(`cat ${CALL_IPTABLES}`)).trim() !== '0';
  const filters = await readFilters(runIn(box), calls);
  return judgePassage({ bridge: 'br0', guestPort: victim.device, servicePort: 5030 }, filters);
}

test('br_netfilter with a FORWARD policy of drop: the guest is cut off, doctor names the chain, the remedy helps', async () => {
  const { box, victim } = scene;
  await box.sh(`echo 1 >${CALL_IPTABLES}`);
  expect([await reaches(victim), (await judged()).verdict]).toEqual([true, 'ok']);

  await box.sh('nft -f -', {
    input: `table ip filter {
      chain DOCKER-USER { counter return; }
      chain FORWARD {
        type filter hook forward priority filter; policy drop;
        jump DOCKER-USER
        oifname "docker0" ct state established,related accept
        iifname "docker0" oifname != "docker0" accept
      }
    }`,
  });
  expect(await reaches(victim)).toBe(false);
  expect(await judged()).toMatchObject({
    verdict: 'failed',
    seen: expect.stringContaining('the policy of chain FORWARD in table ip filter drops them'),
  });

  await box.sh('nft insert rule ip filter DOCKER-USER iifname br0 oifname br0 accept');
  expect([await reaches(victim), (await judged()).verdict]).toEqual([true, 'ok']);
  await box.sh('nft flush chain ip filter DOCKER-USER');
  expect(await reaches(victim)).toBe(false);
  await box.sh(`echo 0 >${CALL_IPTABLES}`);
  expect([await reaches(victim), (await judged()).verdict]).toEqual([true, 'ok']);
});

test('a chain of others in the bridge family', async () => {
  const { box, victim } = scene;
  await box.sh(`nft -f -`, {
    input: `table bridge others {
      chain c { type filter hook forward priority filter; ether type ip iifname "${victim.device}" drop; }
    }`,
  });
  expect(await reaches(victim)).toBe(false);
  expect(await judged()).toMatchObject({
    verdict: 'failed',
    seen: 'rule 1 of chain c in table bridge others drops what guests send',
  });
  await box.sh('nft delete table bridge others');
  expect([await reaches(victim), (await judged()).verdict]).toEqual([true, 'ok']);
});
