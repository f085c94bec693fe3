import { expect, test } from 'vitest';
import { addBridge } from '../support/network.ts';
import { ask, createSite, startGreeter, UPSTREAM_ADDRESS } from '../support/site.ts';

test('ip missing: the command says what to install, nothing is half done, guests are served', async () => {
  const { box, hypervisor, guest, host } = await createSite({
    services: { 5030: `${UPSTREAM_ADDRESS}:1111` },
  });
  try {
    await startGreeter(host, 1111, 'first');
    await hypervisor.deploy(guest);
    await addBridge(box, 'br7');
    const before = await box.sh('nft list ruleset; ip link show; ls /run/netns');
    // Every program but ip.
    await box.sh(`
      mkdir /run/test/bin
      for name in nft nsenter setpriv bash sh cat id env getent; do ln -s "$(command -v $name)" /run/test/bin/; done
    `);
    const up = ['/var/tmp/one/vnm/tproxy', 'up', '--bridge', 'br7', '--network', 'net'];
    const { status, stderr } = await box.run(['env', 'PATH=/run/test/bin', process.execPath, ...up]);
    expect(stderr).toContain('ip: not found; install the package iproute2');
    expect(status).toBe(1);
    expect(await box.sh('nft list ruleset; ip link show; ls /run/netns')).toBe(before);
    expect(await ask(guest, 5030)).toBe('first');
    await hypervisor.must('up', '--bridge', 'br7', '--network', 'net');
  } finally {
    await box.close();
  }
});
