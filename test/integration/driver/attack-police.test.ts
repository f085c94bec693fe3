import { afterEach, describe, expect, test } from 'vitest';
import { frame, send, syn, udp } from '../../support/frames.ts';
import { countAt, openScene, reaches, type Scene, SERVICE_ADDRESS } from './attack-scene.ts';

let scene: Scene;

afterEach(() => scene.box.close());

/** Bytes of a big frame: what follows a short packet counts as well. */
const BIG = 1400;

const FORGER = '02:66:66:66:66:66';
const COUNT = 1000;

const FLOODS = [
  {
    what: 'new connections',
    policing: { portRate: 20, portBandwidth: 0 },
    // One second's worth at once, and 20 in each second that sending takes.
    most: 400,
    frames: ({ serviceMac: to, attacker: { ip } }: Scene) =>
      Array.from({ length: COUNT }, (_, index) =>
        frame({ from: FORGER, to }, syn({ from: ip, to: SERVICE_ADDRESS }, 5030, 10_000 + index)),
      ),
    times: 1,
  },
  {
    what: 'bytes',
    policing: { portRate: 0, portBandwidth: 1 },
    // 190 000 bytes at once, and 125 000 in each second that sending takes.
    most: 600,
    frames: ({ serviceMac: to, attacker: { ip } }: Scene) => [
      frame({ from: FORGER, to }, udp({ from: ip, to: SERVICE_ADDRESS }, 5030)).padEnd(2 * BIG, '5a'),
    ],
    times: COUNT,
  },
] as const;

/** Sends the flood and tells how much of it gets to the netns. */
async function arrived({ frames, times }: (typeof FLOODS)[number]): Promise<number> {
  const { attacker, box, netns } = scene;
  const mine = { mine: `ether saddr ${FORGER}` };
  const sent = await countAt(box, mine, attacker.device);
  const inside = await countAt(netns, mine, 'br0a');
  await send(attacker, frames(scene), times);
  await expect.poll(async () => (await sent()).mine).toBe(COUNT);
  return (await inside()).mine ?? 0;
}

describe.each(FLOODS)('what comes by a port beyond its limit is dropped in the bridge: $what', (flood) => {
  test('and nobody else notices', async () => {
    scene = await openScene(flood.policing);
    const passed = await arrived(flood);
    expect(passed).toBeGreaterThan(0);
    expect(passed).toBeLessThan(flood.most);
    expect(await reaches(scene.victim)).toBe(true);
    const chain = await scene.box.sh('nft list chain bridge one_tproxy police');
    const dropped = /counter packets (\d+) .*drop/.exec(chain)?.[1];
    expect(passed + Number(dropped)).toBe(COUNT);
  });

  test('without a limit all of it would come', async () => {
    scene = await openScene();
    expect(await scene.box.sh('nft list table bridge one_tproxy')).not.toContain('police');
    expect(await arrived(flood)).toBe(COUNT);
  });
});

test('a port that has used up its limit has it again a moment later', async () => {
  scene = await openScene(FLOODS[0].policing);
  await arrived(FLOODS[0]);
  await expect.poll(() => reaches(scene.attacker)).toBe(true);
});
